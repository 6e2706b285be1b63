# SPDX-License-Identifier: BSD-3-Clause
# The benchmark: not a test, since nothing here depends on how fast it is.

check_PROGRAMS += %D%/bench-writer
%C%_bench_writer_SOURCES = %D%/writer.c
%C%_bench_writer_CFLAGS = $(WARNINGS) -pthread
%C%_bench_writer_LDFLAGS = -all-static

.PHONY: bench
bench: all %D%/bench-writer
	./run $(srcdir)/tests/bench/run.sh

EXTRA_DIST += \
	%D%/first-answer.py \
	%D%/functions.sh \
	%D%/idle.py \
	%D%/image.py \
	%D%/rows/10-pull.sh \
	%D%/rows/15-relay.sh \
	%D%/rows/20-tls.sh \
	%D%/rows/30-map.sh \
	%D%/rows/40-increment.sh \
	%D%/rows/50-begin.sh \
	%D%/rows/60-guest.sh \
	%D%/rows/70-growth-map.sh \
	%D%/rows/71-growth-disks.sh \
	%D%/rows/72-growth-domains.sh \
	%D%/plot.py \
	%D%/run.sh \
	%D%/stage-disks.sh \
	%D%/stage-map.sh \
	%D%/table.awk
