#!/usr/bin/env bash
# Random kill -9 under load, now and then also while it starts: every acked event is delivered, none is lost, the order of each object is kept, and
# what comes twice has the same id and the same bytes.
# shellcheck source-path=SCRIPTDIR source=../e2e/_init.sh
. "$(dirname "$0")/../e2e/_init.sh"
# shellcheck source-path=SCRIPTDIR source=_rig.sh
. "$(dirname "$0")/_rig.sh"

kills=$(fault_count 20 500)

fault_config </dev/null
fault_begin
for ((i = 0; i < kills; i++)); do
  [ $((RANDOM % 4)) -eq 0 ] || fault_await_traffic
  fault_nap 0 500
  fault_kill
  fault_launch
  if [ $((RANDOM % 4)) -eq 0 ]; then
    fault_nap 0 400
    fault_kill
    fault_launch
  fi
  fault_await
done
fault_end
