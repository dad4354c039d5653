#!/usr/bin/env bash
# What --keep leaves running answers questions, balances, reloads, refuses a second start, and ends on --stop without leaving anything behind.
# shellcheck source-path=SCRIPTDIR source=_init.sh
. "$(dirname "$0")/_init.sh"

export TMPDIR=$E2E_DIR QUICKSTART_KEPT=$E2E_DIR/kept
cli=$BUILD_DIR/control/cli/millrace

quickstart() {
  "$E2E_ROOT/deploy/quickstart" --no-install --build-dir "$BUILD_DIR" "$@"
}

ask() {
  MILLRACE_DIRECT_SOCKET=$(cat "$QUICKSTART_KEPT")/direct.sock "$cli" --direct -o json "$@"
}

fact() {
  [[ $2 == *"$3"* ]] || e2e_fail "$1: $3 is not in: $2"
}

# Also when the test has failed half-way.
e2e_cleanup() {
  [ ! -e "$QUICKSTART_KEPT" ] || quickstart --stop
}

quickstart --keep --duration 2 --rate 2000
fact 'status' "$(ask status)" '"state":"running"'
fact 'status says volatile' "$(ask status)" 'VOLATILE'
fact 'both ledgers balance' "$(ask status)" '"dropped":0,"off_balance":0}'
fact 'every webhook has a row' "$(ask stats webhooks)" '"name":"project-15"'
fact 'counters' "$(ask stats)" '"counter":"accepted"'
fact 'the control daemon answers' "$(MILLRACE_CONTROL_SOCKET=$(cat "$QUICKSTART_KEPT")/control.sock "$cli" -o json status)" '"connected":true'
fact 'a missing socket is explained' "$("$cli" --direct --socket "$E2E_DIR/nobody" status 2>&1 || true)" 'no such socket'
! quickstart --duration 1 || e2e_fail 'a second quickstart started beside the first'
quickstart --stop
[ ! -e "$QUICKSTART_KEPT" ] || e2e_fail '--stop left its mark'
[ -z "$(find "$E2E_DIR" -maxdepth 1 -name 'millrace-quickstart.*')" ] || e2e_fail 'a directory was left behind'
