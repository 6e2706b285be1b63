# SPDX-License-Identifier: BSD-3-Clause
# libpullback: the client library.  Only what pullback.h declares is visible.

lib_LTLIBRARIES += controller/libpullback.la
include_HEADERS = controller/client/pullback.h
controller_libpullback_la_CFLAGS = \
	$(AM_CFLAGS) $(JSON_C_CFLAGS) $(LIBCURL_CFLAGS)
controller_libpullback_la_LDFLAGS = $(AM_LDFLAGS) -version-info 0:0:0
controller_libpullback_la_LIBADD = $(JSON_C_LIBS) $(LIBCURL_LIBS)
controller_libpullback_la_SOURCES = \
	controller/client/handle.c controller/client/handle.h \
	controller/client/operations.c \
	controller/common/error.c controller/common/error.h \
	controller/common/paths.c controller/common/paths.h

pkgconfigdir = $(libdir)/pkgconfig
pkgconfig_DATA = controller/client/pullback.pc
