# SPDX-License-Identifier: BSD-3-Clause

# The demo fails if any of its comparisons does.
guest_tests = %D%/test-guest.sh %D%/test-guest-agent.sh %D%/test-killed.sh %D%/demo.sh
TESTS += $(guest_tests)
EXTRA_DIST += $(guest_tests) %D%/guest.sh %D%/init %D%/console.py %D%/prepare.sh
