# SPDX-License-Identifier: BSD-3-Clause
# pullbackd, the client library and the CLI, with and without a real QEMU.

controller_tests = \
	%D%/test-autostart.sh \
	%D%/test-checkpoints.sh \
	%D%/test-client.sh \
	%D%/test-completion.sh \
	%D%/test-daemon.sh \
	%D%/test-domains.sh \
	%D%/test-http.sh \
	%D%/test-man-pages.sh \
	%D%/test-usage.sh
TESTS += $(controller_tests)
EXTRA_DIST += $(controller_tests) %D%/request.py

check_PROGRAMS += %D%/client
%C%_client_SOURCES = %D%/client.c
%C%_client_LDADD = controller/libpullback.la
