# SPDX-License-Identifier: BSD-3-Clause
# Man pages from POD: NAME.SECTION is made from docs/NAME.pod, whose section is
# the suffix listed in MAN_PODS (docs/pullback.1 for docs/pullback.pod).

MAN_PODS += docs/pullback-relay.1
MAN_PODS += docs/nbdkit-pullback-plugin.1
man_MANS += $(MAN_PODS)
CLEANFILES += $(MAN_PODS)
EXTRA_DIST += $(patsubst %.8,%.pod,$(MAN_PODS:.1=.pod))

# What the man pages refer to.
dist_doc_DATA = README.md SECURITY.md LICENSE \
	docs/api.md docs/architecture.md docs/checkpoints.md docs/formats.md \
	docs/nbd-rules.md docs/performance.md docs/reliability.md \
	docs/growth-map.svg docs/growth-memory.svg \
	docs/growth-disks.svg docs/growth-domains.svg

schemadir = $(pkgdatadir)/schemas
dist_schema_DATA = \
	docs/schemas/domainbackup.rng \
	docs/schemas/domaincheckpoint.rng

docs/%.1: docs/%.pod
	$(AM_V_GEN)$(MKDIR_P) docs && $(POD2MAN) --utf8 --section=1 \
	  --name=$* --release=$(PACKAGE_VERSION) --center=Pullback \
	  --errors=die $< $@
docs/%.8: docs/%.pod
	$(AM_V_GEN)$(MKDIR_P) docs && $(POD2MAN) --utf8 --section=8 \
	  --name=$* --release=$(PACKAGE_VERSION) --center=Pullback \
	  --errors=die $< $@
