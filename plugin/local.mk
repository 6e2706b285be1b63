# SPDX-License-Identifier: BSD-3-Clause
# The nbdkit plugin, and the map that it shares with the relay.

noinst_HEADERS += %D%/map.h
