#!/usr/bin/env bash
# Generated and mutilated replies through the parser, under AddressSanitizer and UBSan: scripts/fuzz.sh [REPLIES]
# (1,000,000 by default), shared out among the cores, each with a seed of its own. A failure prints its seed and reply.
source "$(dirname "$0")/common.sh"

replies=${1:-1000000}
scripts/build.sh asan-ubsan model_test
sanitizer_options
export BANYAN_FUZZ_REPLIES=$(((replies + jobs - 1) / jobs))
say fuzz "$replies replies by $jobs processes"
cd build/asan-ubsan/src/model
pids=()
for seed in $(seq "$jobs"); do
  BANYAN_FUZZ_SEED=$seed ./model_test --gtest_filter='ReplyFuzzTest.*' &
  pids+=($!)
done
failed=0
for pid in "${pids[@]}"; do wait "$pid" || failed=1; done
exit $failed
