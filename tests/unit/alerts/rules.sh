#!/usr/bin/env bash
# Rules and board: promtool takes them, the rules' own tests pass, and every metric they name is in the exposition.
#   rules.sh PROMTOOL EXPOSITION DEPLOY: the program, a file with an exposition or a program that prints one, deploy/
set -euo pipefail
promtool=$1 exposition=$2 deploy=$3
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failures=0

fail() {
  echo "$*" >&2
  failures=$((failures + 1))
}

if [ -x "$exposition" ]; then
  "$exposition" >"$dir/exposition"
else
  cp "$exposition" "$dir/exposition"
fi
"$promtool" check metrics <"$dir/exposition" || fail 'the exposition is not clean'
"$promtool" check rules "$deploy/prometheus/millrace.rules.yml" || fail 'the rules are wrong'
"$promtool" test rules "$deploy/prometheus/millrace.rules.test.yml" || fail 'a rule does not do what its test says'

# The panels as rules, so that each expression is parsed.
python3 - "$deploy/grafana/millrace.json" >"$dir/board.yml" <<'END'
import json, sys
board = json.load(open(sys.argv[1]))
rules = [{"record": f"panel:{p['id']}:{t['refId']}", "expr": t["expr"]} for p in board["panels"] for t in p["targets"]]
json.dump({"groups": [{"name": "board", "rules": rules}]}, sys.stdout)
END
"$promtool" check rules "$dir/board.yml" || fail 'the board has a wrong expression'

sed -nE 's/^# TYPE ([a-z_]+) .*/\1/p' "$dir/exposition" | sort -u >"$dir/exposed"
for file in "$deploy/prometheus/millrace.rules.yml" "$dir/board.yml"; do
  grep -oE 'millrace_[a-z_]+' "$file" | sed -E 's/_bucket$//' | sort -u >"$dir/named"
  while read -r metric; do
    case $metric in millrace_absent) continue ;; esac
    grep -qxF "$metric" "$dir/exposed" || fail "$file: $metric is not in the exposition"
  done <"$dir/named"
done
[ "$failures" -eq 0 ]
