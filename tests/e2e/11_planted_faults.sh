#!/usr/bin/env bash
# A proof must be able to fail: builds that drop one event in 100,000, swap two, or spoil one signature must each make the quickstart exit 1.
# Three builds take minutes, so this runs in full counts only (MILLRACE_FULL=1).
# shellcheck source-path=SCRIPTDIR source=_init.sh
. "$(dirname "$0")/_init.sh"
# shellcheck source-path=SCRIPTDIR source=../../deploy/lib.sh
. "$E2E_ROOT/deploy/lib.sh"

[ -n "${MILLRACE_FULL:-}" ] || e2e_skip 'three builds: set MILLRACE_FULL=1'

# Enough events that each fault strikes several times.
run_with_fault() {
  local fault=$1 status=0
  configure "$BUILD_DIR-$fault" -Dbench_break="$fault" -Dtests=disabled
  compile "$BUILD_DIR-$fault" "${PROGRAMS[@]}"
  TMPDIR=$E2E_DIR "$E2E_ROOT/deploy/quickstart" --no-install --build-dir "$BUILD_DIR-$fault" \
    --duration 10 --rate 30000 >"$E2E_DIR/$fault.log" 2>&1 || status=$?
  tail -n 30 "$E2E_DIR/$fault.log"
  [ "$status" -eq 1 ] || e2e_fail "the planted fault $fault was not noticed: exit code $status"
}

run_with_fault drop
run_with_fault swap
run_with_fault signature
