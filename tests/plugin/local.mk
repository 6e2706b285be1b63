# SPDX-License-Identifier: BSD-3-Clause
# The plugin: its map alone, then its views against real NBD servers.

check_PROGRAMS += %D%/test-map
%C%_test_map_SOURCES = %D%/test-map.c
%C%_test_map_LDADD = plugin/libmap.la

if WITH_SANITIZERS
noinst_LTLIBRARIES += %D%/keep-locales.la
%C%_keep_locales_la_SOURCES = %D%/keep-locales.c
%C%_keep_locales_la_LDFLAGS = -module -avoid-version -shared -rpath /none
endif

plugin_tests = \
	%D%/test-broker.sh \
	%D%/test-changes-only.sh \
	%D%/test-copies.sh \
	%D%/test-errors.sh \
	%D%/test-large.sh \
	%D%/test-many-changes.sh \
	%D%/test-map-export.sh \
	%D%/test-overlay.sh \
	%D%/test-reclaim.sh \
	%D%/test-views.sh

TESTS += %D%/test-map $(plugin_tests)
EXTRA_DIST += \
	$(plugin_tests) \
	%D%/broker.py \
	%D%/keep-locales.c \
	%D%/plugin.sh \
	%D%/scripted-server.py \
	%D%/truth.py
