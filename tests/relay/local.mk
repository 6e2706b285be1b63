# SPDX-License-Identifier: BSD-3-Clause
# The relay: rule by rule on the wire, with servers that misbehave, as a
# process, and with the clients that people have.

check_PROGRAMS += %D%/test-confinement %D%/test-runs %D%/test-sources
%C%_test_confinement_SOURCES = %D%/test-confinement.c
%C%_test_confinement_LDADD = plugin/relay/librelay.la
%C%_test_runs_SOURCES = %D%/test-runs.c
%C%_test_runs_LDADD = plugin/relay/librelay.la
%C%_test_sources_SOURCES = %D%/test-sources.c
%C%_test_sources_LDADD = plugin/relay/librelay.la

relay_tests = \
	%D%/test-accounting.py \
	%D%/test-backing.sh \
	%D%/test-clients.sh \
	%D%/test-compare.py \
	%D%/test-confined.py \
	%D%/test-crowds.py \
	%D%/test-extended.py \
	%D%/test-handshake.py \
	%D%/test-limits.py \
	%D%/test-maps.py \
	%D%/test-process.py \
	%D%/test-reclaim.py \
	%D%/test-rules.py \
	%D%/test-tickets.py \
	%D%/test-tls-clients.sh \
	%D%/test-tls.py \
	%D%/test-transmission.py \
	%D%/test-upstream.py

TESTS += %D%/test-confinement %D%/test-runs %D%/test-sources $(relay_tests)
EXTRA_DIST += \
	$(relay_tests) \
	%D%/certificates.sh \
	%D%/control.py \
	%D%/origin.py \
	%D%/stage.py \
	%D%/wire.py
