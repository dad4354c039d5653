# Functions that deploy/quickstart and deploy/check share: talking, packages, building. Source it; it does nothing by itself.
# shellcheck shell=bash disable=SC2034

LIB_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
EXIT_FAILED=1 EXIT_USAGE=2 EXIT_NOT_PERMITTED=77

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
  BOLD=$'\e[1m' GREEN=$'\e[32m' RED=$'\e[31m' YELLOW=$'\e[33m' PLAIN=$'\e[0m'
else
  BOLD='' GREEN='' RED='' YELLOW='' PLAIN=''
fi

say() { printf '%s\n' "$*"; }
lines() { printf '%s\n' "$@"; }
step() { printf '%s==>%s %s\n' "$BOLD" "$PLAIN" "$*"; }
warn() { printf '%swarning:%s %s\n' "$YELLOW" "$PLAIN" "$*" >&2; }

# die CODE TEXT...: the first line is the error, the rest say what to do.
die() {
  local code=$1
  shift
  printf '%serror:%s %s\n' "$RED" "$PLAIN" "$1" >&2
  shift
  [ $# -eq 0 ] || printf '       %s\n' "$@" >&2
  exit "$code"
}

# packages_of GROUP...: the packages of these groups, one a line.
packages_of() {
  local group
  for group in "$@"; do
    awk -v group="$group" '$1 == group { print $2 }' "$LIB_ROOT/deploy/packages.txt"
  done
}

package_is_installed() {
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

packages_missing() {
  local package
  for package in $(packages_of "$@"); do
    package_is_installed "$package" || say "$package"
  done
}

# find_root COMMAND: sets ROOT to a prefix for commands that need root; where there is none, it says what to type.
find_root() {
  ROOT=()
  [ "$(id -u)" -ne 0 ] || return 0
  if command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
    ROOT=(sudo)
  else
    die "$EXIT_NOT_PERMITTED" 'this needs root, and there is neither root nor a usable sudo' \
      'have someone with root type:' "  $1" 'then run this command again'
  fi
}

apt_failed() {
  local log=$1
  tail -n 5 "$log" >&2
  if grep -qE 'Could not get lock|is held by process' "$log"; then
    die "$EXIT_FAILED" 'another package manager holds the lock' 'wait until it has finished, then run this command again'
  elif grep -qE 'Temporary failure resolving|Could not connect|Connection timed out|Network is unreachable' "$log"; then
    die "$EXIT_FAILED" 'the Debian mirror cannot be reached' \
      'this machine seems to be offline: connect it, or install the packages of deploy/packages.txt by other means'
  elif grep -q 'Unable to locate package' "$log"; then
    die "$EXIT_FAILED" 'a package is unknown to apt' \
      "Millrace is made for Debian 12 (bookworm); this is $(. /etc/os-release && say "$PRETTY_NAME")"
  fi
  die "$EXIT_FAILED" "apt-get failed; its output is in $log"
}

# apt_quietly LOG ARGUMENTS...: as root; its output is added to the log.
apt_quietly() {
  local log=$1
  shift
  "${ROOT[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=60 -o Acquire::Retries=2 \
    -o APT::Update::Error-Mode=any "$@" >>"$log" 2>&1
}

# packages_install GROUP...: installs what is missing and nothing else; silent when nothing is.
packages_install() {
  local missing log=$LIB_ROOT/build/apt.log
  mapfile -t missing < <(packages_missing "$@")
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v apt-get >/dev/null || die "$EXIT_FAILED" 'apt-get is not here: Millrace is made for Debian 12' \
    "install by other means: ${missing[*]}"
  find_root "apt-get update && apt-get install --no-install-recommends ${missing[*]}"
  step "installing ${missing[*]}"
  mkdir -p "$LIB_ROOT/build"
  : >"$log"
  apt_quietly "$log" update || warn 'the package lists could not be brought up to date'
  apt_quietly "$log" install -y --no-install-recommends "${missing[@]}" || apt_failed "$log"
}

# llhttp_dir: prints where the HTTP parser's sources are; unpacks them into build/ when nothing else has them.
llhttp_dir() {
  local dir=$LIB_ROOT/build/llhttp
  if [ -f /usr/share/llhttp/llhttp.c ]; then
    say /usr
  elif [ -f "$dir/usr/share/llhttp/llhttp.c" ] || llhttp_unpack "$dir"; then
    say "$dir/usr"
  fi
}

llhttp_unpack() {
  local dir=$1 log=$LIB_ROOT/build/apt.log package
  package=$(packages_of source)
  mkdir -p "$dir"
  : >"$log"
  if ! (cd "$dir" && apt-get -q download "$package" >>"$log" 2>&1); then
    find_root 'apt-get update'
    apt_quietly "$log" update || apt_failed "$log"
    (cd "$dir" && apt-get -q download "$package" >>"$log" 2>&1) || apt_failed "$log"
  fi
  dpkg-deb -x "$dir"/"$package"_*.deb "$dir"
}

# configure DIR [MESON OPTION...]: once; a build that exists stays as it is configured.
configure() {
  local dir=$1 llhttp
  shift
  mkdir -p "$(dirname "$dir")"
  [ ! -f "$dir/build.ninja" ] || return 0
  llhttp=$(llhttp_dir)
  [ -n "$llhttp" ] || die "$EXIT_FAILED" 'the sources of llhttp are missing'
  meson setup "$dir" "$LIB_ROOT" "-Dllhttp_dir=$llhttp" "$@" >"$dir.log" 2>&1 || build_failed "$dir.log"
}

# compile DIR [TARGET...]: everything, or these; the last lines of the log are shown on failure.
compile() {
  local dir=$1
  shift
  ninja -C "$dir" "$@" >"$dir.log" 2>&1 || build_failed "$dir.log"
}

# The programs of a build, which are enough to run Millrace.
PROGRAMS=(control/cli/millrace control/daemon/millrace-controld dataplane/load/millrace-load dataplane/run/millraced)

build_failed() {
  tail -n 30 "$1" >&2
  die "$EXIT_FAILED" "the build failed; its output is in $1"
}
