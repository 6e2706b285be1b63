# SPDX-License-Identifier: BSD-3-Clause

controller_libcontroller_la_SOURCES += \
	controller/domain/backups.c \
	controller/domain/bitmaps.c controller/domain/bitmaps.h \
	controller/domain/change.c controller/domain/change.h \
	controller/domain/checkpoint_delete.c \
	controller/domain/checkpoint_edit.c \
	controller/domain/checkpoint_import.c \
	controller/domain/checkpoint_redefine.c \
	controller/domain/checkpoint_redefine.h \
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
	controller/domain/job_begin.c \
	controller/domain/job_clock.c \
	controller/domain/job_describe.c \
	controller/domain/job_events.c \
	controller/domain/job_journal.c \
	controller/domain/job_kind.h \
	controller/domain/job_pull.c controller/domain/job_pull.h \
	controller/domain/job_push.c \
	controller/domain/job_tell.c \
	controller/domain/job_tickets.c \
	controller/domain/journal.c controller/domain/journal.h \
	controller/domain/json.h \
	controller/domain/monitor.c controller/domain/monitor.h \
	controller/domain/operations.h \
	controller/domain/other_bitmaps.c controller/domain/other_bitmaps.h \
	controller/domain/plan.c controller/domain/plan.h \
	controller/domain/plan_checkpoint.c \
	controller/domain/plan_restore.c \
	controller/domain/recovery.c controller/domain/recovery.h \
	controller/domain/plan_pull.c controller/domain/plan_push.c \
	controller/domain/pull_capture.c \
	controller/domain/pull_describe.c \
	controller/domain/pull_record.c \
	controller/domain/pull_scratch.c \
	controller/domain/pull_server.c \
	controller/domain/quiesce.c controller/domain/quiesce.h \
	controller/domain/plan_scratch.c controller/domain/plan_scratch.h \
	controller/domain/scratch_watch.c controller/domain/scratch_watch.h \
	controller/domain/settler.c controller/domain/settler.h \
	controller/domain/reads.c controller/domain/reads.h \
	controller/domain/reconcile.c controller/domain/reconcile.h \
	controller/domain/service.c controller/domain/service.h \
	controller/domain/exports.c controller/domain/exports.h \
	controller/domain/ticket.c controller/domain/ticket.h \
	controller/domain/tickets.c controller/domain/tickets.h \
	controller/domain/uri.c controller/domain/uri.h
