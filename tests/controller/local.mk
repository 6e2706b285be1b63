# SPDX-License-Identifier: BSD-3-Clause
# pullbackd, the client library and the CLI, with and without a real QEMU.

controller_tests = \
	%D%/test-autostart.sh \
	%D%/test-checkpoints.sh \
	%D%/test-client.sh \
	%D%/test-completion.sh \
	%D%/test-daemon.sh \
	%D%/test-domains.sh \
	%D%/test-events.sh \
	%D%/test-http.sh \
	%D%/test-man-pages.sh \
	%D%/test-service-manager.sh \
	%D%/test-usage.sh
TESTS += $(controller_tests) %D%/test-paths
EXTRA_DIST += $(controller_tests) %D%/request.py

check_PROGRAMS += %D%/client %D%/test-paths
%C%_client_SOURCES = %D%/client.c
%C%_client_LDADD = controller/libpullback.la
%C%_test_paths_SOURCES = %D%/test-paths.c
%C%_test_paths_LDADD = controller/libcontroller.la
