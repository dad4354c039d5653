# shellcheck shell=bash
# Claims about programs, one line of TAP each. Sourced, with $work naming a directory to write to.
work=${work:?}
number=0

# claim NAME COMMAND...: one line of TAP.
claim() {
  local name=$1
  shift
  number=$((number + 1))
  if "$@" >"$work/out" 2>"$work/err"; then
    echo "ok $number - $name"
  else
    echo "not ok $number - $name"
    sed 's/^/# /' "$work/out" "$work/err"
  fi
}

# ends CODE COMMAND...: the command ends with this exit code.
ends() {
  local wanted=$1 code=0
  shift
  "$@" || code=$?
  [[ $code -eq $wanted ]]
}

# says TEXT COMMAND...: succeeds, and its output holds the text.
says() {
  local text=$1 out
  shift
  out=$("$@")
  [[ $out == *"$text"* ]] || {
    echo "$out"
    return 1
  }
}

# lacks TEXT COMMAND...: succeeds, and its output does not hold the text.
lacks() {
  local text=$1 out
  shift
  out=$("$@")
  [[ $out != *"$text"* ]] || {
    echo "$out"
    return 1
  }
}

# refuses CODE TEXT COMMAND...: this exit code, and standard error says this.
refuses() {
  local wanted=$1 text=$2 code=0 err
  shift 2
  err=$("$@" 2>&1 >/dev/null) || code=$?
  [[ $code -eq $wanted && $err == *"$text"* ]] || {
    echo "exit code $code: $err"
    return 1
  }
}
