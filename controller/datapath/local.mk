# SPDX-License-Identifier: BSD-3-Clause

controller_libcontroller_la_SOURCES += \
	controller/datapath/arguments.c controller/datapath/arguments.h \
	controller/datapath/child.c controller/datapath/child.h \
	controller/datapath/control.c controller/datapath/control.h \
	controller/datapath/datapath.c controller/datapath/datapath.h \
	controller/datapath/descriptors.c controller/datapath/descriptors.h \
	controller/datapath/listener.c controller/datapath/listener.h \
	controller/datapath/probe.c controller/datapath/probe.h \
	controller/datapath/process.c controller/datapath/process.h \
	controller/datapath/restarts.h
