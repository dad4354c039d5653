#!/usr/bin/env bash
# millrace both ways: through a control daemon, and past it. Both are fakes; what is asked and what is printed counts.
set -euo pipefail
millrace=$1 daemon=$2 top=$3 router=$4
work=$(mktemp -d)
servers=()
end() {
  kill "${servers[@]}" 2>/dev/null || true
  rm -rf "$work"
}
trap end EXIT
# shellcheck source=tests/integration/_claims.sh
. "$(dirname "$0")/_claims.sh"

export MILLRACE_CONTROL_SOCKET=$work/control.sock MILLRACE_DIRECT_SOCKET=$work/direct.sock
unset MILLRACE_TOKEN_FILE
m() { "$millrace" "$@"; }
d() { "$millrace" --direct "$@"; }

# asked LINE COMMAND...: succeeds, and the daemon was asked just that.
asked() {
  local line=$1 last
  shift
  "$@" >/dev/null
  last=$(tail -n 1 "$work/log")
  [[ $last == "$line" ]] || {
    echo "asked: $last"
    return 1
  }
}

# fits COMMAND...: no line is wider than 80 columns.
fits() { "$@" | awk 'length($0) > 80 { print; bad = 1 } END { exit bad }'; }

json() { # json FILTER COMMAND...: one line, and true of it
  local filter=$1 out
  shift
  out=$("$@")
  if [[ $out == *$'\n'* ]] || ! jq -e "$filter" >/dev/null <<<"$out"; then
    echo "$out"
    return 1
  fi
}

claim "a daemon that is not there: where it was sought, and how to go past it" \
  refuses 1 "sudo millrace --direct ban" m ban app 42
claim "a router that is not there" refuses 1 "start millraced" d status

printf 'secret-of-the-file\n' >"$work/token"
python3 "$daemon" "$work/control.sock" "$work/log" secret-of-the-file "$work/port" &
servers+=($!)
"$router" "$work/direct.sock" &
servers+=($!)
for _ in $(seq 100); do
  if [[ -S $work/control.sock && -S $work/direct.sock && -s $work/port ]]; then break; fi
  sleep 0.05
done
url=http://127.0.0.1:$(cat "$work/port")

# -- Through the daemon
claim "status" says "offered                10" m status
claim "status fits" fits m status
claim "status as JSON is the answer as it came" json '.router.state == "running" and .bans == 1' m status -o json
claim "hot" says "1200" m hot
claim "hot fits" fits m hot
claim "hot asks what was typed" asked "GET /v1/hot?kind=app&by=refused&limit=5 " m hot app --by refused --limit 5
claim "a ban says what is in force" says "ban of app 42" m ban app 42 --reason loop
claim "a ban says how to undo it" says "millrace unban app 42" m ban app 42
claim "a ban says in how long" says "3.50 ms" m ban app 42
claim "a ban asks what was typed" \
  asked 'POST /v1/bans {"kind":"app","id":"42","mode":"throttle","rate":100,"ttl_s":900.0,"reason":"x \"y\"","confirm_all":true}' \
  m ban app 42 --mode throttle --rate 100/s --ttl 15m --reason 'x "y"' --confirm-all
claim "a dry run says so, and asks for one" \
  asked 'POST /v1/bans?dry_run=true {"kind":"app","id":"43","mode":"drop","reason":"no reason given"}' m ban app 43 --dry-run
claim "a dry run changes nothing" says "nothing: this was a dry run" m ban app 43 --dry-run
claim "a change as JSON holds how to undo it" \
  json '.undo == "millrace unban app 42" and .took_ms == 3.5 and .effect.webhooks == 1' m ban app 42 -o json
claim "bans" says "throttle" m ban app 44 --mode throttle --rate 7/s
claim "bans lists them" says "app        44" m bans
claim "bans fits" fits m bans
claim "unban" says "the ban of app 42 is lifted" m unban app 42
claim "what is refused says why" refuses 1 "app 43 is not banned" m unban app 43
claim "what is wrong with a body says where" refuses 1 "/id: 0 takes in everything" m ban app 0
claim "pages are put together" json '.data | length == 6' m audit -o json
claim "pages end at the limit" asked "GET /v1/audit?limit=1&iterator=2 " m audit --limit 3
claim "stats of counters come from the exposition" says "millrace_shard_offered_total" m stats
claim "buckets are left to programs" lacks "_bucket" m stats
claim "stats as an exposition" says "# HELP a b" m stats -o prom
claim "healthcheck" says "data_plane" m healthcheck
claim "a drill that passes" m drill pause
claim "a drill that does not" ends 1 m drill pause --lab
claim "tail prints steps" says "accepted" m tail 1201 --ttl 1ms
claim "explain takes an event from its input" \
  asked 'POST /v1/explain {"object":"1","app":"42"}' m explain - --app 42 < <(echo '{"object": "1"}')
