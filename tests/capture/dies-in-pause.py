# SPDX-License-Identifier: BSD-3-Clause
# Between a daemon and its monitor; keeps back what is to be done while the guest
# is stopped, and kills the daemon, whose pid is in a file, as soon as it is:
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
    stopping = False
    while True:
        ready, _, _ = select.select([client, monitor], [], [])
        data = ready[0].recv(1 << 20)
        if not data:
            break
        if ready[0] is client and b'"qom-set"' in data and not killed:
            data = data[:data.index(b'\n', data.index(b'"stop"')) + 1]
            stopping = True
        (monitor if ready[0] is client else client).sendall(data)
        if stopping and ready[0] is monitor and b'"STOP"' in data:
            killed = True
            os.kill(int(open(sys.argv[3]).read()), signal.SIGKILL)
            break
    client.close()
    monitor.close()
