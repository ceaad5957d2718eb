#!/usr/bin/env bash
# Runs ctest in a built tree: scripts/test.sh PRESET [CTEST ARGUMENTS...]
source "$(dirname "$0")/common.sh"

preset=$1
shift
supp=$root/cmake/sanitizers
# Reports of a worker process go to its standard error like those of a test program; both must fail.
export ASAN_OPTIONS="detect_stack_use_after_return=1:strict_string_checks=1:suppressions=$supp/asan.supp"
export LSAN_OPTIONS="print_suppressions=0:suppressions=$supp/lsan.supp"
export UBSAN_OPTIONS="print_stacktrace=1:suppressions=$supp/ubsan.supp"
export TSAN_OPTIONS="halt_on_error=1:second_deadlock_stack=1:suppressions=$supp/tsan.supp"
say test "$preset"
exec ctest --test-dir "build/$preset" -j "$jobs" --output-on-failure "$@"
