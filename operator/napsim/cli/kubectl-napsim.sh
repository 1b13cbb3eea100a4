#!/bin/sh
# kubectl-napsim as krew installs it: napsim is a Python program, so its packages are installed beside it the first time
# it is run: into a virtual environment of its own, from the wheel and the pinned requirements (with hashes) that lie
# next to this file. It needs Python 3.11 or newer with venv, and a package index that pip reaches; both only that once.
set -eu

self=$0
while [ -L "$self" ]; do # krew puts a link on the PATH
  link=$(readlink "$self")
  case $link in
    /*) self=$link ;;
    *) self=$(dirname "$self")/$link ;;
  esac
done
here=$(cd "$(dirname "$self")" && pwd -P)
folder=${NAPSIM_PLUGIN_FOLDER:-${XDG_CACHE_HOME:-$HOME/.cache}/napsim/plugin}
venv=$folder/@VERSION@

say() { echo "kubectl-napsim: $*" >&2; }

find_python() {
  for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
  say "Python 3.11 or newer is needed: install it, or name it with PYTHON=/path/to/python3"
  exit 1
}

install() {
  python=$(find_python)
  mkdir -p "$folder"
  if ! mkdir "$venv.lock" 2>/dev/null; then
    say "another one is just being installed; if not, remove $venv.lock"
    exit 1
  fi
  trap 'rmdir "$venv.lock"' EXIT
  say "installing napsim @VERSION@ into $venv (once)"
  rm -rf "$venv"
  "$python" -m venv "$venv"
  set -- "$venv/bin/python" -m pip --disable-pip-version-check install --quiet
  "$@" --require-hashes --requirement "$here/requirements.txt"
  "$@" --no-deps "$here/@WHEEL@"
  touch "$venv/.complete"
  rmdir "$venv.lock"
  trap - EXIT
}

[ -e "$venv/.complete" ] || install
exec "$venv/bin/kubectl-napsim" "$@"
