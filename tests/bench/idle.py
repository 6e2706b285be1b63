# SPDX-License-Identifier: BSD-3-Clause
# Opens connections that have each read once, says so, and holds them.
#   idle.py URI COUNT
import sys
import time
import nbd

handles = []
for _ in range(int(sys.argv[2])):
    handle = nbd.NBD()
    handle.connect_uri(sys.argv[1])
    handle.pread(4096, 0)
    handles.append(handle)
# What an active connection holds is given back after a while of idling.
time.sleep(2)
print("ready", flush=True)
time.sleep(600)
