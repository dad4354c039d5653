#!/usr/bin/env bash
# The first command of README.md, short: the router, a receiver and a producer over memif end well, deliver everything and leave nothing behind;
# what is in the way is named.
# shellcheck source-path=SCRIPTDIR source=_init.sh
. "$(dirname "$0")/_init.sh"

export TMPDIR=$E2E_DIR QUICKSTART_KEPT=$E2E_DIR/kept

quickstart() {
  "$E2E_ROOT/deploy/quickstart" --no-install --build-dir "$BUILD_DIR" "$@" 2>&1
}

says() {
  [[ $1 == *"$2"* ]] || e2e_fail "it says nothing of: $2"
}

report_says_everything() {
  local report word
  report=$(quickstart --duration 4 --rate 5000) || e2e_fail "the quickstart failed: $report"
  echo "$report"
  for word in 'offered 20000' 'events per request' 'p99.9' 'ms from exec to ready' 'verified, 0 bad' \
    'lost 0' 'out of order 0' 'duplicates 0' 'VOLATILE' 'PASSED'; do
    says "$(tr -s ' ' <<<"$report")" "$word"
  done
}

hot_object_is_refused_and_others_are_not() {
  local report
  report=$(quickstart --scenario hot-object --duration 4 --rate 8000) || e2e_fail "the hot object won: $report"
  echo "$report"
  says "$report" 'all others: 0 refused'
}

busy_port_is_named() {
  local report status=0
  e2e_start blocker "$BUILD_DIR/dataplane/load/millrace-load" sink --listen 127.0.0.1:8400
  e2e_wait_for 5 grep -q ':20D0 .* 0A ' /proc/net/tcp # 8400, listening
  report=$(quickstart --duration 1) || status=$?
  echo "$report"
  [ "$status" -eq 1 ] || e2e_fail "a busy port ends with exit code $status"
  says "$report" 'millrace-load'
  says "$report" '--sink-port'
}

wrong_usage_is_refused() {
  local status=0
  quickstart --rate many || status=$?
  [ "$status" -eq 2 ] || e2e_fail "wrong usage ends with exit code $status"
}

report_says_everything
hot_object_is_refused_and_others_are_not
busy_port_is_named
wrong_usage_is_refused
[ -z "$(find "$E2E_DIR" -maxdepth 1 -name 'millrace-quickstart.*')" ] || e2e_fail 'a directory was left behind'
