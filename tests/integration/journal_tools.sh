#!/usr/bin/env bash
# millrace journal and millrace impact, on a journal that a test has written.
set -euo pipefail
millrace=$1
sample=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# shellcheck source=tests/integration/_claims.sh
. "$(dirname "$0")/_claims.sh"

# damage SEGMENT OFFSET: one byte is another one.
damage() {
  printf '\377' | dd of="$work/j/segment-000000000000000$1" bs=1 seek="$2" conv=notrunc status=none
}

journal() {
  local command=$1
  shift
  "$millrace" journal "$command" --dir "$work/j" "$@"
}

fresh() {
  rm -rf "$work/j" "$work/salvaged"
  "$sample" "$work/j" >"$work/end"
}

fresh
claim "ls names the segments" says segment-0000000000000002 journal ls
claim "ls -o json says the number of frames" says '"frames":9' journal ls -o json
claim "ls says that nobody writes" says offline journal ls
claim "cat shows every record" says '"kind":"progress"' journal cat -o json
claim "cat --kind takes one kind" lacks '"kind":"event"' journal cat -o json --kind batch
claim "cat --object follows an object's events to their end" says '"kind":"dropped"' \
  journal cat -o json --object 1201
claim "cat --object leaves out others" lacks '"object":"1303"' journal cat -o json --object 1201
claim "cat --webhook" lacks '"webhook":"901"' journal cat -o json --webhook 900
claim "cat --stream" lacks '"place":"8:' journal cat -o json --stream 9
claim "cat --limit" says '"records":[]' journal cat -o json --limit 0
claim "cat --since and --until" says '"records":[]' journal cat -o json --until 2000-01-01T00:00:00Z
claim "verify: sound" says sound journal verify
claim "stats counts by kind" says '"kind":"event","records":7' journal stats -o json
claim "impact: the webhook that was late, and what it lost" \
  says '"webhook":"900","delivered":2,"late":2' "$millrace" impact --dir "$work/j" --since @1 -o json
claim "impact: why" says '"reason":"expired","count":1' "$millrace" impact --dir "$work/j" --since @1 -o json
claim "impact: not those on time" lacks '"webhook":"901"' \
  "$millrace" impact --dir "$work/j" --since @1 -o json
claim "impact: apps and workspaces" says '"workspace":"70"' \
  "$millrace" impact --dir "$work/j" --since @1 -o json
claim "impact: nothing before it happened" lacks '"webhook":"900"' \
  "$millrace" impact --dir "$work/j" --since @1 --until @2 -o json
claim "impact wants a time" refuses 2 "--since" "$millrace" impact --dir "$work/j"

claim "no such directory" refuses 1 "$work/none" "$millrace" journal ls --dir "$work/none"
claim "no such command" refuses 2 'no command "journal rm"' "$millrace" journal rm
claim "no such kind" refuses 2 'not "evnt"' "$millrace" journal cat --kind evnt
claim "no such time" refuses 2 "--since wants" "$millrace" journal cat --since yesterday
claim "help" says "Examples" "$millrace" journal --help
claim "help of impact" says "Examples" "$millrace" impact --help

exec 8>"$work/j/owner"
flock 8
claim "a journal that a router has is live" says live journal ls
claim "a live journal is not salvaged" refuses 1 "stop it" journal salvage --to "$work/salvaged"
exec 8>&-

claim "salvage of a sound journal copies all of it" says '"frames_dropped":0' \
  journal salvage --to "$work/salvaged" -o json
claim "a copy is sound" says '"frames":11' "$millrace" journal verify --dir "$work/salvaged" -o json
claim "salvage writes to a new directory only" refuses 1 exists journal salvage --to "$work/salvaged"

fresh
damage 1 12400
claim "verify names file and offset" refuses 65 "segment-0000000000000001: offset 12288" journal verify
claim "salvage says what it drops" says '"frames_dropped":8,"frames_unreadable":1,"bytes_dropped":32768},"records_dropped":[{"kind":"event","records":4}' \
  journal salvage --to "$work/salvaged" -o json
claim "what is salvaged is sound" says '"frames":2' \
  "$millrace" journal verify --dir "$work/salvaged" -o json
fresh
damage 2 100
claim "a damaged header is named" refuses 65 "segment-0000000000000002: offset 0" journal verify
claim "salvage keeps the segments before" says '"segments_copied":1' \
  journal salvage --to "$work/salvaged" -o json
claim "what is salvaged is sound, too" ends 0 "$millrace" journal verify --dir "$work/salvaged"
fresh
damage 2 $(($(cat "$work/end") - 4000))
claim "a torn tail is no damage" says '"torn_tail_bytes":4096' journal verify -o json
echo "1..$number"
