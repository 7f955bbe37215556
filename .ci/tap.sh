# For programs of checks to source: TAP, which prove reads (testanything.org). A line for each check, and comments: figures of
# what passed; on standard error, which prove always shows, all output of what failed. `finish` ends the program.
# shellcheck shell=sh
count=0
failed=0
echo "TAP version 13"

ok() { # description
  count=$((count + 1))
  echo "ok $count - $*"
}

not_ok() { # description
  count=$((count + 1))
  failed=1
  echo "not ok $count - $*"
  echo "# failed: $*" >&2
}

comments() {
  sed 's/^\(# \)\{0,1\}/# /'
}

# Figures are comments of the command, and what prove counted.
check() { # description, then the command
  description=$1
  shift
  if output=$("$@" 2>&1); then
    ok "$description"
    printf '%s\n' "$output" | grep -E '^(# |Files=)' | comments
  else
    not_ok "$description"
    printf '%s\n' "$output" | comments >&2
  fi
}

skip() { # description, why it is not tried; with CI=1, which leaves nothing out, a failure
  if [ -n "${CI:-}" ]; then not_ok "$1: $2"; else ok "$1 # SKIP $2"; fi
}

skip_all() { # why none is tried
  echo "1..0 # SKIP $1"
  exit 0
}

with() { # tool, its package where that has another name: whether it is installed
  command -v "$1" >/dev/null && return 0
  skip "$1" "not installed${2:+ (package $2)}"
  return 1
}

finish() {
  echo "1..$count"
  exit $failed
}
