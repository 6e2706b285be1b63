# SPDX-License-Identifier: BSD-3-Clause
# A fault of the monitor at each command of a begin and an end.

fault_tests = \
	%D%/test-close.sh \
	%D%/test-close-after.sh \
	%D%/test-deaf.sh \
	%D%/test-error.sh \
	%D%/test-lost.sh \
	%D%/test-odd.sh \
	%D%/test-twice.sh
TESTS += $(fault_tests)
EXTRA_DIST += $(fault_tests) %D%/faults.py %D%/functions.sh
