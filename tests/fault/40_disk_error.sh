#!/usr/bin/env bash
# Every write to the disk fails from a moment on: nothing more is acked, what is durable is still delivered for a while, and the router ends with
# exit code 74 within 10 s (and a little). When the disk works again, everything that was acked is there.
# shellcheck source-path=SCRIPTDIR source=../e2e/_init.sh
. "$(dirname "$0")/../e2e/_init.sh"
# shellcheck source-path=SCRIPTDIR source=_disk.sh
. "$(dirname "$0")/_disk.sh"
WORLD_JOURNAL=$DISK_MOUNT/journal
# shellcheck source-path=SCRIPTDIR source=_rig.sh
. "$(dirname "$0")/_rig.sh"

e2e_cleanup() {
  fault_cleanup
  disk_close
}

router_ended() {
  ! kill -0 "$WORLD_ROUTER" 2>/dev/null
}

disk_require
disk_open 128M "$FAULT_SEED"
fault_config </dev/null
fault_begin
sleep 2
touch "$DISK_CONTROL/failing"
sleep 1
acked=$(fault_accepted)
e2e_wait_for 12 router_ended
status=0
{ wait "$WORLD_ROUTER" || status=$?; } 2>/dev/null
[ "$status" -eq 74 ] || e2e_fail "it ended with exit code $status: $(fault_last_words)"
[ "$(fault_accepted)" -eq "$acked" ] || e2e_fail "events were acked after the disk had failed: $acked, then $(fault_accepted)"
rm "$DISK_CONTROL/failing"
disk_unmount
disk_mount
fault_launch
fault_await
sleep 1
[ "$(fault_accepted)" -gt "$acked" ] || e2e_fail 'ingest did not go on'
fault_end
