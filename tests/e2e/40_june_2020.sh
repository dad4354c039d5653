#!/usr/bin/env bash
# The outage of June 2020 as a test: one object is offered nine times what all others together may be, and the others must not feel it.
#
# C is the highest background rate with nothing refused, measured here. Then, in turn, 0.5 C alone (base) and 0.5 C with the hot object's 9 C on top, from
# a session of its own and once from the same session. The others keep 90 % of their throughput and p99 <= max(2 x base, base + 2 ms), judged as the
# median of the pairs and reported by what they share with the hot object; the hot queue stops at its bound, the ledgers balance.
# One pair of 4 s, with MILLRACE_FULL=1 five of 10 s. EXPECT=failure turns the verdict round, for the build with -Dbench_break=shared_lock.
# shellcheck source-path=SCRIPTDIR source=_init.sh
. "$(dirname "$0")/_init.sh"

pairs=1 seconds=4
[ -z "${MILLRACE_FULL:-}" ] || pairs=5 seconds=10
[ "$(nproc)" -ge 2 ] || e2e_skip 'needs two CPUs, one for the producer'

paths=8 queue_bound=1024
load=$BUILD_DIR/dataplane/load/millrace-load
router=$BUILD_DIR/dataplane/run/millraced
cli=$BUILD_DIR/control/cli/millrace
classes='cold cold_same_slot cold_same_shard cold_same_workspace cold_other_shards'

write_config() {
  local i
  cat <<END
durability: memory
state_dir: $E2E_DIR/state
port: {device: "net_memif0,role=server,socket=$E2E_DIR/memif.sock,socket-abstract=no"}
shard: {buffer_bytes: 64MiB}
positions: {max: 1M}
object: {queue_events: $queue_bound}
direct: {socket: $E2E_DIR/direct.sock}
delivery: {allow_targets: [127.0.0.0/8]}
apps: [{name: june, app: 1, key: 1}]
topology:
  shards: 2
  lcores: [{cpu: $(($(nproc) - 1)), stages: [ingest0, shard0, shard1, journal, delivery0]}]
webhooks:
END
  for ((i = 0; i < paths; i++)); do
    echo "  - {name: hook-$i, resource: $((5001 + i)), target: \"http://127.0.0.1:8402/hook/$((5001 + i))\"}"
  done
}

ask() {
  "$cli" --direct --socket "$E2E_DIR/direct.sock" -o json "$@"
}

running() {
  ask status | grep -q '"state":"running"'
}

sink_is_ready() {
  [ -n "$(ss -Hltn 'sport = :8402')" ]
}

# measure NAME SENDER-OPTION...: a fresh world; leaves NAME.send, NAME.sink, NAME.stats and NAME.status.
measure() {
  local name=$1 sink router_pid
  shift
  rm -rf "$E2E_DIR/state" "$E2E_DIR/ledger" "$E2E_DIR/memif.sock"
  mkdir -m 0700 "$E2E_DIR/state"
  e2e_start "$name.sink" "$load" sink --listen 127.0.0.1:8402 --ledger "$E2E_DIR/ledger" --paths "$paths" --shards 2 --until-settled --output json
  sink=$E2E_PID
  e2e_wait_for 10 sink_is_ready
  e2e_start "$name.router" "$router" --config "$E2E_DIR/millraced.yaml"
  router_pid=$E2E_PID
  e2e_wait_for 20 running
  "$load" send --port "net_memif0,role=client,socket=$E2E_DIR/memif.sock,socket-abstract=no" --to 10.74.0.1:7400 --from 10.74.0.2 \
    --projects "$paths" --ledger "$E2E_DIR/ledger" --hot-object 999999 --output json "$@" >"$E2E_DIR/$name.send.log" || true
  wait "$sink" || e2e_fail "$name: the receiver found something wrong: $(tail -n 1 "$E2E_DIR/$name.sink.log")"
  ask stats >"$E2E_DIR/$name.stats"
  ask status >"$E2E_DIR/$name.status"
  kill -TERM "$router_pid"
  wait "$router_pid" || e2e_fail "$name: the router ended with exit code $?"
}

