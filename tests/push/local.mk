# SPDX-License-Identifier: BSD-3-Clause
# Push backups; also run with each QEMU of the matrix.

PUSH_TESTS = \
	%D%/test-push-daemon-dies.sh \
	%D%/test-push-fails.sh \
	%D%/test-push-full.sh \
	%D%/test-push-incremental.sh \
	%D%/test-push-no-space.sh \
	%D%/test-push-target-error.sh \
	%D%/test-push-targets.sh

TESTS += $(PUSH_TESTS)
EXTRA_DIST += $(PUSH_TESTS) %D%/functions.sh
