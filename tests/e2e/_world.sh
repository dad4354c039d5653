# A router, its receiver and its producer for one test: source after _init.sh.
#
#   WORLD_PATHS     webhooks, on resources 5001 and up (default 8)
#   WORLD_PORT      first TCP port of the receiver (default 8402)
#   WORLD_TARGET    how a webhook finds its endpoint: port of webhook i is WORLD_PORT + i % WORLD_ENDPOINTS
#   WORLD_ENDPOINTS (default 1)
#   WORLD_SECRET    a file with the secret of all webhooks (default: secrets by handshake)
#   WORLD_DURABILITY  memory (default) or disk; then with
#   WORLD_JOURNAL     its directory (default $E2E_DIR/journal), made when it is not there, and
#   WORLD_JOURNAL_KEYS  further keys of `journal` (default: small segments, frequent checkpoints)
#
# shellcheck shell=bash

WORLD_PATHS=${WORLD_PATHS:-8}
WORLD_PORT=${WORLD_PORT:-8402}
WORLD_ENDPOINTS=${WORLD_ENDPOINTS:-1}
WORLD_DURABILITY=${WORLD_DURABILITY:-memory}
WORLD_JOURNAL=${WORLD_JOURNAL:-$E2E_DIR/journal}
WORLD_JOURNAL_KEYS=${WORLD_JOURNAL_KEYS:-'segment_bytes: 1MiB, commit_max: 256KiB, checkpoint_bytes: 4MiB'}
export WORLD_CPU=$(($(nproc) - 1)) # the router's; producer and receiver keep off it where there is another
world_beside=()
[ "$WORLD_CPU" -eq 0 ] || world_beside=(taskset --cpu-list "0-$((WORLD_CPU - 1))")
world_load=$BUILD_DIR/dataplane/load/millrace-load
world_router=$BUILD_DIR/dataplane/run/millraced
world_cli=$BUILD_DIR/control/cli/millrace

# Prints a configuration; what the test adds to it comes on standard input: topology, limits, port options.
world_config() {
  local i
  cat <<END
durability: $WORLD_DURABILITY
state_dir: $E2E_DIR/state
shard: {buffer_bytes: 64MiB}
positions: {max: 1M}
direct: {socket: $E2E_DIR/direct.sock}
delivery: {allow_targets: [127.0.0.0/8]}
apps: [{name: e2e, app: 1, key: 1}]
END
  [ "$WORLD_DURABILITY" = memory ] || echo "journal: {dir: $WORLD_JOURNAL, $WORLD_JOURNAL_KEYS}"
  cat
  echo 'webhooks:'
  for ((i = 0; i < WORLD_PATHS; i++)); do
    echo "  - {name: hook-$i, resource: $((5001 + i)), target: \"http://127.0.0.1:$((WORLD_PORT + i % WORLD_ENDPOINTS))/hook/$((5001 + i))\"${WORLD_SECRET:+, secret_file: $WORLD_SECRET}}"
  done
}

# The memif port of the router, for a configuration; and the producer's side of it.
world_port() {
  echo "net_memif0,role=server,socket=$E2E_DIR/memif.sock,socket-abstract=no"
}

world_ask() {
  "$world_cli" --direct --socket "$E2E_DIR/direct.sock" -o json "$@"
}

world_running() {
  world_ask status | grep -q '"state":"running"'
}

world_listening() {
  [ -n "$(ss -Hltn "sport = :$WORLD_PORT")" ]
}

# world_launch_router NAME: with the state that is there, and without waiting; sets WORLD_ROUTER.
world_launch_router() {
  (umask 077 && mkdir -p "$E2E_DIR/state" "$WORLD_JOURNAL")
  e2e_start "$1.router" "$world_router" --config "$E2E_DIR/millraced.yaml"
  WORLD_ROUTER=$E2E_PID
}

# world_start_router NAME: with an empty state, until it runs.
world_start_router() {
  rm -rf "$E2E_DIR/state" "$E2E_DIR/memif.sock" "$WORLD_JOURNAL"
  world_launch_router "$1"
  e2e_wait_for 20 world_running
}

world_stop_router() {
  kill -TERM "$WORLD_ROUTER"
  wait "$WORLD_ROUTER" || e2e_fail "the router ended with exit code $?"
}

# world_send NAME OPTION...: leaves NAME.send.log, a JSON document.
world_send() {
  local name=$1
  shift
  "${world_beside[@]}" "$world_load" send --port "net_memif0,role=client,socket=$E2E_DIR/memif.sock,socket-abstract=no" \
    --to 10.74.0.1:7400 --from 10.74.0.2 --projects "$WORLD_PATHS" --ledger "$E2E_DIR/ledger" \
    --output json "$@" >"$E2E_DIR/$name.send.log" 2>"$E2E_DIR/$name.send.err"
}

# world_measure NAME SENDER-OPTION...: router, receiver and traffic from nothing to the end; leaves NAME.send.log, NAME.sink.log, NAME.stats
# and NAME.status. WORLD_SINK: further options of the receiver.
world_measure() {
  local name=$1 sink
  shift
  rm -f "$E2E_DIR/ledger"
  # shellcheck disable=SC2086 # options, split on purpose
  e2e_start "$name.sink" "${world_beside[@]}" "$world_load" sink --listen "127.0.0.1:$WORLD_PORT" --endpoints "$WORLD_ENDPOINTS" \
    --ledger "$E2E_DIR/ledger" --until-settled --output json ${WORLD_SINK:-}
  sink=$E2E_PID
  e2e_wait_for 10 world_listening
  world_start_router "$name"
  world_send "$name" "$@" || true # refused events are no failure here
  wait "$sink" || [ -n "${WORLD_SINK_MAY_FAIL:-}" ] \
    || e2e_fail "$name: the receiver found something wrong: $(tail -n 1 "$E2E_DIR/$name.sink.log")"
  world_ask stats >"$E2E_DIR/$name.stats"
  world_ask status >"$E2E_DIR/$name.status"
  world_stop_router
}

# world_number FILE KEY: the first value of the key. world_latency NAME CLASS KEY: of one class of events; empty when there is none.
world_number() {
  sed -nE "s/.*[{,]\"$2\":([0-9.]+).*/\1/p" "$E2E_DIR/$1" | head -n 1
}

world_latency() {
  sed -nE "s/.*\"$2\":\{[^}]*\"$3\":([0-9.]+).*/\1/p" "$E2E_DIR/$1.sink.log" | tail -n 1
}

world_balances() {
  [ "$(grep -o '"off_balance":0[,}]' "$E2E_DIR/$1.status" | wc -l)" -eq 2 ] || e2e_fail "$1: the ledgers do not balance"
}

# Arithmetic with fractions as a condition; the median of numbers on standard input.
world_holds() {
  awk "BEGIN { exit !($1) }"
}

world_median() {
  sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}
