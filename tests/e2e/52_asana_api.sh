#!/usr/bin/env bash
# Asana's own client library works against the control daemon as it is. What it has made is signed with its secret, is there after the router was
# killed, without another handshake, and can be tested, disabled, enabled, given a new secret and taken away by an operator.
# shellcheck source-path=SCRIPTDIR source=_init.sh
. "$(dirname "$0")/_init.sh"
WORLD_DURABILITY=disk WORLD_PATHS=2
# shellcheck source-path=SCRIPTDIR source=_world.sh
. "$(dirname "$0")/_world.sh"
# shellcheck source-path=SCRIPTDIR source=_control.sh
. "$(dirname "$0")/_control.sh"

command -v node >/dev/null || e2e_skip 'node is not installed'
modules=$BUILD_DIR/node
[ -d "$modules/node_modules/asana" ] || e2e_skip "asana is not in $modules: deploy/check --only e2e fetches it"

receiver=http://127.0.0.1:$WORLD_PORT

received() {
  curl --silent "$receiver/state" | jq -e "$1" >/dev/null
}

token() {
  (umask 077 && control_ask POST /v1/tokens "{\"name\": \"$1\", \"role\": \"view\", \"app\": \"1\", \"user\": \"$2\", \"workspace\": \"21\"}" \
    | jq -r .token >"$E2E_DIR/$1.token")
}

world_config >"$E2E_DIR/millraced.yaml" <<END
port: {device: "$(world_port)"}
topology: {lcores: [{cpu: $WORLD_CPU, stages: [ingest0, shard0, journal, delivery0]}]}
END
e2e_start receiver node "$(dirname "$0")/asana_receiver.mjs" "$WORLD_PORT"
e2e_wait_for 10 grep -q listening "$E2E_DIR/receiver.log"
world_start_router asana
control_start asana
token alice 11
token bob 12
e2e_wait_for 10 curl --silent --fail http://127.0.0.1:7490/healthz

cp "$E2E_ROOT/tests/e2e/asana_client.mjs" "$modules/"
gid=$(node "$modules/asana_client.mjs" http://127.0.0.1:7490/api/1.0 "$E2E_DIR/alice.token" "$E2E_DIR/bob.token" "$receiver") \
  || e2e_fail 'the client library'
curl --silent --fail -H "Authorization: Bearer $(cat "$E2E_DIR/alice.token")" --data "resource=5002&target=$receiver/form" \
  'http://127.0.0.1:7490/api/1.0/webhooks?opt_pretty' | jq -e '.data.resource.gid == "5002" and (."X-Hook-Secret" | length) == 64' >/dev/null \
  || e2e_fail 'a form is taken, too'
control_is /v1/webhooks '[.data[] | select(.source == "api")] | length == 2' || e2e_fail 'not all are gone that were deleted'

echo 'killing the router'
kill -9 "$WORLD_ROUTER"
wait "$WORLD_ROUTER" || true
rm -f "$E2E_DIR/memif.sock"
world_launch_router asana-again
e2e_wait_for 20 world_running
e2e_wait_for 20 control_is "/v1/webhooks/$gid" '.state == "active"'
received '.secrets | (.["/a"] | length) == 2 and (.["/form"] | length) == 1' || e2e_fail 'hands were shaken again'
world_send asana --events 500 --settle-wait 30s || e2e_fail "the sender: $(cat "$E2E_DIR/asana.send.err")"
e2e_wait_for 20 received '.verified["/a"] > 0 and .wrong == 0'
e2e_wait_for 20 control_is "/v1/webhooks/$gid" '.pending == 0 and .delivered > 0'
e2e_wait_for 10 control_is "/v1/webhooks/$gid/attempts" '.data | length > 0 and .[0].status == 200'

control_ask POST "/v1/webhooks/$gid/test" '{}' | jq -e '.http_status == 200' >/dev/null || e2e_fail 'the test event'
control_ask POST "/v1/webhooks/$gid/disable" '{}' | jq -e '.webhook.state == "disabled"' >/dev/null || e2e_fail 'disable'
control_ask POST "/v1/webhooks/$gid/enable" '{}' | jq -e '.webhook.state != "disabled"' >/dev/null || e2e_fail 'enable'
control_ask POST "/v1/webhooks/$gid/rotate" '{}' | jq -e '.secret | length == 64' >/dev/null || e2e_fail 'rotate'
control_ask POST "/v1/webhooks/$gid/test" '{}' | jq -e '.http_status == 401' >/dev/null || e2e_fail 'the new secret signs nothing'
control_ask POST /v1/apps '{"app": "9", "key": "99", "name": "nine"}' | jq -e '.source == "api"' >/dev/null || e2e_fail 'a key'
control_is /v1/apps '.data | map(.key) == ["1", "99"]' || e2e_fail 'the keys'
control_ask DELETE /v1/apps/99 || e2e_fail 'the key is removed'
control_is /v1/audit '[.data[].act] | contains(["webhook add", "webhook remove", "webhook rotate", "app add", "app remove"])' \
  || e2e_fail 'the audit'
! grep -r "$(curl --silent "$receiver/state" | jq -r '.secrets["/form"][0]')" "$E2E_DIR/control" "$E2E_DIR"/*.log "$WORLD_JOURNAL" \
  || e2e_fail 'a secret stands where it should not'
control_stop
world_stop_router
