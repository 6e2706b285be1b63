# SPDX-License-Identifier: BSD-3-Clause

controller_libcontroller_la_SOURCES += \
	controller/domain/backups.c \
	controller/domain/bitmaps.c controller/domain/bitmaps.h \
	controller/domain/checkpoints.c \
	controller/domain/domains.c \
	controller/domain/job.c controller/domain/job.h \
	controller/domain/json.h \
	controller/domain/monitor.c controller/domain/monitor.h \
	controller/domain/operations.h \
	controller/domain/plan.c controller/domain/plan.h \
	controller/domain/plan_checkpoint.c \
	controller/domain/service.c controller/domain/service.h
