#!/usr/bin/env bash
# One webhook is down, so segments cannot retire, and a hog takes the rest of the file system: events are refused with journal_full, the other
# webhook goes on being delivered. The hog goes: ingest resumes by itself, the webhook comes back, and nothing that was acked is lost.
# shellcheck source-path=SCRIPTDIR source=../e2e/_init.sh
. "$(dirname "$0")/../e2e/_init.sh"
export WORLD_PATHS=2 WORLD_ENDPOINTS=2
WORLD_SECRET=$E2E_DIR/secret
WORLD_JOURNAL=$E2E_DIR/small/journal
WORLD_JOURNAL_KEYS='segment_bytes: 1MiB, commit_max: 256KiB, checkpoint_bytes: 4MiB'
# shellcheck source-path=SCRIPTDIR source=_rig.sh
. "$(dirname "$0")/_rig.sh"

e2e_cleanup() {
  fault_cleanup
  umount -l "$E2E_DIR/small" 2>/dev/null || true
}


refuses() {
  [ "$(fault_refused journal_full)" -gt 0 ]
}

accepted_beyond() {
  [ "$(fault_accepted)" -gt "$1" ]
}

requests_of_sink() {
  sed -nE 's/.* requests ([0-9]+) .*/\1/p' "$E2E_DIR/up.sink.log" | tail -n 1
}

mkdir -p "$E2E_DIR/small"
mount -t tmpfs -o size=48m tmpfs "$E2E_DIR/small" || e2e_skip 'file systems cannot be mounted here'
fault_make_secret

fault_config <<END
retention: {bytes: 1GiB}
retry: {base: 50ms, cap: 500ms}
END
fault_start_sink up "$WORLD_PORT" --secret-file "$WORLD_SECRET" --allow-unclaimed --progress
up=$FAULT_SINK_PID
fault_launch
fault_await
FAULT_SEND=--retry-refused
fault_launch_sender
fault_await_sender
dd if=/dev/zero of="$E2E_DIR/small/hog" bs=1M 2>/dev/null || true
e2e_wait_for 60 refuses
before=$(requests_of_sink)
sleep 2.5
[ "$(requests_of_sink)" -gt "$before" ] || e2e_fail 'deliveries stopped when the disk was full'
rm "$E2E_DIR/small/hog"
e2e_wait_for 20 accepted_beyond "$(fault_accepted)"
sleep 1
fault_start_sink late "$((WORLD_PORT + 1))" --secret-file "$WORLD_SECRET" --allow-unclaimed --paths 1
fault_settle
wait "$up" || e2e_fail "the webhook that was up: $(tail -n 1 "$E2E_DIR/up.sink.log")"
wait "$FAULT_SINK_PID" || e2e_fail "the webhook that was down: $(tail -n 1 "$E2E_DIR/late.sink.log")"
echo "accepted $(world_number run.send.log accepted), refused $(world_number run.send.log journal_full) with journal_full"
fault_balances
