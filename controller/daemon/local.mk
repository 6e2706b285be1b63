# SPDX-License-Identifier: BSD-3-Clause
# pullbackd: HTTP in front of the operations.

sbin_PROGRAMS += controller/pullbackd
MAN_PODS += docs/pullbackd.8
controller_pullbackd_CFLAGS = \
	$(AM_CFLAGS) $(JSON_C_CFLAGS) $(LIBXML2_CFLAGS) $(LIBMICROHTTPD_CFLAGS)
controller_pullbackd_LDADD = \
	controller/libcontroller.la $(LIBMICROHTTPD_LIBS)
controller_pullbackd_SOURCES = \
	controller/daemon/http.c controller/daemon/http.h \
	controller/daemon/instance.c controller/daemon/instance.h \
	controller/daemon/main.c \
	controller/daemon/notify.c controller/daemon/notify.h \
	controller/daemon/routes.c controller/daemon/routes.h

# Folders in it are those of make's variables, which configure does not expand.
systemdsystemunitdir = @systemdsystemunitdir@
systemdsystemunit_DATA = %D%/pullbackd.service
EXTRA_DIST += %D%/pullbackd.service.in
CLEANFILES += %D%/pullbackd.service
%D%/pullbackd.service: %D%/pullbackd.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) %D% && \
	  $(SED) 's,@sbindir[@],$(sbindir),' $(srcdir)/%D%/pullbackd.service.in >$@
