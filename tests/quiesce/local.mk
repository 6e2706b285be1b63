# SPDX-License-Identifier: BSD-3-Clause
# Quiescing: a guest agent's faults, by a scripted one, and hooks.  A real agent
# is in tests/guest.

quiesce_tests = \
	%D%/test-hook.sh \
	%D%/test-killed.sh \
	%D%/test-quiesce.sh
TESTS += $(quiesce_tests)
EXTRA_DIST += $(quiesce_tests) %D%/agent.py %D%/functions.sh
