# SPDX-License-Identifier: BSD-3-Clause
# 'make fuzz FUZZ_SECONDS=60' builds and runs the libFuzzer targets, one for each
# document and five for the relay; FUZZ="relay-upstream ..." chooses among them.
# It needs clang.  The test does so for a few seconds, and replays the corpus
# with the build's own compiler.

FUZZ_SECONDS = 60
FUZZ_CLANG = clang
FUZZ_CORPUS =
FUZZ = domaincheckpoint domainbackup \
	relay-handshake relay-transmission relay-upstream relay-map relay-runs
FUZZ_TARGETS = $(FUZZ:%=tests/fuzz/fuzz-%)

fuzz_documents = tests/fuzz/round-trip.c \
	controller/common/error.c \
	$(filter controller/formats/%.c,$(controller_libcontroller_la_SOURCES))
fuzz_relay = tests/fuzz/relay-client.c tests/fuzz/relay-judge.c tests/fuzz/relay-origin.c \
	tests/fuzz/relay-script.c tests/fuzz/relay-session.c
fuzz_relay_all = $(fuzz_relay) \
	$(filter %.c,$(plugin_libmap_la_SOURCES) $(plugin_relay_librelay_la_SOURCES))

fuzz_sources = tests/fuzz/fuzz-domaincheckpoint.c \
	tests/fuzz/fuzz-domainbackup.c tests/fuzz/fuzz-relay-handshake.c \
	tests/fuzz/fuzz-relay-transmission.c tests/fuzz/fuzz-relay-upstream.c \
	tests/fuzz/fuzz-relay-map.c tests/fuzz/fuzz-relay-runs.c
fuzz_headers = tests/fuzz/fuzz.h tests/fuzz/round-trip.h \
	tests/fuzz/relay-client.h tests/fuzz/relay-judge.h \
	tests/fuzz/relay-origin.h \
	tests/fuzz/relay-script.h tests/fuzz/relay-session.h
EXTRA_DIST += $(fuzz_sources) $(fuzz_headers) tests/fuzz/round-trip.c \
	tests/fuzz/corpus tests/fuzz/record.py tests/fuzz/test-fuzz.sh
TESTS += tests/fuzz/test-fuzz.sh

# The relay's targets without libFuzzer.
check_PROGRAMS += %D%/replay-relay-handshake %D%/replay-relay-transmission \
	%D%/replay-relay-upstream %D%/replay-relay-map %D%/replay-relay-runs
fuzz_replay = $(fuzz_relay) tests/fuzz/fuzz.c tests/fuzz/replay.c
fuzz_replay_cflags = $(AM_CFLAGS) $(GNUTLS_CFLAGS)
%C%_replay_relay_handshake_SOURCES = $(fuzz_replay) %D%/fuzz-relay-handshake.c
%C%_replay_relay_handshake_CFLAGS = $(fuzz_replay_cflags)
%C%_replay_relay_handshake_LDADD = plugin/relay/librelay.la
%C%_replay_relay_transmission_SOURCES = \
	$(fuzz_replay) %D%/fuzz-relay-transmission.c
%C%_replay_relay_transmission_CFLAGS = $(fuzz_replay_cflags)
%C%_replay_relay_transmission_LDADD = plugin/relay/librelay.la
%C%_replay_relay_upstream_SOURCES = $(fuzz_replay) %D%/fuzz-relay-upstream.c
%C%_replay_relay_upstream_CFLAGS = $(fuzz_replay_cflags)
%C%_replay_relay_upstream_LDADD = plugin/relay/librelay.la
%C%_replay_relay_map_SOURCES = $(fuzz_replay) %D%/fuzz-relay-map.c
%C%_replay_relay_map_CFLAGS = $(fuzz_replay_cflags)
%C%_replay_relay_map_LDADD = plugin/relay/librelay.la
%C%_replay_relay_runs_SOURCES = tests/fuzz/fuzz.c tests/fuzz/replay.c \
	%D%/fuzz-relay-runs.c
