# SPDX-License-Identifier: BSD-3-Clause
# One request to a daemon's socket, independent of the program under test:
#   request.py SOCKET METHOD PATH [BODY | @FILE]
import http.client
import socket
import sys


class Connection(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        self.sock.connect(sys.argv[1])


body = sys.argv[4].encode() if len(sys.argv) > 4 else None
if body and body.startswith(b"@"):
    with open(body[1:], "rb") as file:
        body = file.read()
connection = Connection("pullbackd")
connection.request(sys.argv[2], sys.argv[3], body)
answer = connection.getresponse()
print(answer.status)
if answer.getheader("Allow"):
    print("Allow: " + answer.getheader("Allow"))
print(answer.read().decode())
