#!/usr/bin/env bash
# The control plane under attack: requests that try to slip past its checks, a router and a daemon that hang. Nothing is done that was not asked for, and
# whoever is on call hears within seconds what is wrong.
# shellcheck source-path=SCRIPTDIR source=_init.sh
. "$(dirname "$0")/_init.sh"
# shellcheck source-path=SCRIPTDIR source=_world.sh
. "$(dirname "$0")/_world.sh"
# shellcheck source-path=SCRIPTDIR source=_control.sh
. "$(dirname "$0")/_control.sh"
export MILLRACE_CONTROL_SOCKET=$CONTROL_SOCKET MILLRACE_DIRECT_SOCKET=$E2E_DIR/direct.sock

world_config >"$E2E_DIR/millraced.yaml" <<END
port: {device: "$(world_port)"}
topology: {shards: 2, lcores: [{cpu: $WORLD_CPU, stages: [ingest0, shard0, shard1, journal, delivery0]}]}
END
world_start_router hostile
control_start hostile
e2e_wait_for 10 control_ask GET /readyz
e2e_wait_for 10 control_ask GET /v1/bans

# What is stopped does not hear that it should end.
e2e_cleanup() {
  kill -CONT "$WORLD_ROUTER" "$CONTROL_PID" 2>/dev/null
}

# answers STATUS METHOD PATH CURL-OPTION...
answers() {
  local expected=$1 method=$2 path=$3 status
  shift 3
  status=$(curl --silent --output /dev/null --write-out '%{http_code}' --max-time 20 --unix-socket "$CONTROL_SOCKET" -X "$method" \
    -H 'Host: localhost' "$@" "http://localhost$path")
  [ "$status" = "$expected" ] || e2e_fail "$method $path was answered $status, not $expected"
}

# fails_within SECONDS TEXT COMMAND...: and says so
fails_within() {
  local seconds=$1 text=$2 said
  shift 2
  SECONDS=0
  if said=$("$@" 2>&1); then e2e_fail "this was to fail: $*"; fi
  [ "$SECONDS" -le "$seconds" ] || e2e_fail "took $SECONDS s: $*"
  [[ $said == *"$text"* ]] || e2e_fail "said \"$said\", without \"$text\": $*"
}

echo '== what was cut, doubled or ends early does not pass'
many=()
for ((i = 0; i < 60; i++)); do many+=(-H "X-Filler-$i: x"); done
json=(-H 'Content-Type: application/json' --data '{"kind": "object", "id": "42", "mode": "drop", "reason": "test"}')
answers 201 POST /v1/bans "${json[@]}"
answers 431 POST /v1/bans "${json[@]}" "${many[@]}" -H 'Origin: http://evil.example'
answers 431 DELETE /v1/bans/object/42 "${many[@]}" -H 'If-Match: "another"'
answers 400 POST '/v1/bans?dry_run=false&dry_run=true' "${json[@]}"
answers 404 DELETE /v1/bans/object/42%00
answers 200 GET /v1/bans/object/42

echo '== a router that hangs'
kill -STOP "$WORLD_ROUTER"
fails_within 12 'is stuck' "$world_cli" ban object 43 --reason test
fails_within 8 'is stuck' "$world_cli" --direct ban object 44 --reason test
fails_within 8 '503' "$world_cli" webhooks test "$("$world_cli" webhooks -o json | jq -r '.data[0].id')"
kill -CONT "$WORLD_ROUTER"
e2e_wait_for 10 control_is /v1/status '.router.connected'

echo '== a daemon that hangs'
kill -STOP "$CONTROL_PID"
fails_within 20 'millrace --direct status' "$world_cli" status
"$world_cli" --direct ban object 45 --reason test >"$E2E_DIR/direct.txt" || e2e_fail 'the way past the daemon is shut'
kill -CONT "$CONTROL_PID"
e2e_wait_for 10 control_is /v1/bans 'any(.data[]; .scope == "45" and .direct)'
e2e_wait_for 10 control_is /v1/audit 'any(.data[]; .scope == "object 45" and .via == "direct")'

echo '== a router that was killed'
kill -KILL "$WORLD_ROUTER"
e2e_wait_for 10 control_is /v1/status '.router.connected | not'
fails_within 8 'start it' "$world_cli" --direct status
fails_within 8 '503' "$world_cli" ban object 46 --reason test
control_stop
