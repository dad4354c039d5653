# A control daemon beside the world's router, and how to ask it: source after _world.sh. Its socket stands in $E2E_DIR.
#
# shellcheck shell=bash

control_program=$BUILD_DIR/control/daemon/millrace-controld
CONTROL_SOCKET=$E2E_DIR/control.sock

# control_start NAME: until it answers; sets CONTROL_PID.
control_start() {
  (umask 077 && mkdir -p "$E2E_DIR/control")
  MILLRACE_CONTROL_SOCKET=$CONTROL_SOCKET MILLRACE_DIRECT_SOCKET=$E2E_DIR/direct.sock MILLRACE_STATE_DIR=$E2E_DIR/control \
    e2e_start "$1.control" "$control_program"
  CONTROL_PID=$E2E_PID
  e2e_wait_for 10 control_ask GET /healthz
}

control_stop() {
  kill -TERM "$CONTROL_PID"
  wait "$CONTROL_PID" || e2e_fail "the control daemon ended with exit code $?"
}

# control_ask METHOD PATH [JSON]: prints the answer; fails when its status is no 2xx.
control_ask() {
  local method=$1 path=$2
  shift 2
  curl --silent --show-error --fail-with-body --max-time 20 --unix-socket "$CONTROL_SOCKET" -X "$method" \
    -H 'Host: localhost' ${1:+-H 'Content-Type: application/json' --data "$1"} "http://localhost$path"
}

# control_value PATH FILTER: one value of an answer, by jq.
control_value() {
  control_ask GET "$1" | jq -r "$2"
}

# control_is PATH FILTER: whether the filter holds for the answer.
control_is() {
  control_ask GET "$1" | jq -e "$2" >/dev/null
}
