#!/usr/bin/env bash
# As 10_kill, with deaths at every named point of the program, each at a random pass: needs a build with -Dfailpoints=true.
# shellcheck source-path=SCRIPTDIR source=../e2e/_init.sh
. "$(dirname "$0")/../e2e/_init.sh"
# shellcheck source-path=SCRIPTDIR source=_rig.sh
. "$(dirname "$0")/_rig.sh"

"$world_router" --failpoints >"$E2E_DIR/points" 2>&1 || e2e_skip 'this build has no failpoints: configure one with -Dfailpoints=true'
rounds=$(fault_count 1 10)

# So often a point is passed within a few seconds of load.
passes_of() {
  case $1 in
  commit_*) echo 300 ;;
  batch_* | attempt_*) echo 100 ;;
  segment_* | retire_* | spare_*) echo 3 ;;
  *) echo 1 ;;
  esac
}

# dies POINT:COUNT: whether the router that was armed with it dies of it in time.
dies() {
  local tries=200 status=0
  while kill -0 "$WORLD_ROUTER" 2>/dev/null; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || return 1
    sleep 0.05
  done
  { wait "$WORLD_ROUTER" || status=$?; } 2>/dev/null
  [ "$status" -eq 137 ] || e2e_fail "$1 ended with exit code $status: $(fault_last_words)"
  echo "died at $1"
}

# The router that runs is killed, and one that is to die at the point takes its place.
dies_at() {
  fault_kill
  MILLRACE_FAILPOINT=$1 fault_launch
  dies "$1"
}

# Nobody but an operator takes a router there.
strike_ban() {
  fault_kill
  MILLRACE_FAILPOINT=$1:1 fault_launch
  fault_await
  world_ask ban object 999 --reason 'a test' >/dev/null 2>&1 || true
  dies "$1:1" || e2e_fail "$1 is never passed"
  fault_launch
  fault_await
  # one that is durable is in force again; one that was only sent may be
  [ "$1" = ban_sent ] || world_ask bans | grep -q '"scope":"999"' || e2e_fail 'a ban that was recorded is lost'
  world_ask unban object 999 >/dev/null 2>&1 || [ "$1" = ban_sent ] || e2e_fail 'the ban cannot be lifted'
}

strike() {
  local point=$1 count
  count=$(fault_between 1 "$(passes_of "$point")")
  dies_at "$point:$count" || dies_at "$point:1" || e2e_fail "$point is never passed"
  fault_launch
  fault_await
}

# A session is recorded once, when the producer comes for the first time.
begin_with_session() {
  fault_start_sink up "$WORLD_PORT"
  MILLRACE_FAILPOINT=session_recorded:1 fault_launch
  fault_await
  fault_launch_sender
  dies session_recorded:1 || e2e_fail 'session_recorded is never passed'
  fault_launch
  fault_await
  fault_await_sender
}

fault_config </dev/null
begin_with_session
for ((i = 0; i < rounds; i++)); do
  while read -r point _; do
    case $point in
    session_recorded) ;;
    ban_*) strike_ban "$point" ;;
    *) strike "$point" ;;
    esac
  done <"$E2E_DIR/points"
done
fault_end
