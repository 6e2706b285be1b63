# SPDX-License-Identifier: BSD-3-Clause
# pullback-relay: the NBD server that clients see.

bin_PROGRAMS += %D%/pullback-relay
%C%_pullback_relay_SOURCES = %D%/main.c
%C%_pullback_relay_CFLAGS = $(AM_CFLAGS) $(GNUTLS_CFLAGS)
%C%_pullback_relay_LDADD = %D%/librelay.la

# All of it but main, for programs that test it, too.
noinst_LTLIBRARIES += %D%/librelay.la
%C%_librelay_la_CFLAGS = $(AM_CFLAGS) $(LIBNBD_CFLAGS) $(GNUTLS_CFLAGS) \
	$(LIBSECCOMP_CFLAGS)
%C%_librelay_la_LIBADD = plugin/libmap.la $(LIBNBD_LIBS) $(GNUTLS_LIBS) \
	$(LIBSECCOMP_LIBS)
%C%_librelay_la_SOURCES = \
	%D%/accounting.c %D%/accounting.h \
	%D%/address.c %D%/address.h \
	%D%/block-status.c %D%/block-status.h \
	%D%/confinement.c %D%/confinement.h \
	%D%/configuration.c %D%/configuration.h \
	%D%/connection.c %D%/connection.h \
	%D%/control.c %D%/control.h \
	%D%/control-commands.c %D%/control-commands.h \
	%D%/contexts.c %D%/contexts.h \
	%D%/delivered.c %D%/delivered.h \
	%D%/errand-child.c %D%/errand-child.h \
	%D%/errand-orders.c %D%/errand-orders.h \
	%D%/errands.c %D%/errands.h \
	%D%/exports.c %D%/exports.h \
	%D%/handle.c %D%/handle.h \
	%D%/handshake.c \
	%D%/keys.c %D%/keys.h \
	%D%/listener.c %D%/listener.h \
	%D%/map-fetcher.c %D%/map-fetcher.h \
	%D%/message.c %D%/message.h \
	%D%/names.c %D%/names.h \
	%D%/options.h %D%/options-context.c %D%/options-export.c \
	%D%/protocol.h \
	%D%/ranges.c \
	%D%/reclaimer.c %D%/reclaimer.h \
	%D%/relay.c %D%/relay.h \
	%D%/replies.c \
	%D%/reply.c %D%/reply.h \
	%D%/runs.c %D%/runs.h \
	%D%/server.c %D%/server.h \
	%D%/slots.c \
	%D%/split.c \
	%D%/source.c %D%/source.h %D%/source-map.c %D%/source-status.c \
	%D%/sources.c %D%/sources.h \
	%D%/stream.c %D%/stream.h \
	%D%/tickets.c %D%/tickets.h \
	%D%/tls.c %D%/tls.h \
	%D%/threads.c %D%/threads.h \
	%D%/transmission.c %D%/transmission.h \
	%D%/upstream.c %D%/upstream.h \
	%D%/whole-blocks.c %D%/whole-blocks.h
