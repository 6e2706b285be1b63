# SPDX-License-Identifier: BSD-3-Clause
# Runs one command line in the guest, through the serial port's socket, prints
# its output and ends with its status:   console.py SOCKET SECONDS COMMAND
import os
import socket
import sys

path, limit, command = sys.argv[1:]
if "\n" in command:
    sys.exit("console.py: a command is one line")
connection = socket.socket(socket.AF_UNIX)
connection.settimeout(float(limit))
connection.connect(path)
# What an interrupted earlier call left in the port ends with another id.
name = os.urandom(8).hex()
connection.sendall(("%s %s\n" % (name, command)).encode())
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
