#!/usr/bin/env bash
# Bans of a loaded router with a journal: how fast they are answered, that nothing of the scope is accepted or attempted after the answer,
# that they are in force again after kill -9, and that what was held is delivered when they are lifted.
# shellcheck source-path=SCRIPTDIR source=_init.sh
. "$(dirname "$0")/_init.sh"
# shellcheck source-path=SCRIPTDIR source=../fault/_rig.sh
. "$(dirname "$0")/../fault/_rig.sh"

bans=${E2E_BANS:-200}
p99_ms=${E2E_BANS_P99_MS:-10}

# counter NAME: summed over the stages.
counter() {
  world_ask stats | grep -o "\"counter\":\"$1\",\"value\":[0-9]*" | awk -F: '{ sum += $3 } END { print sum + 0 }'
}

# stays SECONDS COUNTER...: whether the counters stand still.
stays() {
  local seconds=$1 before after
  shift
  before=$(for name in "$@"; do counter "$name"; done)
  sleep "$seconds"
  after=$(for name in "$@"; do counter "$name"; done)
  [ "$before" = "$after" ]
}

rises() {
  ! stays 0.3 "$1"
}

act() {
  world_ask "$@" >"$E2E_DIR/act.log" 2>&1 || e2e_fail "millrace $*: $(cat "$E2E_DIR/act.log")"
}

fault_config </dev/null
fault_begin
fault_await_traffic

python3 "$E2E_ROOT/tests/e2e/bans.py" "$E2E_DIR/direct.sock" "$bans" >"$E2E_DIR/bans.json"
cat "$E2E_DIR/bans.json"
world_holds "$(world_number bans.json p99_ms) < $p99_ms" || e2e_fail "the 99th percentile of answers is above $p99_ms ms"

act ban app 1 --mode drop --reason 'a test'
stays 2 accepted requests || e2e_fail 'something of a banned app was accepted or attempted after the answer'
[ "$(counter refused)" -gt 0 ] || e2e_fail 'nothing was refused'

fault_kill
fault_launch
fault_await
world_ask bans | grep -q '"kind":"app","scope":"1"' || e2e_fail "the ban is not there after kill -9: $(world_ask bans)"
sleep 1
stays 2 accepted requests || e2e_fail 'something of a banned app was accepted or attempted after kill -9'

act unban app 1
e2e_wait_for 20 rises accepted
! world_ask bans | grep -q '"kind":"app","scope":"1"' || e2e_fail 'the ban is still listed'

act pause ingest --ttl 2s
stays 1 accepted || e2e_fail 'events were accepted while ingest was paused'
e2e_wait_for 20 rises accepted # it ends by itself

act ban app 1 --mode hold
stays 2 requests || e2e_fail 'something of a held app was attempted'
act unban app 1
e2e_wait_for 20 rises requests
fault_end
