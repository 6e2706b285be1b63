# SPDX-License-Identifier: BSD-3-Clause

check_PROGRAMS += %D%/writer %D%/checker

# The writer runs in a guest without libraries, so that it is static, and no
# sanitizer of the build's is in it.
%C%_writer_SOURCES = %D%/writer.c %D%/schedule.h
%C%_writer_CFLAGS = $(WARNINGS)
%C%_writer_LDFLAGS = -all-static

%C%_checker_SOURCES = %D%/checker.c %D%/schedule.h

oracle_tests = %D%/test-checker.sh %D%/run-oracle.sh %D%/run-iothreads.sh
TESTS += $(oracle_tests)
EXTRA_DIST += $(oracle_tests) %D%/run-methods.sh
