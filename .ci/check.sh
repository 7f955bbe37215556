# For the other scripts of this folder to source: runs checks, one line for each, with the output of those
# that fail. `exit $failed` at the end tells whether all passed.
failed=0

check() { # description, then the command
  description=$1
  shift
  if output=$("$@" 2>&1); then
    echo "ok: $description"
  else
    echo "FAILED: $description"
    printf '%s\n' "$output"
    failed=1
  fi
}

skip() {
  echo "skipped: $1"
  [ -z "${CI:-}" ] || failed=1
}

with() { # tool, its package where that has another name: whether it is installed
  command -v "$1" >/dev/null && return 0
  skip "$1${2:+ (package $2)} is not installed"
  return 1
}
