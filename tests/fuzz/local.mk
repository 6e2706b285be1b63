# SPDX-License-Identifier: BSD-3-Clause
# 'make fuzz FUZZ_SECONDS=60' builds and runs a libFuzzer target for each
# document, with the corpus of tests/formats as the seed.  It needs clang.

FUZZ_SECONDS = 60
FUZZ_CLANG = clang
FUZZ_TARGETS = tests/fuzz/fuzz-domaincheckpoint tests/fuzz/fuzz-domainbackup
FUZZ_FILES = \
	controller/common/error.c \
	$(filter controller/formats/%.c,$(controller_libcontroller_la_SOURCES)) \
	tests/fuzz/round-trip.c

EXTRA_DIST += \
	tests/fuzz/fuzz-domainbackup.c tests/fuzz/fuzz-domaincheckpoint.c \
	tests/fuzz/round-trip.c tests/fuzz/round-trip.h
CLEANFILES += $(FUZZ_TARGETS)

$(FUZZ_TARGETS): %: %.c $(FUZZ_FILES)
	$(AM_V_CCLD)$(MKDIR_P) $(@D) && $(FUZZ_CLANG) -O1 -g \
	  -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
	  $(DEFS) $(DEFAULT_INCLUDES) $(AM_CPPFLAGS) $(LIBXML2_CFLAGS) -pthread \
	  -DSCHEMAS='"$(abs_top_srcdir)/docs/schemas"' -o $@ $(filter %.c,$^) \
	  $(LIBXML2_LIBS)

# What is found is left in tests/fuzz/KIND.found as a file to be run again.
.PHONY: fuzz
fuzz: $(FUZZ_TARGETS)
	@for kind in checkpoint backup; do \
	  corpus=$$(mktemp -d) && \
	  cp $(srcdir)/tests/formats/corpus/$$kind/*/*.xml $$corpus && \
	  tests/fuzz/fuzz-domain$$kind -max_total_time=$(FUZZ_SECONDS) \
	    -exact_artifact_path=tests/fuzz/$$kind.found -print_final_stats=1 \
	    -max_len=4096 -timeout=10 -rss_limit_mb=2048 -verbosity=0 $$corpus; \
	  status=$$?; rm -r $$corpus; [ $$status -eq 0 ] || exit $$status; \
	done
