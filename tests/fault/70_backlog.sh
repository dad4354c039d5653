#!/usr/bin/env bash
# One webhook is down while hundreds of thousands of events (full: millions) become owed to it: memory stays within the printed plan, the others' p99
# is printed (and judged in the full run), and when it is back everything comes, in order. Under pressure of bytes its events expire instead, and
# nobody is refused.
# shellcheck source-path=SCRIPTDIR source=../e2e/_init.sh
. "$(dirname "$0")/../e2e/_init.sh"
export WORLD_PATHS=2 WORLD_ENDPOINTS=2
WORLD_SECRET=$E2E_DIR/secret
WORLD_JOURNAL_KEYS='segment_bytes: 4MiB, commit_max: 1MiB, checkpoint_bytes: 16MiB'
# shellcheck source-path=SCRIPTDIR source=_rig.sh
. "$(dirname "$0")/_rig.sh"

FAULT_RATE=$(fault_count 10000 40000)
pending=$(fault_count 200000 5000000)

config() {
  fault_config <<END
retention: {bytes: $1}
retry: {base: 50ms, cap: 500ms}
lane: {entries_max: 64k}
END
}

plan_mib() {
  "$world_router" --config "$E2E_DIR/millraced.yaml" --check-config | awk '$1 == "total" { print $2; exit }'
}

rss_mib() {
  awk '$1 == "VmHWM:" { print $2 / 1024 }' "/proc/$WORLD_ROUTER/status"
}

# begin RETENTION: a new world in which one webhook of two is up.
begin() {
  rm -rf "$E2E_DIR/ledger" "$E2E_DIR/state" "$WORLD_JOURNAL"
  config "$1"
  fault_start_sink up "$WORLD_PORT" --secret-file "$WORLD_SECRET" --allow-unclaimed
  up=$FAULT_SINK_PID
  fault_launch
  fault_await
}

# send SECONDS: until it is settled.
send() {
  world_send run --rate "$FAULT_RATE" --duration "$1s" --settle-wait 60s || e2e_fail "the sender: $(tail -n 1 "$E2E_DIR/run.send.err")"
  [ "$(world_number run.send.log refused)" -eq 0 ] || e2e_fail "somebody was refused: $(cat "$E2E_DIR/run.send.log")"
}

# The webhook that was down: the other one has been told everything meanwhile.
come_back() {
  wait "$up" || e2e_fail "the webhook that was up: $(tail -n 1 "$E2E_DIR/up.sink.log")"
  fault_start_sink late "$((WORLD_PORT + 1))" --secret-file "$WORLD_SECRET" --allow-unclaimed --paths 1
}

base_p99_us() {
  begin 0
  fault_start_sink late "$((WORLD_PORT + 1))" --secret-file "$WORLD_SECRET" --allow-unclaimed
  send 10
  wait "$up" "$FAULT_SINK_PID"
  base=$(world_latency up all p99_us)
  world_stop_router
}

everything_waits_and_comes() {
  local rss plan
  begin 0
  send $((2 * pending / FAULT_RATE + 1))
  rss=$(rss_mib)
  plan=$(plan_mib)
  come_back
  wait "$FAULT_SINK_PID" || e2e_fail "the webhook that was down: $(tail -n 1 "$E2E_DIR/late.sink.log")"
  echo "$(world_number late.sink.log events) events waited and came in order; RSS $rss MiB of $plan MiB planned"
  world_holds "$rss <= $plan" || e2e_fail 'more memory than was planned'
  fault_balances
  world_stop_router
}

bytes_expire_and_nobody_is_refused() {
  begin 64MiB
  send $((2 * pending / FAULT_RATE + 1))
  come_back
  wait "$FAULT_SINK_PID" || true # what expired is lost to it
  world_ask stats >"$E2E_DIR/end.stats"
  echo "$(world_number late.sink.log events) events came, $(world_number late.sink.log lost) had expired"
  [ "$(world_number late.sink.log lost)" -gt 0 ] || e2e_fail 'nothing expired: the retention was not reached'
  [ "$(world_number late.sink.log events)" -gt 0 ] || e2e_fail 'nothing came'
  [ "$(world_number late.sink.log out_of_order)" -eq 0 ] || e2e_fail 'what came was out of order'
  fault_balances
  world_stop_router
}

fault_make_secret
base_p99_us
everything_waits_and_comes
p99=$(world_latency up all p99_us)
echo "p99 of the webhook that was up: $p99 us, with both up $base us"
[ -z "${MILLRACE_FULL:-}" ] || world_holds "$p99 <= 1.1 * $base || $p99 <= $base + 2000" || e2e_fail 'its p99 suffered'
bytes_expire_and_nobody_is_refused
