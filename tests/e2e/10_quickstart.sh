#!/usr/bin/env bash
# The first command of README.md, short: the router, a receiver and a producer over memif end well, deliver everything and leave nothing behind.
# shellcheck source-path=SCRIPTDIR source=_init.sh
. "$(dirname "$0")/_init.sh"

log=$E2E_DIR/quickstart.log

quickstart() {
  TMPDIR=$E2E_DIR "$E2E_ROOT/deploy/quickstart" --no-install --build-dir "$BUILD_DIR" "$@" 2>&1 | tee -a "$log"
}

report_says_everything() {
  local word
  for word in 'VOLATILE' 'lost' 'out of order' 'duplicates' 'signatures' 'p99.9' 'start-up'; do
    grep -q "$word" "$log" || e2e_fail "the report says nothing of: $word"
  done
}

nothing_is_left() {
  [ -z "$(find "$E2E_DIR" -maxdepth 1 -name 'millrace-quickstart.*')" ] || e2e_fail 'a directory was left behind'
}

busy_port_is_refused_by_name() {
  local status=0
  quickstart --sink-port 1 --duration 1 >"$E2E_DIR/busy.log" || status=$?
  echo "$status"
}

quickstart --duration 4 --rate 5000
report_says_everything
nothing_is_left
