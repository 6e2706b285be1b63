# SPDX-License-Identifier: BSD-3-Clause

controller_libcontroller_la_SOURCES += \
	controller/datapath/broker.c controller/datapath/broker.h \
	controller/datapath/datapath.c controller/datapath/datapath.h \
	controller/datapath/listener.c controller/datapath/listener.h \
	controller/datapath/probe.c controller/datapath/probe.h \
	controller/datapath/process.c controller/datapath/process.h
