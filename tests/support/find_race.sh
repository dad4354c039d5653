#!/bin/sh
# Runs a program with a planted race: passes only when ThreadSanitizer reports it.
out=$(TSAN_OPTIONS=halt_on_error=1:exitcode=66 "$@" 2>&1)
[ $? -eq 66 ] && echo "$out" | grep 'WARNING: ThreadSanitizer: data race' && exit 0
echo "$out"
exit 1
