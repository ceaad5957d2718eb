#!/usr/bin/env bash
# clang-format check and clang-tidy over the sources: scripts/lint.sh [--fix]
source "$(dirname "$0")/common.sh"

tool() { command -v "$1-14" || command -v "$1" || fail lint "$1 is missing: run \`make setup-dev\`"; }
clang_format=$(tool clang-format)
mapfile -t files < <(git ls-files --cached --others --exclude-standard -- 'src/*.h' 'src/*.cc' \
  'tests/*.h' 'tests/*.cc' 'bench/*.h' 'bench/*.cc' | sort -u | xargs -r ls 2>/dev/null)

if [ "${1:-}" = --fix ]; then
  "$clang_format" -i "${files[@]}"
  exit 0
fi

say lint "clang-format: ${#files[@]} files"
unformatted=$(printf '%s\0' "${files[@]}" | xargs -0 -n 1 -P "$jobs" bash -c '
  "$0" --dry-run -Werror "$1" >/dev/null 2>&1 || echo "$1"' "$clang_format" | sort)
[ -z "$unformatted" ] || fail lint "not formatted (\`make format\` rewrites):"$'\n'"$unformatted"

# clang-tidy reads the compile commands, so a tree must be configured; nothing has to be built. Without
# precompiled headers, which are the compiler's own, and each file by itself, so that it includes what it uses;
# tests many at a time, which takes half the time.
logged lint "$logs/lint.log" cmake --preset release -B build/tidy -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON \
  -DCMAKE_UNITY_BUILD=OFF -DBANYAN_UNITY_TESTS=ON
clang_tidy=$venv/bin/clang-tidy
[ -x "$clang_tidy" ] || fail lint "$clang_tidy is missing: run \`make setup-dev\`"
"$venv/bin/python" scripts/clang_tidy.py --clang-tidy "$clang_tidy" --jobs "$jobs"
