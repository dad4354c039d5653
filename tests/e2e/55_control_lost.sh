#!/usr/bin/env bash
# The control daemon is killed, and then stopped, while events flow: deliveries and acknowledgements do not notice, a ban goes past it, and on its
# return the ban is listed and audited, with nobody lending a hand.
#
# Ten seconds each; with MILLRACE_FULL=1 ten minutes.
# shellcheck source-path=SCRIPTDIR source=_init.sh
. "$(dirname "$0")/_init.sh"
# shellcheck source-path=SCRIPTDIR source=_world.sh
. "$(dirname "$0")/_world.sh"
# shellcheck source-path=SCRIPTDIR source=_control.sh
. "$(dirname "$0")/_control.sh"

seconds=10
[ -z "${MILLRACE_FULL:-}" ] || seconds=600
rate=20000

world_config >"$E2E_DIR/millraced.yaml" <<END
port: {device: "$(world_port)"}
topology: {shards: 2, lcores: [{cpu: $WORLD_CPU, stages: [ingest0, shard0, shard1, journal, delivery0]}]}
END

# The traffic of one phase, in the background, with its receiver; the router stays.
begin_traffic() {
  rm -f "$E2E_DIR/ledger"
  e2e_start "$1.sink" "${world_beside[@]}" "$world_load" sink --listen "127.0.0.1:$WORLD_PORT" --ledger "$E2E_DIR/ledger" --until-settled --output json
  sink=$E2E_PID
  e2e_wait_for 10 world_listening
  world_start_router "$1"
  control_start "$1"
  e2e_wait_for 10 control_is /v1/status '.router.connected'
  world_send "$1" --rate "$rate" --duration "${seconds}s" &
  sender=$!
  E2E_PIDS+=("$sender")
  sleep 2
}

end_traffic() {
  wait "$sender" || e2e_fail "$1: the producer ended with exit code $?"
  wait "$sink" || e2e_fail "$1: the receiver found something wrong: $(tail -n 1 "$E2E_DIR/$1.sink.log")"
  world_holds "$(world_number "$1.send.log" refused) == 0 && $(world_number "$1.send.log" unsettled) == 0" || e2e_fail "$1: events were refused or never acknowledged"
  world_holds "$(world_latency "$1" all p99_us) < 1000000" || e2e_fail "$1: deliveries took $(world_latency "$1" all p99_us) us"
}

# A scope that has no events: the traffic is not touched.
ban_past_it() {
  world_ask ban app 4711 --reason "while control is away" >"$E2E_DIR/$1.ban" || e2e_fail "$1: millrace --direct ban failed: $(cat "$E2E_DIR/$1.ban")"
}

expect_adopted() {
  e2e_wait_for 15 control_is /v1/bans '.data[] | select(.kind == "app" and .scope == "4711" and .direct)'
  e2e_wait_for 15 control_is /v1/audit '.data[] | select(.via == "direct" and .scope == "app 4711")'
}

echo "killed, $seconds s of $rate events/s"
begin_traffic killed
kill -KILL "$CONTROL_PID"
wait "$CONTROL_PID" 2>/dev/null || true
ban_past_it killed
end_traffic killed
control_start again
expect_adopted
control_stop
world_stop_router

echo "stopped, $seconds s of $rate events/s"
begin_traffic stopped
kill -STOP "$CONTROL_PID"
ban_past_it stopped
end_traffic stopped
kill -CONT "$CONTROL_PID"
expect_adopted
control_stop
world_stop_router
