#!/usr/bin/env bash
# The real programs: start-up (F18), idle CPU (F10), step lengths under load (F17), and how much a
# router does that shares one CPU with sender and receiver, beside one with a CPU of its own (F9).
# usage: router_bench.sh MILLRACED MILLRACE-LOAD MILLRACE
set -euo pipefail

ROUTER=$1 LOAD=$2 CLI=$3
STARTS=5 PAIRS=5 RATE=20000 PROJECTS=16 FIRST_PROJECT=500001
SECONDS_EACH=$(awk -v scale="${MILLRACE_BENCH_SCALE:-1}" 'BEGIN { s = 5 * scale; print s < 1 ? 1 : s }')
DIR=$(mktemp -d "${TMPDIR:-/tmp}/millrace-bench.XXXXXX")
PIDS=()

finish() {
  local pid
  for pid in "${PIDS[@]}"; do
    kill -KILL "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  rm -rf "$DIR"
}
trap finish EXIT
trap 'exit 130' INT TERM

free_port() {
  local port=$((20000 + $$ % 10000))
  while [ -n "$(ss -Hltn "sport = :$port")" ]; do port=$((port + 1)); done
  echo "$port"
}

write_config() {
  local i
  cat <<CONFIG
durability: memory
state_dir: $DIR/state
port:
  device: net_memif0,role=server,socket=$DIR/memif.sock,socket-abstract=no
shard:
  buffer_bytes: 64MiB
positions:
  max: 1M
direct:
  socket: $DIR/direct.sock
eal:
  file_prefix: millrace-bench-$$
delivery:
  allow_targets: [127.0.0.0/8]
apps:
  - {name: bench, app: 1, key: 1}
topology:
  lcores:
    - {cpu: $1, stages: [ingest0, shard0, journal, delivery0]}
webhooks:
CONFIG
  for ((i = 0; i < PROJECTS; i++)); do
    printf '  - name: project-%d\n    resource: %d\n    resource_type: project\n    target: http://127.0.0.1:%d/project/%d\n' \
      "$i" $((FIRST_PROJECT + i)) "$SINK_PORT" $((FIRST_PROJECT + i))
  done
}

ask() {
  "$CLI" --direct --socket "$DIR/direct.sock" -o json status 2>/dev/null
}

# start_router CPU: its pid in ROUTER_PID; returns when it answers.
start_router() {
  local tries=2000
  rm -rf "$DIR/state" "$DIR/memif.sock"
  mkdir -m 0700 "$DIR/state"
  write_config "$1" >"$DIR/millraced.yaml"
  "$ROUTER" --config "$DIR/millraced.yaml" >"$DIR/millraced.log" 2>&1 &
  ROUTER_PID=$!
  PIDS+=("$ROUTER_PID")
  until ask | grep -q '"state":"running"'; do
    tries=$((tries - 1))
    if [ "$tries" -eq 0 ] || ! kill -0 "$ROUTER_PID" 2>/dev/null; then
      tail -n 5 "$DIR/millraced.log" >&2
      exit 1
    fi
    sleep 0.01
  done
}

# stop PID
stop() {
  kill -TERM "$1" 2>/dev/null || true
  wait "$1" 2>/dev/null || true
}

# send RATE CPU SECONDS: the report of the sender, as JSON.
send() {
  "$LOAD" send --port "net_memif0,role=client,socket=$DIR/memif.sock,socket-abstract=no" \
    --to 10.74.0.1:7400 --from 10.74.0.2 --rate "$1" --cpu "$2" --duration "$3s" \
    --projects "$PROJECTS" --project-base "$FIRST_PROJECT" --ancestors=story --output json 2>"$DIR/send.log"
}

# number KEY: of the JSON on standard input, first one of that name.
number() {
  sed 's/[,{]/\n/g' | sed -nE 's/^"'"$1"'":([0-9.]+).*/\1/p' | head -n 1
}

