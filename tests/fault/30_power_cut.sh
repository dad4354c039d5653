#!/usr/bin/env bash
# The power is cut at random writes, also while the router starts; of the sectors that no flush has covered each is kept or lost at random. Every
# acked event is delivered all the same.
# shellcheck source-path=SCRIPTDIR source=../e2e/_init.sh
. "$(dirname "$0")/../e2e/_init.sh"
# shellcheck source-path=SCRIPTDIR source=_disk.sh
. "$(dirname "$0")/_disk.sh"
WORLD_JOURNAL=$DISK_MOUNT/journal
# shellcheck source-path=SCRIPTDIR source=_rig.sh
. "$(dirname "$0")/_rig.sh"

cuts=${FAULT_CUTS:-$(fault_count 3 100)}

e2e_cleanup() {
  fault_cleanup
  disk_close
}

is_cut() {
  [ "$(disk_cuts)" -gt "$1" ]
}

# What is on the rig must be able to be lost, or nothing is proven by it.
sectors_were_lost() {
  sed -nE 's/.* kept, ([0-9]+) lost.*/\1/p' "$DISK_CONTROL/log" | awk '{ all += $1 } END { print all " sectors lost"; exit all == 0 }'
}

disk_require
disk_open 128M "$FAULT_SEED"
fault_config </dev/null
fault_begin
for ((i = 0; i < cuts; i++)); do
  before=$(disk_cuts)
  disk_cut "$(fault_between 1 300)"
  e2e_wait_for 30 is_cut "$before"
  fault_kill # everything goes with the power
  disk_power_up
  fault_launch
  # Otherwise the next cut comes while it starts.
  [ $((RANDOM % 3)) -eq 0 ] || fault_await
done
fault_await
fault_end
sectors_were_lost
