#!/bin/sh
# Each public header compiles alone, and twice, without any of the project's own flags.
# usage: headers.sh <include folder> <compiler> [argument...]
set -u
include=$1
shift
failed=0
for header in "$include"/millrace/*.h; do
  name="millrace/$(basename "$header")"
  printf '#include <%s>\n#include <%s>\n' "$name" "$name" |
    "$@" -std=c17 -Wall -Wextra -Wpedantic -Werror -fsyntax-only -I"$include" -x c - || {
    echo "$name does not stand alone" >&2
    failed=1
  }
done
exit $failed
