# SPDX-License-Identifier: BSD-3-Clause
# The control path: one fragment a room, gathered in a convenience library that
# pullbackd and the unit tests link.

noinst_LTLIBRARIES += controller/libcontroller.la
controller_libcontroller_la_CFLAGS = \
	$(AM_CFLAGS) $(JSON_C_CFLAGS) $(LIBXML2_CFLAGS) $(LIBNBD_CFLAGS)
controller_libcontroller_la_CPPFLAGS = $(AM_CPPFLAGS) \
	-DPKGLIBEXECDIR='"$(pkglibexecdir)"'
controller_libcontroller_la_LIBADD = \
	$(JSON_C_LIBS) $(LIBXML2_LIBS) $(LIBNBD_LIBS)
controller_libcontroller_la_SOURCES = \
	controller/common/error.c controller/common/error.h \
	controller/common/nbd.c controller/common/nbd.h \
	controller/common/paths.c controller/common/paths.h

include controller/formats/local.mk
include controller/catalogue/local.mk
include controller/qmp/local.mk
include controller/quiesce/local.mk
include controller/disks/local.mk
include controller/capture/local.mk
include controller/datapath/local.mk
include controller/broker/local.mk
include controller/domain/local.mk
include controller/daemon/local.mk
include controller/client/local.mk
include controller/cli/local.mk
