#!/usr/bin/env bash
# check.sh MODEL: Spin searches all states of the model. There must be no error; and with each of the plants that its
# comment names (-DPLANT_...) there must be one, or the model would not notice the fault. Exits 77 without spin.
set -euo pipefail

model=$(readlink -f "$1")
compiler=${CC:-cc}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

# search FLAGS [-DPLANT]: what the verifier says that is compiled with these flags
search() {
  local flags=$1
  shift
  (
    cd "$work"
    spin -a "$@" "$model"
    # shellcheck disable=SC2086
    $compiler $flags -w -DSAFETY -DMEMLIM=2000 -o pan pan.c
    ./pan -b -m100000 -w22 # -b: a search that was not deep enough is an error
  ) 2>&1
}

# verdict NAME HOLDS OUTPUT
verdict() {
  if "$2"; then
    echo "ok     $1 ($(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1 states/p' <<<"$3"))"
  else
    echo "FAILED $1"
    echo "$3"
    failures=$((failures + 1))
  fi
}

command -v spin >/dev/null || {
  echo "skip: spin is not installed"
  exit 77
}
output=$(search -O1) || true
holds=false
if grep -q 'errors: 0$' <<<"$output"; then holds=true; fi
verdict "$(basename "$model" .pml) holds" $holds "$output"
mapfile -t plants < <(sed -nE 's/^ \*   (PLANT_[A-Z]+) .*/\1/p' "$model")
[ "${#plants[@]}" -gt 0 ] || {
  echo "FAILED $model names no plants"
  exit 1
}
for plant in "${plants[@]}"; do
  output=$(search "-O0 -DBFS" "-D$plant") || true # breadth first: the shortest way to it
  found=false
  if grep -q 'assertion violated' <<<"$output"; then found=true; fi
  verdict "$plant is found" $found "$output"
done
[ "$failures" -eq 0 ]
