#!/usr/bin/env bash
# millraced as its operator meets it: exit codes, checks, start, reload, stop. Usage: config_millraced.sh MILLRACED
set -euo pipefail
millraced=$1
dir=$(mktemp -d /tmp/millrace-config-XXXXXX)
pid=
trap '[ -z "$pid" ] || kill -9 "$pid" 2>/dev/null; rm -rf "$dir"' EXIT
count=0

# claim NAME COMMAND...: one TAP line.
claim() {
  local name=$1
  shift
  count=$((count + 1))
  if "$@"; then
    echo "ok $count - $name"
  else
    echo "not ok $count - $name"
    sed 's/^/# /' "$dir/out" "$dir/err"
  fi
}

# exits CODE WORDS ARGUMENTS...: the exit code, and the words somewhere in what it prints.
exits() {
  local code=$1 words=$2 got=0
  shift 2
  "$millraced" "$@" >"$dir/out" 2>"$dir/err" || got=$?
  [ "$got" = "$code" ] && grep -qF -- "$words" "$dir/out" "$dir/err"
}

# says WORDS [TIMES]: the running router has logged the words so often; waits up to 10 s.
says() {
  for _ in $(seq 200); do
    [ "$(grep -cF -- "$1" "$dir/err")" -ge "${2:-1}" ] && return 0
    sleep 0.05
  done
  return 1
}

stops() {
  local got=0
  kill -TERM "$pid"
  wait "$pid" || got=$?
  pid=
  [ "$got" = 0 ] && [ ! -e "$dir/direct.sock" ]
}

config=$dir/millraced.yaml
cat >"$config" <<END
apps: [{name: demo, app: 1, key: 1}]
port: {device: "net_memif0,role=server,socket=$dir/memif.sock"}
eal: {file_prefix: "config-test-$$", memory: 64MiB}
port.mbufs: 4096
direct.socket: $dir/direct.sock
state_dir: $dir/state
journal: {dir: $dir/journal, segment_bytes: 1MiB}
retention.bytes: 16MiB
shard.buffer_bytes: 4MiB
delivery.buffer_bytes: 1MiB
delivery.fragment_cache_bytes: 1MiB
objects.max: 4096
positions.max: 16k
lane.entries_max: 16k
webhooks.max: 64
connections.max: 16
END

claim "prints its version" exits 0 "millraced " --version
claim "help has examples and exit codes" exits 0 "Exit codes:" --help
claim "unknown option is wrong usage" exits 2 "--nonsense is no option" --nonsense
claim "unknown key is a wrong configuration" exits 78 'did you mean "flows"?' --set flws=3
claim "missing file is a wrong configuration" exits 78 "cannot be opened" --config "$dir/none"
claim "printed defaults are accepted" exits 0 "durability: disk" --print-config
cp "$dir/out" "$dir/defaults.yaml"
claim "and change nothing" exits 0 "memory plan:" --config "$dir/defaults.yaml" --set port.mbufs=16384 --check-config
claim "check-config prints the plan" exits 0 "stream buffers" --config "$config" --check-config
claim "plan beyond half of the memory is refused" exits 78 "lower shard.buffer_bytes" --check-config --set shard.buffer_bytes=512GiB
claim "check-host says what is there" exits 0 "net_memif0" --config "$config" --check-host
claim "check-host says what is lacking" exits 1 "lacks" --config "$config" --check-host --set port.device=0000:ff:1f.7
few=0
prlimit --nofile=200:200 "$millraced" --config "$config" --set connections.max=100 >"$dir/few" 2>&1 || few=$?
claim "too few descriptors for the connections stop the start" [ "$few" = 1 ]
claim "and it says how many are needed" grep -qF "connections.max and the journal need 246 descriptors, 200 are allowed" "$dir/few"

"$millraced" --config "$config" >"$dir/out" 2>"$dir/err" &
pid=$!
claim "starts and says what it runs" says "; durable"
claim "is ready" says "ready after"
second=0
"$millraced" --config "$config" --set "eal.file_prefix=other-$$" \
  --set "port.device=net_memif0,role=server,socket=$dir/other.sock" --set durability=memory >"$dir/second" 2>&1 || second=$?
claim "second router on the same control socket fails" [ "$second" = 1 ]
claim "and names it" grep -qF "another millraced listens on $dir/direct.sock" "$dir/second"
second=0
"$millraced" --config "$config" --set "direct.socket=$dir/other-direct.sock" >"$dir/second" 2>&1 || second=$?
claim "second router on the same journal is a wrong configuration" [ "$second" = 78 ]
claim "and names the process" grep -qF "another process has it: pid $pid" "$dir/second"
kill -HUP "$pid"
claim "reloads on SIGHUP" says "reload: 1 apps"
echo "batch.age_max: 5" >>"$config"
kill -HUP "$pid"
claim "refuses a wrong file with line and caret" says "expected a duration with its unit"
claim "and stays" says "the old configuration stays"
sed -i -e '$d' "$config"
echo "flows: 8" >>"$config"
kill -HUP "$pid"
claim "names what needs a restart" says "flows has changed; it needs a restart"
claim "drains on SIGTERM, exits 0 and removes its socket" stops
echo "1..$count"