%C%_replay_relay_runs_CFLAGS = $(fuzz_replay_cflags)
%C%_replay_relay_runs_LDADD = plugin/relay/librelay.la

# clang's objects, apart from those of the build.
fuzz_objects = tests/fuzz/objects
$(fuzz_objects)/%.o: %.c
	$(AM_V_CC)$(MKDIR_P) $(@D) && $(FUZZ_CLANG) -O1 -g -MMD -pthread \
	  -fsanitize=fuzzer-no-link,address,undefined \
	  -fno-sanitize-recover=undefined $(DEFS) $(DEFAULT_INCLUDES) \
	  $(AM_CPPFLAGS) $(LIBXML2_CFLAGS) \
	  $(filter -I% -D%,$(plugin_relay_librelay_la_CFLAGS)) \
	  -DSCHEMAS='"$(abs_top_srcdir)/docs/schemas"' -c -o $@ $<
-include $(wildcard $(fuzz_objects)/*/*.d $(fuzz_objects)/*/*/*.d)

fuzz_object_files = $(patsubst %.c,$(fuzz_objects)/%.o,$(1))
tests/fuzz/fuzz-domain%: $(fuzz_objects)/tests/fuzz/fuzz-domain%.o \
  $(call fuzz_object_files,tests/fuzz/fuzz.c $(fuzz_documents))
	$(fuzz_link) $(LIBXML2_LIBS)
tests/fuzz/fuzz-relay-%: $(fuzz_objects)/tests/fuzz/fuzz-relay-%.o \
  $(call fuzz_object_files,tests/fuzz/fuzz.c $(fuzz_relay_all))
	$(fuzz_link) $(filter-out %.la,$(plugin_relay_librelay_la_LIBADD))
fuzz_link = $(AM_V_CCLD)$(FUZZ_CLANG) -pthread \
	-fsanitize=fuzzer,address,undefined -o $@ $^

# The inputs to begin with, and those of FUZZ_CORPUS, a folder whose folders
# TARGET keep what is learnt from one run to the next.
fuzz_seeds = $(srcdir)/tests/fuzz/corpus/$$target/* \
	$(srcdir)/tests/formats/corpus/$${target\#domain}/*/*.xml

# What is found is left in tests/fuzz/TARGET.found as a file to be run again.
.PHONY: fuzz fuzz-targets
.SECONDARY:
fuzz-targets: $(FUZZ_TARGETS)
fuzz: fuzz-targets
	@for target in $(FUZZ); do \
	  if [ -n "$(FUZZ_CORPUS)" ]; then corpus=$(FUZZ_CORPUS)/$$target; \
	    mkdir -p $$corpus; else corpus=$$(mktemp -d); fi; \
	  for seed in $(fuzz_seeds); do \
	    [ ! -f $$seed ] || cp $$seed $$corpus || exit; done; \
	  echo "$$target:"; \
	  tests/fuzz/fuzz-$$target -max_total_time=$(FUZZ_SECONDS) $(FUZZ_FLAGS) \
	    -exact_artifact_path=tests/fuzz/$$target.found -print_final_stats=1 \
	    -max_len=4096 -timeout=30 -rss_limit_mb=2048 -verbosity=0 \
	    -close_fd_mask=2 $$corpus; \
	  status=$$?; [ -n "$(FUZZ_CORPUS)" ] || rm -r $$corpus; \
	  [ $$status -eq 0 ] || exit $$status; \
	done
clean-local: clean-fuzz
clean-fuzz:
	rm -rf $(fuzz_objects) tests/fuzz/fuzz-domaincheckpoint \
	  tests/fuzz/fuzz-domainbackup tests/fuzz/fuzz-relay-handshake \
	  tests/fuzz/fuzz-relay-transmission tests/fuzz/fuzz-relay-upstream \
	  tests/fuzz/fuzz-relay-map tests/fuzz/fuzz-relay-runs
