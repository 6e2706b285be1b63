# SPDX-License-Identifier: BSD-3-Clause
# Everything that runs under 'make check', one fragment a room.

EXTRA_DIST += tests/check.sh tests/functions.sh tests/qmp.py \
	tests/qmp-proxy.py

include tests/plugin/local.mk
include tests/relay/local.mk
include tests/formats/local.mk
include tests/fuzz/local.mk
include tests/checkpoints/local.mk
include tests/controller/local.mk
include tests/capture/local.mk
include tests/guest/local.mk
include tests/oracle/local.mk
include tests/matrix/local.mk
include tests/end-to-end/local.mk
include tests/faults/local.mk
include tests/push/local.mk
include tests/quiesce/local.mk
include tests/libvirt/local.mk
include tests/bench/local.mk
