#!/usr/bin/env bash
# Runs ctest in a built tree: scripts/test.sh PRESET [CTEST ARGUMENTS...]
source "$(dirname "$0")/common.sh"

preset=$1
shift
sanitizer_options
say test "$preset"
exec ctest --test-dir "build/$preset" -j "$jobs" --output-on-failure "$@"
