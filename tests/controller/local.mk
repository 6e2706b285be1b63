# SPDX-License-Identifier: BSD-3-Clause
# pullbackd, the client library and the CLI, with and without a real QEMU.

TESTS += \
	%D%/test-autostart.sh \
	%D%/test-checkpoints.sh \
	%D%/test-daemon.sh \
	%D%/test-domains.sh \
	%D%/test-http.sh \
	%D%/test-man-pages.sh \
	%D%/test-usage.sh
EXTRA_DIST += \
	%D%/request.py \
	%D%/test-autostart.sh \
	%D%/test-checkpoints.sh \
	%D%/test-daemon.sh \
	%D%/test-domains.sh \
	%D%/test-http.sh \
	%D%/test-man-pages.sh \
	%D%/test-usage.sh
