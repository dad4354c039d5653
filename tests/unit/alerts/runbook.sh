#!/usr/bin/env bash
# Every alarm has its page in docs/runbook, every page its alarm, and every command that pages and alarms tell people to type is one that
# the command line takes.
#   runbook.sh MILLRACE ALERTS_TEST DOCS: the program, the test that knows all alarms, docs/
set -euo pipefail
millrace=$1 alerts=$2 docs=$3
failures=0

fail() {
  echo "$*" >&2
  failures=$((failures + 1))
}

# check WHERE COMMAND: of others than millrace only that they are what pages may name.
check() {
  local why
  case $2 in
  'millrace '*) why=$("$millrace" --check-command "$2" 2>&1) || fail "$1: \`$2\`: $why" ;;
  systemctl\ * | journalctl\ * | 'millraced '* | df\ * | dmesg\ * | iostat\ * | ip\ * | ls\ * | taskset\ * | top\ * | gcore\ *) ;;
  *) fail "$1: \`$2\` is no command" ;;
  esac
}

names=()
while IFS=$'\t' read -r name command; do
  names+=("$name")
  check "alarm $name" "$command"
  [ -f "$docs/runbook/$name.md" ] || fail "alarm $name has no page in docs/runbook"
  grep -qF "($name.md)" "$docs/runbook/README.md" || fail "docs/runbook/README.md does not name $name"
done < <("$alerts" --commands)
[ "${#names[@]}" -gt 0 ] || fail 'no alarms'

# shellcheck disable=SC2016 # backticks of Markdown
for page in "$docs"/runbook/*.md; do
  name=$(basename "$page" .md)
  [ "$name" = README ] || [[ " ${names[*]} " == *" $name "* ]] || fail "$page belongs to no alarm"
  while read -r command; do
    check "$page" "$command"
  done < <(grep -oE '`(millrace|millraced|systemctl|journalctl|df|dmesg|iostat|ip|ls|taskset|top|gcore) [^`]+`' "$page" | tr -d '`' | sort -u)
done
[ "$failures" -eq 0 ]
