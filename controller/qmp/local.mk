# SPDX-License-Identifier: BSD-3-Clause

controller_libcontroller_la_SOURCES += \
	controller/qmp/json.c controller/qmp/json.h \
	controller/qmp/commands.c \
	controller/qmp/connect.c controller/qmp/connect.h \
	controller/qmp/events.c \
	controller/qmp/facts.c \
	controller/qmp/internal.h \
	controller/qmp/qmp.c controller/qmp/qmp.h \
	controller/qmp/schema.c \
	controller/qmp/stream.c controller/qmp/stream.h
