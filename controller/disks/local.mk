# SPDX-License-Identifier: BSD-3-Clause

controller_libcontroller_la_SOURCES += \
	controller/disks/devices.c \
	controller/disks/disks.c controller/disks/disks.h \
	controller/disks/internal.h \
	controller/disks/naming.c \
	controller/disks/nodes.c controller/disks/nodes.h
