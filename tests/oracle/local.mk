# SPDX-License-Identifier: BSD-3-Clause

check_PROGRAMS += %D%/writer %D%/checker

# The writer runs in a guest without libraries, so that it is static, and no
# sanitizer of the build's is in it.
%C%_writer_SOURCES = %D%/writer.c %D%/schedule.h
%C%_writer_CFLAGS = $(WARNINGS)
%C%_writer_LDFLAGS = -all-static

%C%_checker_SOURCES = %D%/checker.c %D%/schedule.h

oracle_tests = %D%/test-checker.sh %D%/run-oracle.sh %D%/run-iothreads.sh \
	%D%/run-push.sh %D%/run-torture.sh
TESTS += $(oracle_tests)
EXTRA_DIST += $(oracle_tests) %D%/functions.sh %D%/run-methods.sh %D%/run-changes-only.sh \
	%D%/read_once.py %D%/run-reclaim.sh %D%/torture.py

# 'make torture TORTURE_SECONDS=3600', and TORTURE_SEED=... to have the same
# choices again.
TORTURE_SECONDS = 600
.PHONY: torture
torture: all $(check_PROGRAMS)
	@srcdir='$(abs_top_srcdir)' builddir='$(abs_top_builddir)' \
	  TORTURE_SECONDS=$(TORTURE_SECONDS) ./run \
	  '$(srcdir)/tests/oracle/run-torture.sh'
