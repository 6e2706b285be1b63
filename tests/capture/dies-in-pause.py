# SPDX-License-Identifier: BSD-3-Clause
# Between a daemon and its monitor; kills the daemon, whose pid is in a file, as
# soon as it asks for the transaction of a guest that is stopped:
#   dies-in-pause.py LISTEN MONITOR PID-FILE
import os
import select
import signal
import socket
import sys

listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
killed = False
while True:
    client, _ = listener.accept()
    monitor = socket.socket(socket.AF_UNIX)
    monitor.connect(sys.argv[2])
    while True:
        ready, _, _ = select.select([client, monitor], [], [])
        data = ready[0].recv(65536)
        if not data:
            break
        if ready[0] is client and b'"transaction"' in data and not killed:
            killed = True
            os.kill(int(open(sys.argv[3]).read()), signal.SIGKILL)
            break
        (monitor if ready[0] is client else client).sendall(data)
    client.close()
    monitor.close()
