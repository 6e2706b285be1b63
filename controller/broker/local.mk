# SPDX-License-Identifier: BSD-3-Clause
# pullback-broker: small, with no library of others, so that nothing ends it.

pkglibexec_PROGRAMS += controller/pullback-broker
controller_pullback_broker_CFLAGS = $(AM_CFLAGS)
controller_pullback_broker_SOURCES = \
	controller/broker/broker.h \
	controller/broker/main.c \
	controller/common/error.c controller/common/error.h \
	controller/datapath/descriptors.c controller/datapath/descriptors.h \
	controller/datapath/listener.c controller/datapath/listener.h
