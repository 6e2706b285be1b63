# SPDX-License-Identifier: BSD-3-Clause
# Checkpoints: the tree, sizes, redefinition, deletion, crashes, import, backing
# chains, all on a real QEMU.

checkpoint_tests = \
	%D%/test-backing-chains.sh \
	%D%/test-broken.sh \
	%D%/test-clock.sh \
	%D%/test-crash.sh \
	%D%/test-delete.sh \
	%D%/test-generations.sh \
	%D%/test-images.sh \
	%D%/test-import.sh \
	%D%/test-info.sh \
	%D%/test-list.sh \
	%D%/test-lying-qemu.sh \
	%D%/test-many.sh \
	%D%/test-redefine.sh
TESTS += $(checkpoint_tests)
EXTRA_DIST += $(checkpoint_tests) %D%/functions.sh %D%/liar.py
