# SPDX-License-Identifier: BSD-3-Clause
# Runs commands in the guest, through the serial port's socket, prints
# its output and ends with its status:   console.py SOCKET SECONDS COMMAND
import base64
import os
import socket
import sys

path, limit, command = sys.argv[1:]
connection = socket.socket(socket.AF_UNIX)
connection.settimeout(float(limit))
connection.connect(path)
# What an interrupted earlier call left in the port ends with another id.
name = os.urandom(8).hex()
line = base64.b64encode(command.encode()).decode()
connection.sendall(
    ('%s eval "$(echo %s | base64 -d)"\n' % (name, line)).encode())
output = b""
while True:
    try:
        part = connection.recv(65536)
    except socket.timeout:
        sys.exit("console.py: no answer within %s s: %s" % (limit, command))
    if not part:
        sys.exit("console.py: QEMU closed the port during: " + command)
    output += part
    if not output.endswith(b"\n"):
        continue
    body, _, last = output[:-1].rpartition(b"end " + name.encode() + b" ")
    if last.isdigit() and (body or output.startswith(b"end " + name.encode())):
        sys.stdout.buffer.write(body)
        sys.stdout.flush()
        sys.exit(int(last))
