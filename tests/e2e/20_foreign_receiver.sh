#!/usr/bin/env bash
# A receiver that shares no code with Millrace verifies a long run of awkward events: HMAC over the raw bytes, and again after JavaScript has
# re-serialised the JSON; nothing rejected, lost, doubled or out of order, nothing expired. 100,000 events, with MILLRACE_FULL=1 a million.
# shellcheck source-path=SCRIPTDIR source=_init.sh
. "$(dirname "$0")/_init.sh"
# shellcheck source-path=SCRIPTDIR source=_world.sh
. "$(dirname "$0")/_world.sh"

command -v node >/dev/null || e2e_skip 'node is not installed'

events=100000
[ -z "${MILLRACE_FULL:-}" ] || events=1000000

nothing_pending() {
  world_ask status | grep -q '"queued":0,.*"on_the_way":0,.*"pending":0,'
}

world_config >"$E2E_DIR/millraced.yaml" <<END
port: {device: "$(world_port)", queues: 2}
topology:
  shards: 2
  deliveries: 2
  lcores: [{cpu: $WORLD_CPU, stages: [ingest0, ingest1, shard0, shard1, journal, delivery0, delivery1]}]
END
e2e_start receiver node "$(dirname "$0")/receiver.js" "$WORLD_PORT" "$E2E_DIR/ledger" "$WORLD_PATHS"
receiver=$E2E_PID
e2e_wait_for 10 grep -q listening "$E2E_DIR/receiver.log"
world_start_router foreign
echo "sending $events awkward events"
world_send foreign --awkward --events "$events" --rate 20k --sessions 2 --queues 2 --retry-refused --settle-wait 60s \
  || e2e_fail "the sender: $(cat "$E2E_DIR/foreign.send.err" "$E2E_DIR/foreign.send.log")"
e2e_wait_for 120 nothing_pending
world_ask stats >"$E2E_DIR/foreign.stats"
kill -TERM "$receiver"
wait "$receiver" || e2e_fail "the receiver: $(tail -n 1 "$E2E_DIR/receiver.log")"
tail -n 1 "$E2E_DIR/receiver.log"
! grep -q '"expired":[1-9]' "$E2E_DIR/foreign.stats" || e2e_fail 'events expired'
world_stop_router
