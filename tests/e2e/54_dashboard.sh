#!/usr/bin/env bash
# The dashboard in a real browser, against real programs: the hot object stands there, is banned and freed with a click, and the page says when it has
# nothing to show. No complaint of the browser, none of the accessibility checker. Leaves the screenshots that docs/DASHBOARD.md shows in
# $BUILD_DIR/dashboard.
# shellcheck source-path=SCRIPTDIR source=_init.sh
. "$(dirname "$0")/_init.sh"
# shellcheck source-path=SCRIPTDIR source=_world.sh
. "$(dirname "$0")/_world.sh"
# shellcheck source-path=SCRIPTDIR source=_control.sh
. "$(dirname "$0")/_control.sh"

command -v chromium >/dev/null || e2e_skip 'chromium is not installed'
modules=$BUILD_DIR/node
for module in playwright-core axe-core; do
  [ -d "$modules/node_modules/$module" ] || e2e_skip "$module is not in $modules: deploy/check --only e2e fetches it"
done

shots=$BUILD_DIR/dashboard
mkdir -p "$shots"
world_config >"$E2E_DIR/millraced.yaml" <<END
port: {device: "$(world_port)"}
topology: {shards: 2, lcores: [{cpu: $WORLD_CPU, stages: [ingest0, shard0, shard1, journal, delivery0]}]}
END
rm -f "$E2E_DIR/ledger"
e2e_start dashboard.sink "$world_load" sink --listen "127.0.0.1:$WORLD_PORT" --ledger "$E2E_DIR/ledger" --until-settled --output json
e2e_wait_for 10 world_listening
world_start_router dashboard
control_start dashboard
(umask 077 && control_ask POST /v1/tokens '{"name": "browser", "role": "operate"}' | jq -r .token >"$E2E_DIR/token")
e2e_wait_for 10 curl --silent --fail http://127.0.0.1:7490/healthz
world_send dashboard --hot-object 999999 --rate 60000 --hot-share 0.8 --hot-session --duration 60s &
E2E_PIDS+=("$!")
cp "$E2E_ROOT/tests/e2e/dashboard.mjs" "$modules/"
node "$modules/dashboard.mjs" http://127.0.0.1:7490/ "$E2E_DIR/token" "$shots" "$WORLD_ROUTER"
