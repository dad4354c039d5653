#!/usr/bin/env bash
# The control API of a real daemon beside a real router: every answer fits the description that it serves, acts are in force when they are answered,
# roles and tokens decide, and what was done past the daemon is audited on its return.
# shellcheck source-path=SCRIPTDIR source=_init.sh
. "$(dirname "$0")/_init.sh"
# shellcheck source-path=SCRIPTDIR source=_world.sh
. "$(dirname "$0")/_world.sh"
# shellcheck source-path=SCRIPTDIR source=_control.sh
. "$(dirname "$0")/_control.sh"

world_config >"$E2E_DIR/millraced.yaml" <<END
port: {device: "$(world_port)"}
topology: {shards: 2, lcores: [{cpu: $WORLD_CPU, stages: [ingest0, shard0, shard1, journal, delivery0]}]}
END
world_start_router api
control_start api
e2e_wait_for 10 control_ask GET /readyz
e2e_wait_for 10 control_ask GET /v1/bans

python3 "$(dirname "$0")/api_check.py" "$CONTROL_SOCKET" 2 <<'END'
200 GET /healthz
200 GET /readyz
200 GET /metrics
200 GET /openapi.json
200 GET /v1/status
200 GET /v1/hot
200 GET /v1/hot?kind=app&by=refused&limit=5
200 GET /v1/hot?kind=endpoint&by=time
400 GET /v1/hot?kind=app&by=time
400 GET /v1/hot?kind=planet
200 GET /v1/ledgers?kind=workspace
200 GET /v1/latencies
200 GET /v1/history?seconds=10
400 GET /v1/history?seconds=0
200 GET /v1/endpoints
200 GET /v1/webhooks
404 GET /v1/webhooks/1
200 GET /v1/apps
200 GET /v1/alarms
200 GET /v1/receivers
200 GET /v1/pauses
200 GET /v1/bans
404 GET /v1/bans/object/42
201 POST /v1/bans {"kind": "object", "id": "42", "mode": "drop", "reason": "test", "ttl_s": 600}
200 POST /v1/bans {"kind": "object", "id": "42", "mode": "hold", "reason": "test"}
200 POST /v1/bans?dry_run=true {"kind": "app", "id": "9", "mode": "throttle", "rate": 5, "reason": "test"}
400 POST /v1/bans?dryrun=true {"kind": "app", "id": "9", "mode": "drop", "reason": "test"}
422 POST /v1/bans {"kind": "app", "id": "9", "mode": "throttle", "reason": "test"}
422 POST /v1/bans {"kind": "app", "id": "9", "mode": "drop", "reason": "test", "colour": "red"}
400 POST /v1/bans {"kind": "app", "kind": "app"}
405 PUT /v1/bans {}
404 GET /v1/nothing
200 GET /v1/bans/object/42
200 POST /v1/explain {"app": "1", "object": "42", "action": "changed", "ancestors": ["7"]}
422 POST /v1/explain {"app": "1", "object": "42"}
200 POST /v1/tail {"object": "42", "ttl_s": 5}
200 GET /v1/tail/42
200 DELETE /v1/bans/object/42
404 DELETE /v1/bans/object/42
200 POST /v1/purges {"kind": "object", "id": "42", "reason": "test"}
200 PUT /v1/pauses/distribution {"reason": "test", "ttl_s": 60}
200 GET /v1/pauses
200 DELETE /v1/pauses/distribution
404 DELETE /v1/pauses/distribution
404 PUT /v1/pauses/lunch {"reason": "test"}
201 POST /v1/tokens {"name": "viewer", "role": "view"}
409 POST /v1/tokens {"name": "viewer", "role": "view"}
200 GET /v1/tokens
404 DELETE /v1/tokens/999
200 GET /v1/audit
END

# Tokens over TCP.
token=$(control_ask POST /v1/tokens '{"name": "tcp", "role": "view"}' | jq -r .token)
over_tcp() {
  curl --silent --output /dev/null --write-out '%{http_code}' "$@"
}
e2e_wait_for 10 curl --silent --fail http://127.0.0.1:7490/healthz
[ "$(over_tcp http://127.0.0.1:7490/v1/status)" = 401 ] || e2e_fail 'TCP asks for no token'
printf 'header = "Authorization: Bearer %s"\n' "$token" >"$E2E_DIR/token"
[ "$(over_tcp --config "$E2E_DIR/token" http://127.0.0.1:7490/v1/status)" = 200 ] || e2e_fail 'a token is not known'
[ "$(over_tcp --config "$E2E_DIR/token" -X DELETE http://127.0.0.1:7490/v1/bans/app/1)" = 403 ] || e2e_fail 'view may change'
[ "$(over_tcp --config "$E2E_DIR/token" -H 'Host: evil.example' http://127.0.0.1:7490/v1/status)" = 421 ] || e2e_fail 'any Host is answered'

# A body that is too long is not read to its end.
head -c 200000 /dev/zero >"$E2E_DIR/long"
[ "$(over_tcp --unix-socket "$CONTROL_SOCKET" -H 'Content-Type: application/json' --data-binary "@$E2E_DIR/long" http://localhost/v1/bans)" = 413 ] ||
  e2e_fail 'a long body is taken'

# The secrets of this test stand in no log.
control_stop
! grep -rqF "$token" "$E2E_DIR"/*.log || e2e_fail 'a token stands in a log'

# What is done past the daemon is listed and audited on its return.
"$BUILD_DIR/control/cli/millrace" --direct --socket "$E2E_DIR/direct.sock" ban object 43 --mode drop --reason 'past the daemon' >/dev/null
control_start again
e2e_wait_for 10 control_is /v1/bans '.data | any(.kind == "object" and .scope == "43" and .direct)'
e2e_wait_for 10 control_is /v1/audit '.data | any(.via == "direct" and .act == "ban" and .scope == "object 43")'

# A router that stands still: it is said, and nobody waits for it.
kill -STOP "$WORLD_ROUTER"
e2e_wait_for 10 control_is /v1/status '.router.connected | not'
[ "$(over_tcp --max-time 5 --unix-socket "$CONTROL_SOCKET" http://localhost/v1/status)" = 200 ] || e2e_fail 'the API waits for a router that stands still'
kill -CONT "$WORLD_ROUTER"
e2e_wait_for 20 control_is /v1/status '.router.connected'
control_stop
world_stop_router
