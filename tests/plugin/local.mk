# SPDX-License-Identifier: BSD-3-Clause
# The plugin: its map alone, then its views against real NBD servers.

check_PROGRAMS += %D%/test-map
%C%_test_map_SOURCES = %D%/test-map.c
%C%_test_map_LDADD = plugin/libmap.la

TESTS += %D%/test-map
