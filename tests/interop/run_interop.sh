#!/bin/bash
# Other people's clients against a server of ours: a real truebootd over TLS with its own CA. Prints TAP.
# usage: run_interop.sh BUILD_FOLDER REPORT_MAKER
set -uo pipefail
build=$1 maker=$2 here=$(cd "$(dirname "$0")" && pwd)

skip() {
    echo "1..1"
    echo "ok 1 - other people's clients # SKIP $1"
    exit 0
}

command -v node >/dev/null || skip "node is not installed"
[ -d "$here/node_modules" ] || skip "tests/interop/node_modules is not there: npm ci"
command -v openssl >/dev/null || skip "openssl is not installed"

folder=$(mktemp -d) server=
# shellcheck disable=SC2317
finish() {
    [ -n "$server" ] && kill "$server" 2>/dev/null && wait "$server"
    rm -rf "$folder"
}
trap finish EXIT

for name in one two; do
    openssl req -x509 -newkey rsa:2048 -nodes -subj "/CN=policy signer $name" -days 2 \
        -keyout "$folder/$name.key" -out "$folder/$name.pem" 2>/dev/null || skip "openssl made no certificate"
done
port=$(python3 "$here/../system/ports.py") || skip "python3 is not installed"
"$build/src/truebootd/truebootd" --data "$folder/data" --listen "127.0.0.1:$port" >"$folder/log" 2>&1 &
server=$!
for _ in $(seq 600); do
    [ -S "$folder/data/truebootd.sock" ] && (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break
    sleep 0.1
done
"$maker" 2>"$folder/report.json" >/dev/null
NODE_EXTRA_CA_CERTS=$folder/data/ca.pem node "$here/clients.mjs" "https://localhost:$port" "$folder"
status=$?
[ "$status" = 0 ] || sed 's/^/# server: /' "$folder/log"
exit "$status"
