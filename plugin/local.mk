# SPDX-License-Identifier: BSD-3-Clause
# The nbdkit plugin, and the map that it shares with the relay.

noinst_LTLIBRARIES += %D%/libmap.la
%C%_libmap_la_SOURCES = %D%/map.c %D%/map.h

# Where nbdkit looks for it, whatever the prefix of the rest.
nbdkitplugindir = $(NBDKIT_PLUGINDIR)
nbdkitplugin_LTLIBRARIES = %D%/nbdkit-pullback-plugin.la
%C%_nbdkit_pullback_plugin_la_SOURCES = \
	%D%/plugin.c \
	%D%/discovery.c %D%/discovery.h \
	%D%/exports.c %D%/exports.h \
	%D%/extents.c %D%/extents.h \
	%D%/map-export.c %D%/map-export.h \
	%D%/pool.c %D%/pool.h \
	%D%/readable.c %D%/readable.h \
	%D%/reclaim.c %D%/reclaim.h \
	%D%/status.c %D%/status.h \
	%D%/upstream.c %D%/upstream.h
%C%_nbdkit_pullback_plugin_la_CFLAGS = \
	$(AM_CFLAGS) $(NBDKIT_CFLAGS) $(LIBNBD_CFLAGS)
%C%_nbdkit_pullback_plugin_la_LIBADD = %D%/libmap.la $(LIBNBD_LIBS)
%C%_nbdkit_pullback_plugin_la_LDFLAGS = \
	$(AM_LDFLAGS) -module -avoid-version -shared
