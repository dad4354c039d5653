#!/usr/bin/env bash
# Alarms, end to end: real faults in a real router, and whoever is to be told is told, within ten seconds, what is wrong and whose it is.
# Drills pass for the same reason: a receiver has taken the alarm.
# shellcheck source-path=SCRIPTDIR source=_init.sh
. "$(dirname "$0")/_init.sh"
WORLD_SECRET=$E2E_DIR/secret # the endpoint that comes back knows it
# shellcheck source-path=SCRIPTDIR source=_world.sh
. "$(dirname "$0")/_world.sh"
# shellcheck source-path=SCRIPTDIR source=_control.sh
. "$(dirname "$0")/_control.sh"

here=$(cd "$(dirname "$0")" && pwd)
pager_port=9099
command -v python3 >/dev/null || e2e_skip 'python3 is not installed'

pager_listening() {
  [ -n "$(ss -Hltn "sport = :$pager_port")" ]
}

# told STATUS ALARM [FILTER]: the pager got such a notification since the last `forget`.
told() {
  tail -n "+$((forgotten + 1))" "$E2E_DIR/pager.log" \
    | jq -s -e "any(.[]; .status == \"$1\" and .alarm == \"$2\" and (${3:-true}))" >/dev/null
}

forget() {
  forgotten=$(wc -l <"$E2E_DIR/pager.log")
}

is_told() {
  local began=$SECONDS
  e2e_wait_for 15 told "$@"
  echo "$2 $1 after $((SECONDS - began)) s"
}

# traffic NAME OPTION...: in the background until it is stopped.
traffic() {
  local name=$1
  shift
  e2e_start "$name.send" "${world_beside[@]}" "$world_load" send --port "net_memif0,role=client,socket=$E2E_DIR/memif.sock,socket-abstract=no" \
    --to 10.74.0.1:7400 --from 10.74.0.2 --projects "$WORLD_PATHS" --objects 2000 --duration 300s "$@"
  sender=$E2E_PID
}

# drill NAME LAB: passes.
drill() {
  control_ask POST "/v1/drills/$1" "{\"lab\": $2}" >"$E2E_DIR/drill.$1" || e2e_fail "the drill $1 was refused: $(cat "$E2E_DIR/drill.$1")"
  jq -e .passed "$E2E_DIR/drill.$1" >/dev/null || e2e_fail "the drill $1 did not pass: $(cat "$E2E_DIR/drill.$1")"
  echo "drill $1 passed in $(jq .took_s "$E2E_DIR/drill.$1") s"
}

world_config >"$E2E_DIR/millraced.yaml" <<END
port: {device: "$(world_port)"}
topology: {lcores: [{cpu: $WORLD_CPU, stages: [ingest0, shard0, journal, delivery0]}]}
END
cat >"$E2E_DIR/alarms.yaml" <<END
receivers:
  - {name: pager, url: "http://127.0.0.1:$pager_port/hook", heartbeat: true}
  - {name: program, exec: [/bin/sh, -c, "cat >>$E2E_DIR/program.log"]}
thresholds: {endpoints_dead: 3}
retry: 100ms
END
export MILLRACE_ALARMS_FILE=$E2E_DIR/alarms.yaml

(umask 077 && echo the-secret-of-all-webhooks >"$WORLD_SECRET")

forgotten=0
e2e_start pager python3 "$here/pager.py" "$pager_port"
e2e_wait_for 10 pager_listening
e2e_start sink "${world_beside[@]}" "$world_load" sink --listen "127.0.0.1:$WORLD_PORT" --secret-file "$WORLD_SECRET"
sink=$E2E_PID
e2e_wait_for 10 world_listening

# The daemon is there before the router, and says that it is alone.
control_start alarms
is_told firing watchdog
is_told firing data_plane_lost
world_start_router alarms
is_told resolved data_plane_lost

# The port has no peer yet: its link is down until the producer comes.
is_told firing link_down
traffic calm --rate 2000
is_told resolved link_down

# Drills: one that is safe, under traffic; one for a lab, which is refused while others send.
drill data_plane_lost false
if control_ask POST /v1/drills/paused '{"lab": false}' >"$E2E_DIR/refused"; then
  e2e_fail 'a drill for a lab went on under the traffic of others'
fi
jq -e '.status == 409' "$E2E_DIR/refused" >/dev/null || e2e_fail "refused with: $(cat "$E2E_DIR/refused")"
drill paused true
told firing paused '.drill' || e2e_fail 'the drill did not say that it is one'

# A configuration with a mistake.
forget
cp "$E2E_DIR/millraced.yaml" "$E2E_DIR/good.yaml"
echo 'nonsense: 1' >>"$E2E_DIR/millraced.yaml"
world_ask reload >/dev/null && e2e_fail 'a wrong configuration was taken'
is_told firing reload_failed
cp "$E2E_DIR/good.yaml" "$E2E_DIR/millraced.yaml"
world_ask reload >/dev/null || e2e_fail 'the good configuration was refused'
is_told resolved reload_failed

# One thread of the data plane stands still for five seconds, the router's main thread does not.
forget
thread=$(for task in "/proc/$WORLD_ROUTER/task"/*; do
  echo "$(awk '{ print $14 + $15 }' "$task/stat") $(basename "$task")"
done | sort -g | tail -n 1 | cut -d ' ' -f 2) # the one that works
e2e_start stop python3 "$here/stop_thread.py" "$thread" 6
is_told firing core_stalled '.evidence_stage != ""'
is_told resolved core_stalled

# An endpoint goes away and comes back.
forget
kill "$sink"
is_told firing endpoints_dead '.evidence_origin | startswith("http://127.0.0.1")'
e2e_start sink2 "${world_beside[@]}" "$world_load" sink --listen "127.0.0.1:$WORLD_PORT" --secret-file "$WORLD_SECRET"
is_told resolved endpoints_dead

# What is exposed is what rules and board name.
if command -v promtool >/dev/null; then
  control_ask GET /metrics >"$E2E_DIR/exposition"
  "$here/../unit/alerts/rules.sh" "$(command -v promtool)" "$E2E_DIR/exposition" "$here/../../deploy" \
    || e2e_fail 'rules, board and live exposition do not fit'
fi

# One object takes it all: named within ten seconds, with app, workspace and database; banned with the very command of the alarm.
kill "$sender"
wait "$sender" || true
forget
traffic hot --rate 20000 --hot-object 999999 --hot-share 0.9 --hot-session
began=$SECONDS
is_told firing hot_object '.evidence_object == "999999" and .evidence_app == "1" and .evidence_workspace != "0" and .evidence_database != "0"'
[ $((SECONDS - began)) -le 12 ] || e2e_fail 'the hot object was named too late' # two seconds for the producer's start
command=$(jq -r 'select(.alarm == "hot_object") | .command' "$E2E_DIR/pager.log" | tail -n 1)
MILLRACE_CONTROL_SOCKET=$CONTROL_SOCKET PATH=$(dirname "$world_cli"):$PATH bash -c "$command" >/dev/null || e2e_fail "the command failed: $command"
e2e_wait_for 40 told resolved hot_object
echo 'hot_object resolved by its own command'

# Every alarm went to the program as well, and the router's death is told.
grep -q '"alertname":"hot_object"' "$E2E_DIR/program.log" || e2e_fail 'the program was not told'
forget
kill -KILL "$WORLD_ROUTER"
is_told firing data_plane_lost
control_stop
