#!/usr/bin/env bash
# The proof of 30_power_cut must be able to fail: a build that acks before the write loses acked events in it. A build takes minutes, so this runs in
# full counts only (MILLRACE_FULL=1).
# shellcheck source-path=SCRIPTDIR source=../e2e/_init.sh
. "$(dirname "$0")/../e2e/_init.sh"
# shellcheck source-path=SCRIPTDIR source=../../deploy/lib.sh
. "$E2E_ROOT/deploy/lib.sh"
# shellcheck source-path=SCRIPTDIR source=_disk.sh
. "$(dirname "$0")/_disk.sh"

[ -n "${MILLRACE_FULL:-}" ] || e2e_skip 'a build: set MILLRACE_FULL=1'
disk_require
configure "$BUILD_DIR-ack_early" -Dbench_break=ack_early -Dtests=disabled
compile "$BUILD_DIR-ack_early" "${PROGRAMS[@]}"
status=0
env -u MILLRACE_FULL DISK_PLUGIN="$DISK_PLUGIN" BUILD_DIR="$BUILD_DIR-ack_early" FAULT_CUTS=20 \
  "$(dirname "$0")/30_power_cut.sh" >"$E2E_DIR/cut.log" 2>&1 || status=$?
cat "$E2E_DIR/cut.log"
[ "$status" -eq 1 ] || e2e_fail "acks before the write were not noticed: exit code $status"
grep -q 'accepted events were lost' "$E2E_DIR/cut.log" || e2e_fail 'it failed of something else'
