# What the checks share; each reads it with `. "$(dirname "$0")/common.sh"`. A check says one line for each
# thing it found out, "ok: what" or "FAILED: what", and ends with `finish`.
# shellcheck shell=sh disable=SC2034

checks=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$checks/../.." && pwd)
lua=${LUA:-lua5.4}
cc=${CC:-cc}
failures=0
server=
work=$(mktemp -d "${TMPDIR:-/tmp}/cpp-check.XXXXXX")
# nginx gives up root's rights, and has to reach its sockets and certificate here.
chmod 755 "$work"

clean_up() {
  status=$?
  trap - EXIT
  if [ -n "$server" ]; then
    kill "$server" 2>/dev/null || :
    wait "$server" 2>/dev/null || :
  fi
  if [ "${KEEP:-}" = 1 ]; then
    echo "kept: $work" >&2
  else
    rm -rf "$work"
  fi
  exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

ok() {
  echo "ok: $*"
}

# What a failure is explained with goes to standard error, before the line that names it.
failed() {
  echo "FAILED: $*"
  failures=$((failures + 1))
}

finish() {
  [ "$failures" -eq 0 ]
  exit
}

# expect "what" command...: the command's output is shown only where it fails, but for a line "figures: ...".
expect() {
  what=$1
  shift
  if "$@" >"$work/output" 2>&1; then
    figures=$(sed -n 's/^figures: //p' "$work/output")
    ok "$what${figures:+ ($figures)}"
  else
    tail -n 100 "$work/output" >&2
    failed "$what"
  fi
}

# The module in build/<name>, with flags of its own; without flags, the one that is installed. With POLLER=poll, that
# poller's, beside them: build/poll, build/<name>-poll.
build_module() { # name, CFLAGS, LDFLAGS, target (all)
  if [ "$1" = plain ]; then
    directory=build${POLLER:+/$POLLER}
    make -s -j "$(nproc)" -C "$root" all ${4:-} BUILD="$directory" >"$work/make" 2>&1 ||
      { cat "$work/make" >&2; failed "build of $directory"; finish; }
  else
    directory=build/$1${POLLER:+-$POLLER}
    make -s -j "$(nproc)" -C "$root" all examples ${4:-} BUILD="$directory" CC="$cc" CFLAGS="$2" LDFLAGS="${3:-}" >"$work/make" 2>&1 ||
      { cat "$work/make" >&2; failed "build of $directory"; finish; }
  fi
  build=$root/$directory
}

# What the module and the hosts of the checks are built with. INSTRUMENT=coverage counts in place of the sanitizers:
# then a child that leaves with _exit has to leave as any other, or it would not be counted.
if [ "${INSTRUMENT:-}" = coverage ]; then
  instrument=coverage
  sanitizers="-O0 -g --coverage -fprofile-abs-path -fprofile-update=atomic -D_exit=exit"
  instrument_libraries=--coverage
else
  instrument=asan
  sanitizers="-O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all"
  instrument_libraries="-fsanitize=address,undefined"
fi
export ASAN_OPTIONS="detect_stack_use_after_return=1:strict_string_checks=1:${ASAN_OPTIONS:-}"
export UBSAN_OPTIONS="print_stacktrace=1:${UBSAN_OPTIONS:-}"

# The module with the sanitizers of addresses, undefined behaviour and leaks.
build_sanitized() { # target (all)
  build_module "$instrument" "$sanitizers" "$instrument_libraries" "${1:-}"
}

# A C host of this folder, as $work/<name>. libcurl is not linked to it: it comes and goes with the module.
build_host() { # name, flags and libraries...
  name=$1
  shift
  # shellcheck disable=SC2046
  "$cc" -std=c11 -D_GNU_SOURCE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror -g \
    $(pkg-config --cflags lua5.4) -o "$work/$name" "$checks/$name.c" "$@" \
    $(pkg-config --libs lua5.4) -lpthread >"$work/cc" 2>&1 ||
    { cat "$work/cc" >&2; failed "build of $name.c"; finish; }
}

# The specs with the sanitized module. Reports go to files, of children too, and a report fails it; so does a
# spec that fails. How many succeeded is in $successes.
sanitized_specs() { # what busted is given...
  rm -f "$work"/report.*
  status=0
  # The specs' own servers and the module come from their runner; ours are not to be seen.
  env -u LUA_PATH_5_4 -u LUA_CPATH_5_4 LUA=lua5.4 BUILD=build/asan \
    ASAN_OPTIONS="$ASAN_OPTIONS:log_path=$work/report" UBSAN_OPTIONS="$UBSAN_OPTIONS:log_path=$work/report" \
    "$root/spec/support/specs" "$@" </dev/null >"$work/busted" 2>&1 9>&- || status=$?
  successes=$(sed -n 's/^\([0-9]* files: \)\{0,1\}\([0-9]*\) success.*/\2/p' "$work/busted")
  cat "$work/busted" "$work"/report.* 2>/dev/null || :
  [ "$status" -eq 0 ] && [ "${successes:-0}" -gt 0 ] && [ -z "$(find "$work" -name 'report.*' -size +0)" ]
}

# Cancels of every ending with the sanitized interpreter; and that the module has the sanitizer, without which all would pass.
expect_every_ending() {
  use_build
  start_server
  expect "sanitizers: they are in the module" grep -q __asan_report_load "$build/cpp/core.so"
  every_ending() {
    lua5.4 "$checks/faults.lua" 3 </dev/null 9>&- && grep -qx 'done' "$work/output"
  }
  expect "sanitizers: no error and no leak in cancels of every ending" every_ending
}

# The interpreter with the sanitizers, under the name that specs start children by, and first in their path. The portal
# emulator has the system's.
use_sanitized_interpreter() {
  EMULATOR_LUA=$(command -v lua5.4)
  export EMULATOR_LUA
  mkdir "$work/bin"
  # shellcheck disable=SC2086
  build_host interpreter $sanitizers "$checks/collector.c"
  mv "$work/interpreter" "$work/bin/lua5.4"
  PATH="$work/bin:$PATH"
  export PATH
}

# Lua finds the package's sources and the module built last.
use_build() {
  unset LUA_PATH LUA_CPATH # of one version, if given: see spec/support/specs
  LUA_PATH_5_4="$root/lua/?.lua;$root/lua/?/init.lua;$root/?.lua;;"
  LUA_CPATH_5_4="$build/?.so;;"
  export LUA_PATH_5_4 LUA_CPATH_5_4
}

# Starts the servers of server.py; their URLs are in PLAIN_URL, TLS_URL and so on, and CA_FILE is what to trust.
start_server() {
  mkfifo "$work/server.life"
  python3 "$checks/server.py" "$work" <"$work/server.life" &
  server=$!
  exec 9>"$work/server.life" # held open: the servers end with this script, however it ends
  tries=0
  while [ ! -e "$work/server.env" ]; do
    tries=$((tries + 1))
    if [ "$tries" -gt 200 ] || ! kill -0 "$server" 2>/dev/null; then
      cat "$work/nginx.log" >&2 2>/dev/null || :
      failed "start of the servers"
      finish
    fi
    sleep 0.05
  done
  set -a # all that it sets is exported
  . "$work/server.env"
  set +a
  # What the environment of the machine says of proxies and tokens is none of the checks' business.
  unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY no_proxy NO_PROXY \
    AZURE_TOKEN AZURE_TENANT_ID AZURE_CLIENT_ID AZURE_CLIENT_SECRET CPP_BASE_URL || :
}

# Builds the harness of torture/harness, in build/<name> where it is given flags of its own, and starts the servers.
start_harness() { # name, CFLAGS
  if [ $# -gt 0 ]; then
    build_module "$1" "$2" "" harness
  elif [ "${SANITIZED:-}" = 1 ] || [ "$instrument" = coverage ]; then
    build_sanitized harness
    # The harness finds leaks itself, and counts what libcurl does not survive.
    ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=0"
    export ASAN_OPTIONS
  else
    build_module plain "" "" harness
  fi
  use_build
  start_server
  HARNESS_REQUESTS=$work/outcomes
  export HARNESS_REQUESTS
  : >"$HARNESS_REQUESTS"
}

# harness [option]... what: its lines, which are those of a check.
harness() {
  if ! "$build/harness" -j 4 -f "$root/torture/harness/scenarios.lua" "$@" </dev/null >"$work/output" 2>"$work/errors" 9>&-; then
    tail -n 100 "$work/errors" >&2
    grep -q '^FAILED' "$work/output" || failed "harness $*"
  fi
  cat "$work/output"
  failures=$((failures + $(grep -c '^FAILED' "$work/output" || :)))
}

# What the servers saw agrees with what the harness knows.
compare_requests() {
  "$lua" "$root/torture/harness/requests.lua" "$HARNESS_REQUESTS" "$work/requests" "$work/canaries"
}
