# SPDX-License-Identifier: BSD-3-Clause
# pullback: the command line, a file for each group of verbs.

bin_PROGRAMS += controller/pullback
MAN_PODS += docs/pullback.1
controller_pullback_CFLAGS = \
	$(AM_CFLAGS) $(JSON_C_CFLAGS) $(LIBXML2_CFLAGS)
controller_pullback_LDADD = \
	controller/libpullback.la controller/libcontroller.la
controller_pullback_SOURCES = \
	controller/cli/autostart.c controller/cli/autostart.h \
	controller/cli/backup.c \
	controller/cli/backup-begin.c controller/cli/backup-begin.h \
	controller/cli/backup-ticket.c controller/cli/backup-ticket.h \
	controller/cli/seconds.c controller/cli/seconds.h \
	controller/cli/checkpoint.c controller/cli/checkpoint.h \
	controller/cli/checkpoint-create.c \
	controller/cli/checkpoint-edit.c \
	controller/cli/checkpoint-import.c \
	controller/cli/checkpoint-list.c \
	controller/cli/checkpoint-tree.c controller/cli/checkpoint-tree.h \
	controller/cli/cut.c controller/cli/cut.h \
	controller/cli/domain.c \
	controller/cli/event.c \
	controller/cli/files.c controller/cli/files.h \
	controller/cli/main.c \
	controller/cli/parameters.c \
	controller/cli/reply.c controller/cli/reply.h \
	controller/cli/scratch.c controller/cli/scratch.h \
	controller/cli/table.c controller/cli/table.h \
	controller/cli/target.c controller/cli/target.h \
	controller/cli/verb.h \
	controller/cli/xpath.c controller/cli/xpath.h

# bash finds a command's completion by the command's name.
completiondir = $(datadir)/bash-completion/completions
dist_completion_DATA = %D%/bash-completion/pullback