# number FILE KEY: the first value of the key. latency NAME CLASS KEY: of one class of events; empty when it has none.
number() {
  sed -nE "s/.*[{,]\"$2\":([0-9.]+).*/\1/p" "$E2E_DIR/$1" | head -n 1
}

latency() {
  sed -nE "s/.*\"$2\":\{[^}]*\"$3\":([0-9.]+).*/\1/p" "$E2E_DIR/$1.sink.log" | tail -n 1
}

holds() {
  awk "BEGIN { exit !($1) }"
}

median() {
  sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

# The highest of a row of rates that is offered in full with nothing refused and nothing left behind.
capacity() {
  local rate best=0
  for rate in 20000 40000 80000 120000 160000 240000 320000; do
    measure capacity --rate "$rate" --duration 2s
    holds "$(number capacity.send.log refused) == 0 && $(number capacity.send.log accepted_per_second) >= 0.95 * $rate" || break
    best=$rate
  done
  [ "$best" -gt 0 ] || e2e_fail 'not even 20,000 events/s are accepted on this machine'
  echo "$best"
}

hot_run_is_sound() {
  local name=$1
  [ "$(grep -o '"off_balance":0[,}]' "$E2E_DIR/$name.status" | wc -l)" -eq 2 ] || e2e_fail "$name: the ledgers do not balance"
  grep -q '"object_full"' "$E2E_DIR/$name.send.log" || e2e_fail "$name: the hot object was never refused"
  local deepest
  deepest=$(grep -oE '"counter":"object_queue_max","value":[0-9]+' "$E2E_DIR/$name.stats" | grep -oE '[0-9]+$' | sort -n | tail -n 1)
  [ "$deepest" -le "$queue_bound" ] || e2e_fail "$name: a queue grew to $deepest, its bound is $queue_bound"
}

# judge NAME CLASS: the medians over the pairs of one class.
judge() {
  local name=$1 class=$2 base hot base_count hot_count verdict=ok
  base=$(for ((i = 0; i < pairs; i++)); do latency "base$i" all p99_us || true; done | median)
  hot=$(for ((i = 0; i < pairs; i++)); do latency "$name$i" "$class" p99_us || true; done | median)
  [ -n "$hot" ] || return 0
  holds "$hot <= 2 * $base || $hot <= $base + 2000" || verdict=FAILED
  base_count=$(for ((i = 0; i < pairs; i++)); do latency "base$i" all count; done | median)
  hot_count=$(for ((i = 0; i < pairs; i++)); do latency "$name$i" cold count; done | median)
  holds "$hot_count >= 0.9 * $base_count" || verdict=FAILED
  printf '  %-14s %-22s p99 %10.1f us (base %10.1f)  cold events %8d (base %8d)  %s\n' \
    "$name" "$class" "$hot" "$base" "$hot_count" "$base_count" "$verdict"
  [ "$verdict" = ok ] || failed=1
}

write_config >"$E2E_DIR/millraced.yaml"
echo 'looking for C, the highest background rate with nothing refused'
C=$(capacity)
echo "C = $C events/s; background $((C / 2)), hot object $((C * 9)), $pairs pairs of $seconds s"
for ((i = 0; i < pairs; i++)); do
  measure "base$i" --rate $((C / 2)) --duration "${seconds}s"
  measure "own_session$i" --rate $((C / 2 + C * 9)) --hot-share 0.947368 --hot-session --duration "${seconds}s"
  measure "same_session$i" --rate $((C / 2 + C * 9)) --hot-share 0.947368 --duration "${seconds}s"
  hot_run_is_sound "own_session$i"
  hot_run_is_sound "same_session$i"
done
failed=''
for class in $classes; do
  judge own_session "$class"
done
if [ "${EXPECT:-success}" = failure ]; then
  [ -n "$failed" ] || e2e_fail 'this build is broken on purpose and must not pass'
  echo 'failed, as this build must'
  exit 0
fi
[ -z "$failed" ] || e2e_fail 'the others felt the hot object'
