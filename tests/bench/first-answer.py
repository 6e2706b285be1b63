# SPDX-License-Identifier: BSD-3-Clause
# Prints how many microseconds the first answer to a block status takes, once
# connected.    first-answer.py URI CONTEXT
import sys
import time
import nbd

handle = nbd.NBD()
handle.add_meta_context(sys.argv[2])
handle.connect_uri(sys.argv[1])
start = time.monotonic()
handle.block_status(min(handle.get_size(), 1 << 31), 0, lambda *answer: 0)
print(int((time.monotonic() - start) * 1000000))
