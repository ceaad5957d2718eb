#!/usr/bin/env bash
# Configures (once) and builds: scripts/build.sh PRESET [TARGETS...]. Silent when there is nothing to do.
source "$(dirname "$0")/common.sh"

preset=$1
shift
dir=build/$preset
log=$logs/build-$preset.log
mkdir -p "$logs"
: >"$log"

if [ ! -f "$dir/build.ninja" ]; then
  say build "$preset: configuring"
  logged build "$log" cmake --preset "$preset"
elif [ $# -gt 0 ] && ! ninja -C "$dir" -t query "$@" >/dev/null 2>&1; then
  # A target that hangs on a library installed since.
  say build "$preset: configuring again for $*"
  logged build "$log" cmake --preset "$preset"
fi

# A line at once if there is something to compile, then a sign of life now and then.
progress() {
  local last="" now
  # A killed shell leaves its sleep behind; that one must not hold our caller's pipe open.
  sleep 0.3 >/dev/null 2>&1
  say build "$preset: compiling ${targets:-everything}"
  while sleep 15 >/dev/null 2>&1; do
    now=$(grep -ao '^\[[0-9]*/[0-9]*\]' "$log" | tail -n1 | tr -d '[]')
    [ -n "$now" ] && [ "$now" != "$last" ] && say build "$preset: step ${now/\// of }"
    last=$now
  done
}
targets=$*
progress &
progress_pid=$!
trap 'kill $progress_pid 2>/dev/null || true' EXIT
logged build "$log" ninja -C "$dir" -j "$jobs" "$@"
