#!/usr/bin/env bash
# A receiver that shares no code with Millrace verifies a long run of awkward events: HMAC over the raw bytes, and again after JavaScript has
# re-serialised the JSON; nothing rejected, lost, doubled or out of order, nothing expired. 100,000 events, with MILLRACE_FULL=1 a million.
# shellcheck source-path=SCRIPTDIR source=_init.sh
. "$(dirname "$0")/_init.sh"

command -v node >/dev/null || e2e_skip 'node is not installed'

events=100000
[ -z "${MILLRACE_FULL:-}" ] || events=1000000
paths=8
load=$BUILD_DIR/dataplane/load/millrace-load
cli=$BUILD_DIR/control/cli/millrace

write_config() {
  local i
  cat <<END
durability: memory
state_dir: $E2E_DIR/state
port: {device: "net_memif0,role=server,socket=$E2E_DIR/memif.sock,socket-abstract=no", queues: 2}
shard: {buffer_bytes: 64MiB}
positions: {max: 1M}
direct: {socket: $E2E_DIR/direct.sock}
delivery: {allow_targets: [127.0.0.0/8]}
apps: [{name: foreign, app: 1, key: 1}]
topology:
  shards: 2
  deliveries: 2
  lcores: [{cpu: $(nproc --all | awk '{ print $1 - 1 }'), stages: [ingest0, ingest1, shard0, shard1, journal, delivery0, delivery1]}]
webhooks:
END
  for ((i = 0; i < paths; i++)); do
    echo "  - {name: hook-$i, resource: $((5001 + i)), target: \"http://127.0.0.1:8401/hook/$i\"}"
  done
}

ask() {
  "$cli" --direct --socket "$E2E_DIR/direct.sock" -o json "$@"
}

running() {
  ask status | grep -q '"state":"running"'
}

nothing_pending() {
  ask status | grep -q '"queued":0,.*"on_the_way":0,.*"pending":0,'
}

mkdir -m 0700 "$E2E_DIR/state"
write_config >"$E2E_DIR/millraced.yaml"
e2e_start receiver node "$(dirname "$0")/receiver.js" 8401 "$E2E_DIR/ledger" "$paths"
receiver=$E2E_PID
e2e_wait_for 10 grep -q listening "$E2E_DIR/receiver.log"
e2e_start millraced "$BUILD_DIR/dataplane/run/millraced" --config "$E2E_DIR/millraced.yaml"
e2e_wait_for 20 running
echo "sending $events awkward events"
"$load" send --port "net_memif0,role=client,socket=$E2E_DIR/memif.sock,socket-abstract=no" --to 10.74.0.1:7400 --from 10.74.0.2 \
  --awkward --events "$events" --rate 20k --sessions 2 --queues 2 --projects "$paths" --retry-refused --ledger "$E2E_DIR/ledger" \
  --settle-wait 60s --output json >"$E2E_DIR/send.json" || e2e_fail "the sender: $(cat "$E2E_DIR/send.json")"
e2e_wait_for 120 nothing_pending
ask stats >"$E2E_DIR/stats.json"
kill -TERM "$receiver"
wait "$receiver" || e2e_fail "the receiver: $(tail -n 1 "$E2E_DIR/receiver.log")"
tail -n 1 "$E2E_DIR/receiver.log"
! grep -q '"expired":[1-9]' "$E2E_DIR/stats.json" || e2e_fail 'events expired'
