# SPDX-License-Identifier: BSD-3-Clause
# Changes single clusters all over an NBD export: COUNT writes of 4 KiB, evenly
# spread, many in flight.    image.py URI COUNT
import sys
import nbd

CLUSTER = 65536
IN_FLIGHT = 64

handle = nbd.NBD()
handle.connect_uri(sys.argv[1])
count = int(sys.argv[2])
clusters = handle.get_size() // CLUSTER
data = nbd.Buffer.from_bytearray(bytearray(b"\x5a" * 4096))
for i in range(count):
    while handle.aio_in_flight() >= IN_FLIGHT:
        handle.poll(-1)
    handle.aio_pwrite(data, i * clusters // count * CLUSTER,
                      completion=lambda error: 1 if not error else sys.exit(1))
while handle.aio_in_flight() > 0:
    handle.poll(-1)
handle.shutdown()
