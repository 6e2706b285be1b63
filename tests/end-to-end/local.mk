# SPDX-License-Identifier: BSD-3-Clause
# The whole path, from the command line to QEMU's disks; also run with each QEMU
# of the matrix.

END_TO_END_TESTS = \
	%D%/test-bad-requests.sh \
	%D%/test-block-job.sh \
	%D%/test-block-stream.sh \
	%D%/test-changes-only.sh \
	%D%/test-client-stalls.sh \
	%D%/test-clients.sh \
	%D%/test-commit-and-abort.sh \
	%D%/test-daemon-dies.sh \
	%D%/test-daemon-restarts.sh \
	%D%/test-data-path-dies.sh \
	%D%/test-documents.sh \
	%D%/test-external-snapshot.sh \
	%D%/test-fallback.sh \
	%D%/test-full-and-incremental.sh \
	%D%/test-killed-in-begin.sh \
	%D%/test-killed-in-end.sh \
	%D%/test-max-duration.sh \
	%D%/test-migration.sh \
	%D%/test-pause.sh \
	%D%/test-prepare.sh \
	%D%/test-qemu-dies.sh \
	%D%/test-qemu-hangs.sh \
	%D%/test-reclaim.sh \
	%D%/test-relay-helpers-die.sh \
	%D%/test-require-complete.sh \
	%D%/test-resize.sh \
	%D%/test-scratch.sh \
	%D%/test-scratch-full.sh \
	%D%/test-scratch-slow.sh \
	%D%/test-state-folder.sh \
	%D%/test-tickets.sh \
	%D%/test-tls.sh \
	%D%/test-two-domains.sh \
	%D%/test-two-vendors.sh \
	%D%/test-unplug.sh

TESTS += $(END_TO_END_TESTS)
EXTRA_DIST += $(END_TO_END_TESTS) %D%/functions.sh %D%/others.sh %D%/tap.py
