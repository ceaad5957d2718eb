#!/usr/bin/env bash
# Debian packages and the virtual environment: scripts/setup.sh [dev|bench]. With `dev` also what lint
# needs, with `bench` the libraries that `make bench-peers` compares with. Returns at once when
# nothing changed since it last succeeded here.
source "$(dirname "$0")/common.sh"

profile=${1:-run}
lists=(scripts/packages.txt)
[ "$profile" != run ] && lists+=("scripts/packages-$profile.txt")
requirements=(requirements-dev.txt)
[ "$profile" = dev ] && requirements+=(requirements-lint.txt)
[ "$profile" = bench ] && requirements+=(requirements-bench.txt)
stamp=$venv/banyan-setup-$profile.stamp
key=$(cat "${lists[@]}" requirements*.txt scripts/setup.sh <(echo "$venv") | sha256sum | cut -d' ' -f1)
venv_is_whole() {
  compgen -G "$venv/lib/python*/site-packages/tvm/lib/libtvm_compiler.so" >/dev/null &&
    compgen -G "$venv/lib/python*/site-packages/tvm_ffi/lib/libtvm_ffi.so" >/dev/null
}
if [ -f "$stamp" ] && [ "$(<"$stamp")" = "$key" ]; then
  venv_is_whole && exit 0
  damaged=1  # pip would take a half-deleted package for an installed one
fi

log=$logs/setup.log
mkdir -p "$logs"
exec 9>"$root/build/.setup.lock"
flock 9
: >"$log"

missing=()
for package in $(grep -hv '^#' "${lists[@]}"); do
  # Where there is no dpkg, the build itself says what it lacks.
  command -v dpkg-query >/dev/null || break
  status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$status" = installed ] || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  say setup "installing ${#missing[@]} Debian packages: ${missing[*]}"
  as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    as_root=(sudo)
    command -v sudo >/dev/null ||
      fail setup "not root and no sudo; have these packages installed: ${missing[*]}"
    # Without a terminal a password prompt would hang unseen.
    sudo -n true 2>/dev/null || [ -t 0 ] ||
      fail setup "sudo asks for a password; run: sudo apt-get install ${missing[*]}"
    sudo -v
  fi
  # The package lists of a fresh machine are empty or old; `install` alone would miss packages.
  logged setup "$log" "${as_root[@]}" apt-get update
  logged setup "$log" "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y --no-install-recommends "${missing[@]}"
fi

version_at_least() { [ "$(printf '%s\n' "$1" "$2" | sort -V | head -n1)" = "$1" ]; }
cmake_version=$(cmake --version | sed -n '1s/[^0-9]*//p')
version_at_least 3.25 "$cmake_version" ||
  fail setup "cmake $cmake_version is too old, 3.25 is needed (Debian 12, Ubuntu 24.04 or later)"

# The distribution's Python first: another one in PATH may lack the venv module or a shared library.
python=${BANYAN_PYTHON:-}
for candidate in /usr/bin/python3 python3; do
  [ -n "$python" ] && break
  "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null &&
    python=$candidate
done
[ -n "$python" ] || fail setup "no Python 3.11 or later with its venv module (package python3-venv)"

if [ -n "${damaged:-}" ] || ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
  say setup "making a virtual environment in $venv"
  logged setup "$log" "$python" -m venv --clear "$venv"
fi
say setup "installing the Python packages of ${requirements[*]}"
logged setup "$log" "$venv/bin/python" -m pip install --disable-pip-version-check --no-input \
  "${requirements[@]/#/-r}"
logged setup "$log" "$venv/bin/python" -c 'import tvm_ffi, numpy'

echo "$key" >"$stamp"
say setup "done"
