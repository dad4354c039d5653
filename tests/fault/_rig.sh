# A router under fire between a sender and a receiver that outlive it: source after _init.sh.
#
#   FAULT_SEED   of the random choices (default: the clock); printed, so that a run can be repeated
#   FAULT_RATE   events per second (default 2000)
#   FAULT_SEND   further options of the sender
#   MILLRACE_FULL=1  full counts
#
# shellcheck shell=bash

export WORLD_DURABILITY=${FAULT_DURABILITY:-disk}
# shellcheck source-path=SCRIPTDIR source=../e2e/_world.sh
. "$(dirname "${BASH_SOURCE[0]}")/../e2e/_world.sh"
FAULT_SEED=${FAULT_SEED:-$(date +%N | sed 's/^0*//')}
FAULT_RATE=${FAULT_RATE:-2000}
FAULT_BOOT=0
RANDOM=$((FAULT_SEED % 32768))
echo "seed $((FAULT_SEED % 32768)) (FAULT_SEED)"

# fault_count SHORT FULL
fault_count() {
  if [ -n "${MILLRACE_FULL:-}" ]; then echo "$2"; else echo "$1"; fi
}

# fault_between LOW HIGH: a random whole number.
fault_between() {
  echo $(($1 + (RANDOM * 32768 + RANDOM) % ($2 - $1 + 1)))
}

# fault_nap LOW HIGH: milliseconds.
fault_nap() {
  local ms
  ms=$(fault_between "$1" "$2")
  sleep "$((ms / 1000)).$(printf '%03d' $((ms % 1000)))"
}

# What the tests say of the configuration: one core has all stages, as CI has two. Tests add to it on standard input.
fault_config() {
  {
    echo "port: {device: \"$(world_port)\"}"
    [ -n "${FAULT_TOPOLOGY:-}" ] || echo "topology: {lcores: [{cpu: $WORLD_CPU, stages: [ingest0, shard0, journal, delivery0]}]}"
    cat
  } | world_config >"$E2E_DIR/millraced.yaml"
}

# For webhooks whose receivers come and go: secrets of handshakes are told once.
fault_make_secret() {
  (umask 077 && echo the-secret-of-all-webhooks >"$WORLD_SECRET")
}

fault_listening() {
  [ -n "$(ss -Hltn "sport = :$1")" ]
}

# fault_start_sink NAME PORT OPTION...: sets FAULT_SINK_PID.
fault_start_sink() {
  local name=$1 port=$2
  shift 2
  e2e_start "$name.sink" "$world_load" sink --listen "127.0.0.1:$port" --ledger "$E2E_DIR/ledger" --until-settled \
    --wait 60s --output json "$@"
  FAULT_SINK_PID=$E2E_PID
  e2e_wait_for 10 fault_listening "$port"
}

# Sends until fault_settle.
fault_launch_sender() {
  # shellcheck disable=SC2086 # options, split on purpose
  world_send run --rate "$FAULT_RATE" --duration 3h --payload 500 --settle-wait 60s --reconnect 300ms ${FAULT_SEND:-} &
  FAULT_SENDER_SHELL=$!
  e2e_wait_for 5 pgrep -P "$FAULT_SENDER_SHELL"
  FAULT_SENDER_PID=$(pgrep -P "$FAULT_SENDER_SHELL")
}

fault_await_sender() {
  e2e_wait_for 20 test -e "$E2E_DIR/ledger"
}

# The log of each boot is kept apart.
fault_launch() {
  FAULT_BOOT=$((FAULT_BOOT + 1))
  world_launch_router "boot-$(printf '%03d' "$FAULT_BOOT")"
}

fault_await() {
  local tries=600
  until world_running 2>/dev/null; do
    tries=$((tries - 1))
    kill -0 "$WORLD_ROUTER" 2>/dev/null || e2e_fail "boot $FAULT_BOOT ended by itself: $(fault_last_words)"
    [ "$tries" -gt 0 ] || e2e_fail "boot $FAULT_BOOT does not get ready"
    sleep 0.05
  done
}

fault_accepts() {
  [ "$(world_ask status | sed -nE 's/.*"accepted":([0-9]+).*/\1/p' | head -n 1)" -gt 0 ]
}

# Until the sender has found this boot.
fault_await_traffic() {
  e2e_wait_for 20 fault_accepts
}

fault_last_words() {
  tail -n 3 "$E2E_DIR/boot-$(printf '%03d' "$FAULT_BOOT").router.log"
}

# Without a word of the shell about it.
fault_kill() {
  [ -n "${WORLD_ROUTER:-}" ] || return 0
  kill -KILL "$WORLD_ROUTER" 2>/dev/null || true
  { wait "$WORLD_ROUTER" || true; } 2>/dev/null
}

# The sender would wait for fates that nobody tells it any more.
fault_cleanup() {
  fault_kill
  [ -z "${FAULT_SENDER_PID:-}" ] || kill -KILL "$FAULT_SENDER_PID" 2>/dev/null || true
}

e2e_cleanup() {
  fault_cleanup
}

# Sink, router, sender.
fault_begin() {
  fault_start_sink up "$WORLD_PORT"
  fault_launch
  fault_await
  fault_launch_sender
  fault_await_sender
}

# Ends the traffic; every fate is known then. Leaves run.send.log.
fault_settle() {
  kill -TERM "$FAULT_SENDER_PID" 2>/dev/null || true
  wait "$FAULT_SENDER_SHELL" || e2e_fail "the sender does not know every fate: $(tail -n 1 "$E2E_DIR/run.send.err")"
}

# The verdict: every acked event delivered, in order; duplicates with the same id and bytes only.
fault_end() {
  fault_settle
  wait "$FAULT_SINK_PID" || true # its verdict is a part of the report
  "$world_load" report --send "$E2E_DIR/run.send.log" --sink "$E2E_DIR/up.sink.log" --achieved-min 0 >"$E2E_DIR/report.log" \
    || { cat "$E2E_DIR/report.log" && e2e_fail 'see the report'; }
  cat "$E2E_DIR/report.log"
  echo "$FAULT_BOOT boots, $(world_number run.send.log resumes) resumed, $(world_number run.send.log retried) events submitted again," \
    "$(world_number up.sink.log duplicates_same) duplicates"
  fault_balances
}

fault_balances() {
  world_ask status >"$E2E_DIR/end.status"
  world_balances end
}

# How many events the sender knows to be accepted, out of its ledger (docs/LOAD.md).
fault_accepted() {
  local offered
  offered=$(od -An -t u8 -j 144 -N 8 "$E2E_DIR/ledger" | tr -d ' ')
  od -An -v -t u1 -w16 -j 4096 -N $((offered * 16)) "$E2E_DIR/ledger" | awk '$16 == 2 { n++ } END { print n + 0 }'
}

# fault_refused REASON: how often the router refused so far, out of the same.
fault_refused() {
  local reason offered
  reason=$(sed -nE "s/^[\t ]*X\([A-Z_]+, ([0-9]+), \"$1\",.*/\1/p" "$E2E_ROOT/include/millrace/reason.h")
  offered=$(od -An -t u8 -j 144 -N 8 "$E2E_DIR/ledger" | tr -d ' ')
  od -An -v -t u1 -w16 -j 4096 -N $((offered * 16)) "$E2E_DIR/ledger" \
    | awk -v state=$((64 + reason)) '$16 == state { n++ } END { print n + 0 }'
}
