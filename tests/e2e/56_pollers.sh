#!/usr/bin/env bash
# A thousand pollers of the control daemon cost the data plane nothing: it is asked as often as with none, and it does not slow down.
#
# A pair is the same load without and with pollers, all of them on the other CPU. One pair of 4 s, whose ratio is printed and not judged; with
# MILLRACE_FULL=1 five of 10 s, and the median of accepted events per second with pollers is at least 0.98 of that without.
# shellcheck source-path=SCRIPTDIR source=_init.sh
. "$(dirname "$0")/_init.sh"
# shellcheck source-path=SCRIPTDIR source=_world.sh
. "$(dirname "$0")/_world.sh"
# shellcheck source-path=SCRIPTDIR source=_control.sh
. "$(dirname "$0")/_control.sh"

pairs=1 seconds=4 pollers=1000
[ -z "${MILLRACE_FULL:-}" ] || pairs=5 seconds=10

world_config >"$E2E_DIR/millraced.yaml" <<END
port: {device: "$(world_port)"}
topology: {shards: 2, lcores: [{cpu: $WORLD_CPU, stages: [ingest0, shard0, shard1, journal, delivery0]}]}
END

# Each asks for the status once a second, over a connection of its own.
start_pollers() {
  e2e_start "$1.pollers" "${world_beside[@]}" python3 "$(dirname "$0")/pollers.py" "$CONTROL_SOCKET" "$pollers"
  poller=$E2E_PID
  e2e_wait_for 20 grep -q polling "$E2E_DIR/$1.pollers.log"
}

requests_per_second() {
  local before after
  before=$(control_requests)
  sleep 3
  after=$(control_requests)
  echo $(((after - before) / 3))
}

# Each of these two questions is one, too.
control_requests() {
  world_ask stats | grep -oE '"counter":"control_requests","value":[0-9]+' | grep -oE '[0-9]+$'
}

run() {
  local name=$1
  world_start_router "$name"
  control_start "$name"
  [ "$2" = without ] || start_pollers "$name"
  requests_per_second >"$E2E_DIR/$name.requests"
  world_send "$name" --rate 60000 --duration "${seconds}s" || true
  [ "$2" = without ] || { kill -TERM "$poller" && wait "$poller"; }
  control_stop
  world_stop_router
}

for ((i = 0; i < pairs; i++)); do
  run "without$i" without
  run "with$i" with
  answered=$(tail -n 1 "$E2E_DIR/with$i.pollers.log")
  echo "pair $i: $(world_number "without$i.send.log" accepted_per_second) events/s without, $(world_number "with$i.send.log" accepted_per_second) with pollers ($answered); requests to the data plane per second: $(cat "$E2E_DIR/without$i.requests") and $(cat "$E2E_DIR/with$i.requests")"
  [ "$(cat "$E2E_DIR/with$i.requests")" -le $(($(cat "$E2E_DIR/without$i.requests") + 2)) ] || e2e_fail 'pollers made the daemon ask the data plane more often'
  grep -q ' 0 failed' "$E2E_DIR/with$i.pollers.log" || e2e_fail "pollers were not answered: $answered"
done
ratio=$(for ((i = 0; i < pairs; i++)); do awk "BEGIN { print $(world_number "with$i.send.log" accepted_per_second) / $(world_number "without$i.send.log" accepted_per_second) }"; done | world_median)
echo "throughput with pollers / without: $ratio"
[ -z "${MILLRACE_FULL:-}" ] || world_holds "$ratio >= 0.98" || e2e_fail 'pollers slow the data plane down'
