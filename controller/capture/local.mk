# SPDX-License-Identifier: BSD-3-Clause

controller_libcontroller_la_SOURCES += \
	controller/capture/broken.c \
	controller/capture/capture.c controller/capture/capture.h \
	controller/capture/cut.c \
	controller/capture/exports.c \
	controller/capture/filter.c \
	controller/capture/guard.c \
	controller/capture/image.c controller/capture/image.h \
	controller/capture/internal.h \
	controller/capture/reserve.c \
	controller/capture/limit.c \
	controller/capture/methods.c \
	controller/capture/overlay.c \
	controller/capture/push.c controller/capture/push.h \
	controller/capture/push-internal.h \
	controller/capture/push-target.c \
	controller/capture/qcow2.c \
	controller/capture/recover.c \
	controller/capture/resume.c \
	controller/capture/scratch.c \
	controller/capture/transaction.c \
	controller/capture/undo.c controller/capture/undo.h \
	controller/capture/undo-device.c controller/capture/undo-device.h