median() {
  sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

cpu_ns() {
  cat /proc/"$1"/task/*/schedstat | awk '{ sum += $1 } END { printf "%.0f", sum }'
}

# A sender gives up when its port has no server for long.
send_when_there() {
  local tries=2000
  while [ ! -S "$DIR/memif.sock" ] && [ "$tries" -gt 0 ]; do
    sleep 0.005
    tries=$((tries - 1))
  done
  send 1000 0 1
}

await_accepted() {
  local tries=1000
  until [ "$(ask | number accepted)" != 0 ]; do
    tries=$((tries - 1))
    if [ "$tries" -eq 0 ]; then
      echo 'router: nothing was accepted' >&2
      tail -n 3 "$DIR/send.log" >&2
      exit 1
    fi
    sleep 0.005
  done
}

# -- F18: exec to ready, as the router says; and to the first event accepted from a sender that starts
# when it sees the port's socket.
measure_start() {
  local i began sender
  for ((i = 0; i < STARTS; i++)); do
    start_router 1
    ask | number start_up_ns >>"$DIR/ready"
    stop "$ROUTER_PID"
    rm -f "$DIR/memif.sock"
    began=$(date +%s%N)
    send_when_there >"$DIR/send.json" &
    sender=$!
    start_router 1
    await_accepted
    echo $(($(date +%s%N) - began)) >>"$DIR/first"
    wait "$sender" || true
    stop "$ROUTER_PID"
  done
  awk -v ready="$(median <"$DIR/ready")" -v first="$(median <"$DIR/first")" 'BEGIN {
    printf "   F18 exec to ready %.0f ms; to the first accepted event %.0f ms, most of the sender'\''s own start in it (target 1000 ms)\n", ready / 1e6, first / 1e6 }'
}

# -- F10
measure_idle() {
  local before after
  start_router 1
  sleep 1
  before=$(cpu_ns "$ROUTER_PID")
  sleep "$SECONDS_EACH"
  after=$(cpu_ns "$ROUTER_PID")
  awk -v ns=$((after - before)) -v s="$SECONDS_EACH" 'BEGIN {
    printf "   F10 idle: %.2f %% of one CPU (target 5 %%)\n", ns / s / 1e7 }'
  stop "$ROUTER_PID"
}

# -- F17
measure_steps() {
  start_router 1
  send "$RATE" 0 "$SECONDS_EACH" >"$DIR/send.json" || true
  ask | tr '{' '\n' | sed -nE \
    's/.*"stage":"([a-z]+[0-9]+)".*"step_p999_ns":([0-9]+),"slowest_step_ns":([0-9]+).*/\1 \2 \3/p' >"$DIR/steps"
  printf '   F17 under %d events/s (targets: longest 1 ms, p99.9 100 us; a step that lost its CPU counts as long)\n' "$RATE"
  awk '!/^steward/ { printf "       %-10s p99.9 %7.0f us   longest %8.0f us\n", $1, $2 / 1e3, $3 / 1e3 }' "$DIR/steps"
  stop "$ROUTER_PID"
}

# throughput CPUS ROUTER-CPU: events accepted per second, as fast as the router takes them.
throughput() {
  start_router "$2"
  taskset -acp "$1" "$SINK_PID" >/dev/null
  send 0 0 "$SECONDS_EACH" | number accepted_per_second
  stop "$ROUTER_PID"
}

# -- F9: sender and receiver on CPU 0; the router there too, or on CPU 1.
measure_cpus() {
  local i one two
  for ((i = 0; i < PAIRS; i++)); do
    two=$(throughput 0 1)
    one=$(throughput 0 0)
    echo "$one" >>"$DIR/one"
    echo "$two" >>"$DIR/two"
    awk -v one="$one" -v two="$two" 'BEGIN { print one / two }' >>"$DIR/ratio"
  done
  printf '   F9 one CPU for all %.0f events/s, two CPUs %.0f events/s; ratio %.2f (median of %d pairs; target 0.40)\n' \
    "$(median <"$DIR/one")" "$(median <"$DIR/two")" "$(median <"$DIR/ratio")" "$PAIRS"
}

if [ "$(nproc)" -lt 2 ]; then
  echo 'router: needs two CPUs' >&2
  exit 77
fi
SINK_PORT=$(free_port)
printf '== the programs: millraced on CPU 1, millrace-load on CPU 0, %d webhooks, story -> task -> project\n' "$PROJECTS"
printf '   Linux %s, %d CPUs, load %s; not in the path: a disk, a network\n' "$(uname -r)" "$(nproc)" "$(cut -d' ' -f1 /proc/loadavg)"
taskset -c 0 "$LOAD" sink --listen "127.0.0.1:$SINK_PORT" --quiet >"$DIR/sink.log" 2>&1 &
SINK_PID=$!
PIDS+=("$SINK_PID")
measure_start
measure_idle
measure_steps
measure_cpus
