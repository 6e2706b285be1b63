# SPDX-License-Identifier: BSD-3-Clause
# The nbdkit plugin, and the map that it shares with the relay.

noinst_HEADERS += %D%/map.h
noinst_LTLIBRARIES += %D%/libmap.la
%C%_libmap_la_SOURCES = %D%/map.c
