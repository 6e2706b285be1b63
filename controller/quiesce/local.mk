# SPDX-License-Identifier: BSD-3-Clause
# The freezer: what starts it, and the program itself.

controller_libcontroller_la_SOURCES += \
	controller/quiesce/freezer.c controller/quiesce/freezer.h

pkglibexec_PROGRAMS += controller/pullback-freezer
controller_pullback_freezer_CFLAGS = $(AM_CFLAGS) $(JSON_C_CFLAGS)
controller_pullback_freezer_LDADD = $(JSON_C_LIBS)
controller_pullback_freezer_SOURCES = \
	controller/common/error.c controller/common/error.h \
	controller/qmp/json.c controller/qmp/json.h \
	controller/qmp/stream.c controller/qmp/stream.h \
	controller/quiesce/agent.c controller/quiesce/agent.h \
	controller/quiesce/freezer.h \
	controller/quiesce/hook.c controller/quiesce/hook.h \
	controller/quiesce/main.c
