# Every end-to-end test sources this first. It runs the test again in private mount and network namespaces, gives it a directory of its own,
# ends what it started, and keeps the logs when it fails.
#
#   BUILD_DIR      the build whose programs are tested (default: build/check)
#   INTERACTIVE=1  a shell inside the test's world before it is taken down
#
# shellcheck shell=bash

set -euo pipefail

E2E_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
E2E_NAME=$(basename "$0" .sh)
BUILD_DIR=${BUILD_DIR:-$E2E_ROOT/build/check}
E2E_SKIPPED=77
E2E_PIDS=()

e2e_skip() {
  echo "skipped: $*"
  exit "$E2E_SKIPPED"
}

e2e_fail() {
  echo "FAILED: $*" >&2
  exit 1
}

# The private world: root enters it directly, others through a user namespace.
e2e_enter() {
  local enter=(unshare --mount --net)
  [ -z "${E2E_INSIDE:-}" ] || return 0
  [ "$(id -u)" -eq 0 ] || enter=(unshare --user --map-root-user --mount --net)
  "${enter[@]}" true 2>/dev/null || e2e_skip 'private namespaces are not permitted here'
  command -v ip >/dev/null || e2e_skip 'iproute2 is not installed'
  E2E_INSIDE=1 exec "${enter[@]}" "$0" "$@"
}

# e2e_start NAME COMMAND...: in the background, with a log; sets E2E_PID.
e2e_start() {
  local name=$1
  shift
  "$@" >"$E2E_DIR/$name.log" 2>&1 &
  E2E_PID=$!
  E2E_PIDS+=("$E2E_PID")
}

# e2e_wait_for SECONDS COMMAND...: until the command succeeds.
e2e_wait_for() {
  local tries=$(($1 * 10))
  shift
  until "$@" >/dev/null 2>&1; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || e2e_fail "waited in vain for: $*"
    sleep 0.1
  done
}

# A test that starts things by other means defines this again.
e2e_cleanup() { :; }

e2e_finish() {
  local status=$? pid kept=$BUILD_DIR/e2e-logs/$E2E_NAME
  trap - EXIT
  if [ -n "${INTERACTIVE:-}" ] && [ -t 0 ]; then
    echo "status $status; everything is in $E2E_DIR; leave the shell to take it down"
    (cd "$E2E_DIR" && bash -i) || true
  fi
  e2e_cleanup || true
  for pid in ${E2E_PIDS[@]+"${E2E_PIDS[@]}"}; do
    kill "$pid" 2>/dev/null || true
  done
  wait
  if [ "$status" -ne 0 ] && [ "$status" -ne "$E2E_SKIPPED" ]; then
    rm -rf "$kept"
    mkdir -p "$(dirname "$kept")"
    cp -r "$E2E_DIR" "$kept"
    echo "logs are kept in $kept" >&2
  fi
  rm -rf "$E2E_DIR"
  exit "$status"
}

e2e_enter "$@"
ip link set lo up
E2E_DIR=$(mktemp -d)
trap e2e_finish EXIT
trap 'exit 1' INT TERM
