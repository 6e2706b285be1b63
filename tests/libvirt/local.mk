# SPDX-License-Identifier: BSD-3-Clause
# Beside a real libvirt, and against its schemas; skipped where it is not.

LIBVIRT_TESTS = \
	%D%/test-libvirt.sh \
	%D%/test-schemas.sh \
	%D%/test-virsh.sh

TESTS += $(LIBVIRT_TESTS)
EXTRA_DIST += $(LIBVIRT_TESTS) %D%/functions.sh
