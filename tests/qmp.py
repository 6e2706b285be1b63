# SPDX-License-Identifier: BSD-3-Clause
# One QMP command for a test, independent of the program under test:
#   qmp.py SOCKET COMMAND [JSON-ARGUMENTS]
import json
import socket
import sys

connection = socket.socket(socket.AF_UNIX)
connection.settimeout(30)
connection.connect(sys.argv[1])
stream = connection.makefile("rw")


def execute(command, arguments):
    stream.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
    stream.flush()
    while True:
        line = stream.readline()
        if not line:
            sys.exit("qmp.py: QEMU closed the monitor during " + command)
        answer = json.loads(line)
        if "error" in answer:
            sys.exit("qmp.py: %s: %s" % (command, answer["error"]["desc"]))
        if "return" in answer:
            return answer["return"]


stream.readline()
execute("qmp_capabilities", {})
arguments = json.loads(sys.argv[3]) if len(sys.argv) > 3 else {}
print(json.dumps(execute(sys.argv[2], arguments)))
