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