claim "explain names line and column of a mistake" refuses 2 ":1:" m explain <(echo '{"object": }')
claim "a token is shown once" says "shown-once" m tokens add ci --role view
claim "no colour without a terminal" lacks $'\033' m status

claim "alarms name what to type, of those that fire only" says "millrace resume delivery" m alarms
claim "alarms that are well need nothing" lacks "well-page" m alarms

# -- Over TCP
claim "the token comes from a file" says "running" m --url "$url" --token-file "$work/token" status
claim "or from where the environment says" says "running" \
  env MILLRACE_TOKEN_FILE="$work/token" "$millrace" --url "$url" status
claim "a wrong token is not permitted" refuses 77 "the token is not known" m --url "$url" --token-file <(echo x) status
claim "no token is wrong usage" refuses 2 "--token-file" m --url "$url" status
claim "an empty token file is wrong" refuses 78 "holds no token" m --url "$url" --token-file /dev/null status

# -- Past the daemon
claim "direct: status" says "VOLATILE" d status
claim "direct: stats as an exposition" says "# TYPE millrace_shard_offered_total counter" d stats -o prom
claim "direct: hot" says "none" d hot
claim "direct: ban" says "millrace --direct unban object 99" d ban object 99 --mode hold --reason "x y"
claim "direct: ban as JSON" json '.generation == "9" and .took_ms == 2.5' d ban app 5 -o json
claim "direct: bans" json '.data[0] | .kind == "object" and .scope == "99" and .mode == "hold" and .reason == "x y"' \
  d bans -o json
claim "direct: bans fits" fits d bans
claim "direct: all wants to be meant" refuses 77 "--confirm-all" d ban app 0
claim "direct: all, meant" d ban app 0 --confirm-all
claim "direct: unban" says "the ban of object 99 is lifted" d unban object 99
claim "direct: unban of what is not banned" refuses 1 "not banned" d unban object 99
claim "direct: purge" says "queued events          11" d purge app 5 --dry-run
claim "direct: pause" says "millrace --direct resume delivery" d pause delivery --reason moving
claim "direct: pauses" json '.data[0].what == "delivery"' d pauses -o json
claim "direct: resume" says "delivery goes on" d resume delivery
claim "direct: acts" json '.data | map(.act) == ["banned", "banned", "banned", "unbanned", "paused", "resumed"]' \
  d acts -o json
claim "direct: acts fits" fits d acts
claim "direct: a file with mistakes is another exit code" refuses 78 "millraced.yaml:3:1" d reload
claim "direct: healthcheck" says "running" d healthcheck

# completes LINE WORD...: what bash offers after the words of the line.
completes() {
  local wanted=$1
  shift
  # shellcheck disable=SC2016 # read by the bash that completes
  says "$wanted" bash -c 'source <("$1" completion bash); shift
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _millrace; echo "${COMPREPLY[*]}"' bash "$millrace" "$@"
}

claim "direct: status fits" fits d status
claim "direct: stats of webhooks fit" fits d stats webhooks
claim "direct: stats of scopes fit" fits d stats scopes
claim "completion: commands" completes "status stats" millrace st
claim "completion: second words" completes "list show lag" millrace webhooks ""
claim "completion: kinds of scopes" completes "app object workspace" millrace ban ""
claim "completion: options of the command" completes "--mode" millrace ban app 4 --mo
claim "completion: values of an option" completes "drop hold throttle" millrace ban app 4 --mode ""
claim "completion: zsh" says "#compdef millrace" m completion zsh
claim "completion: fish" says "complete -c millrace" m completion fish

# -- The live screen
claim "top --once" says "per second  offered 12,346" m top --once
claim "top --once fits" fits m top --once
claim "top --once has 24 lines at most" test "$(m top --once | wc -l)" -le 24
claim "top --once as JSON" json '.hot.data[0].id == "1200"' m top --once -o json
claim "direct: top --once" says "running" d top --once
claim "top on a terminal: keys, ban, size, and the terminal is put back" python3 "$top" "$millrace" top
claim "direct: top on a terminal" python3 "$top" "$millrace" --direct top
echo "1..$number"
