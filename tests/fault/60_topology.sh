#!/usr/bin/env bash
# Stopped with a backlog and started with another number of shards, from 2 to 4 to 1: nothing is lost, order is kept.
# shellcheck source-path=SCRIPTDIR source=../e2e/_init.sh
. "$(dirname "$0")/../e2e/_init.sh"
export WORLD_PATHS=2 WORLD_ENDPOINTS=2 FAULT_TOPOLOGY=1
WORLD_SECRET=$E2E_DIR/secret
# shellcheck source-path=SCRIPTDIR source=_rig.sh
. "$(dirname "$0")/_rig.sh"

# config_with SHARDS DELIVERIES
config_with() {
  local i stages=ingest0
  for ((i = 0; i < $1; i++)); do stages+=", shard$i"; done
  stages+=', journal'
  for ((i = 0; i < $2; i++)); do stages+=", delivery$i"; done
  fault_config <<END
topology: {lcores: [{cpu: $WORLD_CPU, stages: [$stages]}]}
retry: {base: 50ms, cap: 500ms}
END
}

# restart_with SHARDS DELIVERIES: stopped in order, under load, with what is owed to the webhook that is down.
restart_with() {
  world_stop_router
  config_with "$@"
  fault_launch
  fault_await
  sleep 2
}

fault_make_secret
config_with 2 1
fault_start_sink up "$WORLD_PORT" --secret-file "$WORLD_SECRET" --allow-unclaimed
up=$FAULT_SINK_PID
fault_launch
fault_await
fault_launch_sender
fault_await_sender
sleep 2
restart_with 4 2
restart_with 1 1
fault_start_sink late "$((WORLD_PORT + 1))" --secret-file "$WORLD_SECRET" --allow-unclaimed --paths 1
fault_settle
wait "$up" || e2e_fail "the webhook that was up: $(tail -n 1 "$E2E_DIR/up.sink.log")"
wait "$FAULT_SINK_PID" || e2e_fail "the webhook that was down: $(tail -n 1 "$E2E_DIR/late.sink.log")"
echo "accepted $(world_number run.send.log accepted), all delivered; $(world_number late.sink.log events) of them from the backlog"
fault_balances
