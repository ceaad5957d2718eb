# Shared by the scripts of this folder; sourced, never run.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
venv=${BANYAN_VENV:-$root/.venv}
jobs=${JOBS:-$(nproc)}
logs=$root/build/logs

say() { echo "[$1] ${*:2}"; }

fail() {
  echo "[$1] error: ${*:2}" >&2
  exit 1
}

# logged STAGE LOG COMMAND...: runs it with its output in LOG; if it fails, shows what matters of it.
logged() {
  local stage=$1 log=$2
  shift 2
  mkdir -p "$(dirname "$log")"
  if ! "$@" >>"$log" 2>&1; then
    grep -m1 -A30 -E '^FAILED:|error:|Error' "$log" >&2 || tail -n 15 "$log" >&2
    fail "$stage" "\`${*:1:4}\` failed; all of its output is in $log"
  fi
}

# What programs built with sanitizers are run with. Reports of a worker process go to its standard error like those of a
# test program; both must fail.
sanitizer_options() {
  local supp=$root/cmake/sanitizers
  export ASAN_OPTIONS="detect_stack_use_after_return=1:strict_string_checks=1:suppressions=$supp/asan.supp"
  export LSAN_OPTIONS="print_suppressions=0:suppressions=$supp/lsan.supp"
  export UBSAN_OPTIONS="print_stacktrace=1:suppressions=$supp/ubsan.supp"
  export TSAN_OPTIONS="halt_on_error=1:second_deadlock_stack=1:suppressions=$supp/tsan.supp"
}
