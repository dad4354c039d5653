#!/usr/bin/env bash
# Of eight endpoints on one delivery stage, four accept connections and never answer: the other four must not feel it. p99 of the events they get
# stays at or below max(1.1 x base, base + 2 ms) as the median of the pairs, nothing of theirs is lost, and nobody is refused.
# One pair of 4 s, whose p99 is printed and not judged; with MILLRACE_FULL=1 five of 10 s, judged.
# shellcheck source-path=SCRIPTDIR source=_init.sh
. "$(dirname "$0")/_init.sh"
WORLD_ENDPOINTS=8
# shellcheck source-path=SCRIPTDIR source=_world.sh
. "$(dirname "$0")/_world.sh"

pairs=1 seconds=4
[ -z "${MILLRACE_FULL:-}" ] || pairs=5 seconds=10
[ "$(nproc)" -ge 2 ] || e2e_skip 'needs two CPUs, one for the producer'

p99() {
  for ((i = 0; i < pairs; i++)); do
    world_latency "$1$i" all p99_us || true
  done | world_median
}

world_config >"$E2E_DIR/millraced.yaml" <<END
port: {device: "$(world_port)"}
topology: {lcores: [{cpu: $WORLD_CPU, stages: [ingest0, shard0, journal, delivery0]}]}
END
for ((i = 0; i < pairs; i++)); do
  world_measure "base$i" --rate 8k --duration "${seconds}s"
  # What the hung endpoints were owed is missing at the end: that is not the receiver's complaint here.
  WORLD_SINK='--hang --misbehave 4 --wait 2s --allow-unclaimed' WORLD_SINK_MAY_FAIL=1 world_measure "hung$i" --rate 8k --duration "${seconds}s"
  world_balances "hung$i"
  [ "$(world_number "hung$i.send.log" refused)" = 0 ] || e2e_fail 'a hung endpoint made events be refused'
  [ "$(world_number "hung$i.sink.log" out_of_order)" = 0 ] || e2e_fail 'out of order'
  events=$(world_number "hung$i.sink.log" events) accepted=$(world_number "hung$i.send.log" accepted)
  world_holds "$events >= 0.49 * $accepted" || e2e_fail "the healthy half got $events of $accepted events"
done
base=$(p99 base) hung=$(p99 hung)
echo "p99 of the healthy half: $hung us, base $base us"
[ -z "${MILLRACE_FULL:-}" ] || world_holds "$hung <= 1.1 * $base || $hung <= $base + 2000" || e2e_fail 'the healthy endpoints felt the hung ones'
