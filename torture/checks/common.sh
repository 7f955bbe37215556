# What the checks share besides .ci/tap.sh; each reads it with `. "$(dirname "$0")/common.sh"`.
# shellcheck shell=sh disable=SC2034

checks=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$checks/../.." && pwd)
cd "$root"
. .ci/tap.sh
lua=${LUA:-lua5.4}
cc=${CC:-cc}
work=$(mktemp -d "${TMPDIR:-/tmp}/cpp-check.XXXXXX")

clean_up() {
  status=$?
  exec 9>&- # what ends the servers
  wait
  rm -rf "$work"
  exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# A command without which there is nothing to check.
need() { # description, then the command
  what=$1
  shift
  "$@" >"$work/needed" 2>&1 || { not_ok "$what"; comments <"$work/needed" >&2; finish; }
}

# The module in build/<name>, with flags of its own; without flags, the one that is installed. With POLLER=poll, that
# poller's, beside them: build/poll, build/<name>-poll.
build_module() { # name, CFLAGS, LDFLAGS, target (all)
  if [ "$1" = plain ]; then
    directory=build${POLLER:+/$POLLER}
    need "build of $directory" make -s -j "$(nproc)" all ${4:-} BUILD="$directory"
  else
    directory=build/$1${POLLER:+-$POLLER}
    need "build of $directory" make -s -j "$(nproc)" all examples ${4:-} BUILD="$directory" CC="$cc" CFLAGS="$2" LDFLAGS="${3:-}"
  fi
  build=$root/$directory
}

# The module with the sanitizers of addresses, undefined behaviour and leaks.
sanitizers="-O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all"
export ASAN_OPTIONS="detect_stack_use_after_return=1:strict_string_checks=1:${ASAN_OPTIONS:-}"
export UBSAN_OPTIONS="print_stacktrace=1:${UBSAN_OPTIONS:-}"
build_sanitized() { # target (all)
  build_module asan "$sanitizers" "-fsanitize=address,undefined" "${1:-}"
}

# The scenarios of the harness, to the last of them.
every_ending() { # interpreter, rounds
  "$1" "$checks/endings.lua" "$2" </dev/null >"$work/endings" 2>&1 9>&- && grep -qx 'done' "$work/endings" && return
  cat "$work/endings"
  return 1
}

# Lua finds the package's sources and the module built last.
use_build() {
  unset LUA_PATH LUA_CPATH # of one version, if given: see spec/support/specs
  LUA_PATH_5_4="$root/lua/?.lua;$root/lua/?/init.lua;$root/?.lua;;"
  LUA_CPATH_5_4="$build/?.so;;"
  export LUA_PATH_5_4 LUA_CPATH_5_4
}

# Starts the servers of servers.lua; their URLs are in PLAIN_URL, TLS_URL and so on, and CA_FILE is what to trust.
start_server() { # seed (none)
  need "build of build" env -u POLLER make -s all
  mkfifo "$work/server.life"
  TMPDIR=$work LUA_CPATH_5_4="$root/build/?.so;;" LUA_PATH_5_4="$root/?.lua;;" "${EMULATOR_LUA:-lua5.4}" "$checks/servers.lua" \
    "$work" "$@" <"$work/server.life" 2>"$work/servers.log" &
  exec 9>"$work/server.life" # held open: the servers end with this script, however it ends
  while [ ! -e "$work/server.env" ]; do
    kill -0 $! 2>/dev/null || need "start of the servers" sh -c "cat '$work/servers.log' && false"
    sleep 0.05
  done
  set -a # all that it sets is exported
  . "$work/server.env"
  set +a
  # What the environment of the machine says of proxies and tokens is none of the checks' business.
  unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY no_proxy NO_PROXY \
    AZURE_TOKEN AZURE_TENANT_ID AZURE_CLIENT_ID AZURE_CLIENT_SECRET CPP_BASE_URL || :
}

# What the module is built with to count the lines that run.
counters="-O0 -g --coverage -fprofile-abs-path -fprofile-update=atomic"

# Builds the harness of torture/harness, in build/<name> where it is given flags of its own, and starts the servers.
# With INSTRUMENT=asan or coverage, with the sanitizers or the counters: then a child that leaves with _exit has to leave
# as any other, or it would not be counted.
start_harness() { # name (plain), CFLAGS
  case ${INSTRUMENT:-} in
    asan)
      build_sanitized harness
      # The harness finds leaks itself, and counts what libcurl does not survive.
      export ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=0"
      ;;
    coverage) build_module coverage "$counters -D_exit=exit" --coverage harness ;;
    *) build_module "${1:-plain}" "${2:-}" "" harness ;;
  esac
  use_build
  start_server
  HARNESS_REQUESTS=$work/outcomes
  export HARNESS_REQUESTS
  : >"$HARNESS_REQUESTS"
}

# Its checks become those of this program, with numbers that go on.
harness() { # what [option]...
  status=0
  "$build/harness" "$@" ${SCENARIO:+scenario="$SCENARIO"} </dev/null >"$work/output" 2>"$work/errors" 9>&- || status=$?
  while read -r line; do
    case $line in
      ok*) ok "${line#* - }" ;;
      not*) not_ok "${line#* - }" ;;
      \#*) echo "$line" ;;
    esac
  done <"$work/output"
  [ $status = 0 ] || grep -q '^not ok' "$work/output" || not_ok "harness $*"
  [ $status = 0 ] || tail -n 100 "$work/errors" | comments >&2
}

# Each POST was seen no more often than the harness knows it may (lines "id most" in $HARNESS_REQUESTS; 0: the err said that
# it was not sent), with its body, and by no server that must not be trusted. Nothing is known of a process that a library
# ended but what its scenario does: "retries" sends twice. No id: of a scenario that gave none, without random numbers.
compare_requests() {
  awk '
    FILENAME == ARGV[1] { most[$1] = $2; next }
    $3 != "POST" || $2 ~ /^(-|00000000-0000-4000-8000-000000000000)$/ { next }
    { posts++; seen[$2]++ }
    $5 == "-" || $5 == "0" { print $2 " came without its body"; wrong = 1 }
    END {
      for (id in seen) {
        right = id in most ? most[id] : id ~ /-retries-/ ? 2 : 1
        if (seen[id] > right) { print id " was seen " seen[id] " times, at most " right " were right"; wrong = 1 }
      }
      print "# " posts + 0 " POSTs seen by the servers"
      exit wrong || !posts
    }' "$HARNESS_REQUESTS" "$work/requests" || return 1
  # A TLS library that fails before its first message sends an alert in plain, which nginx writes so.
  ! grep -Ev '^[0-9]+ \\x15\\x03\\x0[0-4]\\x00\\x02\\x0[12][^ ]+$' "$work/canaries"
}
