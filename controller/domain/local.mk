# SPDX-License-Identifier: BSD-3-Clause

controller_libcontroller_la_SOURCES += \
	controller/domain/backups.c \
	controller/domain/bitmaps.c controller/domain/bitmaps.h \
	controller/domain/change.c controller/domain/change.h \
	controller/domain/checkpoint-delete.c \
	controller/domain/checkpoint-edit.c \
	controller/domain/checkpoint-import.c \
	controller/domain/checkpoint-redefine.c \
	controller/domain/checkpoint-redefine.h \
	controller/domain/checkpoints.c \
	controller/domain/contexts.c controller/domain/contexts.h \
	controller/domain/domains.c \
	controller/domain/events.c controller/domain/events.h \
	controller/domain/family.c controller/domain/family.h \
	controller/domain/findings.c controller/domain/findings.h \
	controller/domain/generation.c controller/domain/generation.h \
	controller/domain/health.c controller/domain/health.h \
	controller/domain/images.c controller/domain/images.h \
	controller/domain/job.c controller/domain/job.h \
	controller/domain/job-begin.c \
	controller/domain/job-clock.c \
	controller/domain/job-describe.c \
	controller/domain/job-events.c \
	controller/domain/job-journal.c \
	controller/domain/job-kind.h \
	controller/domain/job-pull.c controller/domain/job-pull.h \
	controller/domain/job-push.c \
	controller/domain/job-tell.c \
	controller/domain/job-tickets.c \
	controller/domain/journal.c controller/domain/journal.h \
	controller/domain/json.h \
	controller/domain/monitor.c controller/domain/monitor.h \
	controller/domain/operations.h \
	controller/domain/other-bitmaps.c controller/domain/other-bitmaps.h \
	controller/domain/plan.c controller/domain/plan.h \
	controller/domain/plan-checkpoint.c \
	controller/domain/plan-restore.c \
	controller/domain/recovery.c controller/domain/recovery.h \
	controller/domain/plan-pull.c controller/domain/plan-push.c \
	controller/domain/pull-capture.c \
	controller/domain/pull-describe.c \
	controller/domain/pull-record.c \
	controller/domain/pull-scratch.c \
	controller/domain/pull-server.c \
	controller/domain/quiesce.c controller/domain/quiesce.h \
	controller/domain/plan-scratch.c controller/domain/plan-scratch.h \
	controller/domain/scratch-watch.c controller/domain/scratch-watch.h \
	controller/domain/settler.c controller/domain/settler.h \
	controller/domain/reads.c controller/domain/reads.h \
	controller/domain/reconcile.c controller/domain/reconcile.h \
	controller/domain/service.c controller/domain/service.h \
	controller/domain/exports.c controller/domain/exports.h \
	controller/domain/ticket.c controller/domain/ticket.h \
	controller/domain/tickets.c controller/domain/tickets.h \
	controller/domain/uri.c controller/domain/uri.h
