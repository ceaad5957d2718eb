#!/usr/bin/env bash
# Runs the benchmark programs, results in a folder named after the commit: scripts/bench.sh [FILTER]
source "$(dirname "$0")/common.sh"

commit=$(git rev-parse --short=12 HEAD)
git diff --quiet HEAD || commit+=-dirty
out=$root/build/bench/$commit
if [ "${1:-}" = --folder ]; then
  echo "$out"
  exit 0
fi
mkdir -p "$out"
for program in build/release/bench/*_bench; do
  name=$(basename "$program")
  say bench "$name"
  "$program" --benchmark_repetitions=3 --benchmark_enable_random_interleaving=true \
    --benchmark_report_aggregates_only=false --benchmark_display_aggregates_only=true \
    --benchmark_filter="${1:-.}" --benchmark_out="$out/$name.json" --benchmark_out_format=json
done
say bench "results in $out"
