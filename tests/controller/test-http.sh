#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What is wrong with a request is answered as docs/api.md says, and never
# reaches an operation.

. "$srcdir/tests/functions.sh"

# expect STATUS KIND TEXT METHOD PATH [BODY]
expect ()
{
  local status=$1 kind=$2 text=$3
  shift 3
  http "$@" >"$tmp/answer"
  same "status of $*" "$(head -n 1 "$tmp/answer")" "$status"
  grep -q "\"kind\":\"$kind\"" "$tmp/answer" && grep -q "$text" "$tmp/answer" ||
    fail "$*: wanted $kind '$text', got $(cat "$tmp/answer")"
}

start_pullbackd

same "version" "$(http GET /v1 | sed -n 2p)" \
  "{\"version\":\"$(pullbackd --version | cut -d' ' -f2)\"}"
same "no domains" "$(http GET /v1/domains | tail -n 1)" '{"domains":[]}'

expect 404 not-found "nothing at this path" GET /
expect 404 not-found "nothing at this path" GET /v2/domains
expect 404 not-found "nothing at this path" GET /v1/domains/web/nonsense
expect 404 not-found "nothing at this path" GET /v1/domains/web/backup/more
expect 405 invalid "PUT" PUT /v1/domains
grep -q "^Allow: GET, POST$" "$tmp/answer" || fail "no Allow with 405"
expect 405 invalid "POST" POST /v1/domains/web '{}'

# Names are decoded segment by segment: %2F is part of one.
expect 404 not-found "domain 'a b%' is not known" GET /v1/domains/a%20b%25
expect 404 not-found "domain 'blå' is not known" GET /v1/domains/bl%c3%A5
expect 400 invalid "contains '/'" GET /v1/domains/a%2Fb
expect 400 invalid "is empty" GET /v1/domains/
expect 400 invalid "is empty" GET /v1/domains//checkpoints
expect 400 invalid "hexadecimal" GET /v1/domains/%4
expect 400 invalid "hexadecimal" GET /v1/domains/%zz
expect 400 invalid "hexadecimal" GET /v1/domains/a%00b
expect 400 invalid "UTF-8" GET /v1/domains/%ff
expect 400 invalid "abort" DELETE '/v1/domains/web/backup?abort=perhaps'
expect 400 invalid "abort" GET '/v1/domains?abort=true'
expect 400 invalid "size" DELETE '/v1/domains/web/checkpoints/monday?size=true'
expect 400 invalid "children" GET '/v1/domains/web/checkpoints/monday?children=true'
expect 400 invalid "metadata" DELETE '/v1/domains/web/checkpoints/monday?metadata=1'
expect 400 invalid "exclude" DELETE \
  '/v1/domains/web/checkpoints/monday?children=true&children_only=true'
expect 400 invalid "'validate' needs" POST '/v1/domains/web/checkpoints' \
  '{"validate": true}'
expect 400 invalid "'redefine' of the request" POST \
  '/v1/domains/web/checkpoints' '{"redefine": "yes"}'
expect 400 invalid "force" DELETE '/v1/domains/web?force=yes'

expect 400 invalid "since" GET '/v1/events?since=-1'
expect 400 invalid "since" GET '/v1/events?since=9223372036854775807'
expect 400 invalid "since" GET '/v1/events?since'
expect 400 invalid "wait" GET '/v1/events?wait=61'
expect 400 invalid "wait" GET '/v1/events?wait=1s'
expect 400 invalid "hexadecimal" GET '/v1/events?domain=%zz'
expect 400 invalid "since" GET '/v1/domains?since=1'

expect 400 invalid "needs a body" POST /v1/domains
expect 400 invalid "takes no body" DELETE /v1/domains/web '{}'
expect 400 invalid "ends too early at byte 9 of 9" POST /v1/domains '{"name":"'
expect 400 invalid "not JSON" POST /v1/domains '{"name":"a"} {"name":"b"}'
expect 400 invalid "not JSON" POST /v1/domains "{'name':'a'}"
expect 400 invalid "not an object" POST /v1/domains '["name"]'
expect 400 invalid "not an object" POST /v1/domains 'null '
expect 400 invalid "NUL" POST /v1/domains '{"name":"a\u0000b","qmp":"/q"}'
printf '{"name":"\377","qmp":"/q"}' >"$tmp/body"
expect 400 invalid "not JSON" POST /v1/domains "@$tmp/body"
printf '[%.0s' {1..10000} >"$tmp/body"
expect 400 invalid "nesting too deep" POST /v1/domains "@$tmp/body"
expect 400 invalid "name" POST /v1/domains '{"name":"web"}'
expect 400 invalid "name" POST /v1/domains '{"name":1,"qmp":"/q"}'

# One byte over the limit, and one at the limit, which fails for its content.
head -c 4194305 /dev/zero >"$tmp/body"
expect 413 invalid "more than 4194304 bytes" POST /v1/domains "@$tmp/body"
truncate -s 4194304 "$tmp/body"
expect 400 invalid "not JSON" POST /v1/domains "@$tmp/body"

# Not HTTP at all, a request cut short, a method of any bytes.
/usr/bin/python3 - "$PULLBACK_HOME/run/pullbackd.sock" <<'PYTHON'
import socket, sys
def send(data, shut=False):
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(30)
    connection.connect(sys.argv[1])
    connection.sendall(data)
    if shut:
        connection.shutdown(socket.SHUT_WR)
    answer = b""
    try:
        while b"\r\n\r\n" not in answer:
            piece = connection.recv(65536)
            if not piece:
                break
            answer += piece
    except ConnectionResetError:
        pass
    return answer
send(b"\x00\xff\xfe garbage\r\n\r\n", shut=True)
send(b"POST /v1/domains HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{", shut=True)
answer = send(b"F\xff\xfe /v1 HTTP/1.1\r\nHost: x\r\n\r\n")
assert answer.startswith(b"HTTP/1.1 405 "), answer
answer = send(b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", shut=True)
assert not answer or answer.startswith(b"HTTP/1.1 4"), answer
PYTHON

# Many at once.
for i in {1..20}; do
  http GET /v1/domains >"$tmp/parallel.$i" &
  pids_of_clients[i]=$!
done
for i in {1..20}; do
  wait "${pids_of_clients[i]}"
  same "answer $i" "$(head -n 1 "$tmp/parallel.$i")" 200
done

kill -0 "$pullbackd_pid" || fail "the daemon is gone"
