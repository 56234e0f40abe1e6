# Shared by the scripts in bin/: where the project is, and an environment that matches the lock.
# Source it; it sets ROOT, VENV and PY. Bash 3.2 is enough (macOS).
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
VENV=${SLAPORTAL_VENV:-$ROOT/.venv}
PY=$VENV/bin/python

fail() {
  printf '%s\n' "$*" >&2
  exit 1
}

# Prints the first Python that is new enough. A name on the PATH proves nothing (pyenv's shims), so each is run.
find_python() {
  local candidate
  for candidate in ${SLAPORTAL_PYTHON:-} python3.13 python3.12 python3.11 python3; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
      command -v "$candidate"
      return
    fi
  done
  return 1
}

# ensure_environment base|dev: the virtual environment exists and holds exactly the versions of the lock.
ensure_environment() {
  # The quick path, one short run of Python: nothing to do.
  if [ -x "$PY" ] && "$PY" -I -S "$ROOT/bin/_environment.py" current "$1" "$VENV" 2>/dev/null; then
    return 0
  fi
  local python lock log
  python=$(find_python) || fail "slaportal needs Python 3.11 or newer: install it (python.org, or your system's packages), or name it in SLAPORTAL_PYTHON."
  mkdir -p "$ROOT/var/log"
  log=$ROOT/var/log/setup.log
  # Two scripts at once would both write the environment. The lock goes when this shell closes descriptor 9.
  exec 9>"$ROOT/var/setup.lock"
  "$python" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)'
  if ! { [ -x "$PY" ] && "$PY" -I -S "$ROOT/bin/_environment.py" current "$1" "$VENV" 2>/dev/null; }; then
    lock=$(mktemp "${TMPDIR:-/tmp}/slaportal-lock.XXXXXX")
    "$python" -I -S "$ROOT/bin/_environment.py" lock "$1" >"$lock" || { rm -f "$lock"; exit 1; }
    create_environment "$python" "$log" || { rm -f "$lock"; exit 1; }
    printf 'Installing what the lock names (about a minute the first time) ...' >&2
    if ! "$PY" -m pip install --quiet --disable-pip-version-check --no-input --require-hashes \
      --only-binary :all: -r "$lock" >"$log" 2>&1; then
      rm -f "$lock"
      printf ' failed.\n' >&2
      tail -n 5 "$log" >&2
      fail "Installing failed: see ${log#"$ROOT"/}; a network or an index that has these wheels is needed."
    fi
    rm -f "$lock"
    "$PY" -I -S "$ROOT/bin/_environment.py" stamp "$1" "$VENV"
    printf ' done.\n' >&2
  fi
  exec 9>&-
}

# create_environment PYTHON LOG: a virtual environment at $VENV, made anew when it is broken, moved or too old.
create_environment() {
  # pip proves more than python does: its script-less run fails in an environment that was only half made.
  if [ -x "$PY" ] && "$PY" -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
    return 0
  fi
  if [ -e "$VENV" ] && [ ! -e "$VENV/pyvenv.cfg" ]; then
    fail "$VENV exists and is no virtual environment: move it away, or set SLAPORTAL_VENV."
  fi
  rm -rf "$VENV"
  if ! "$1" -m venv "$VENV" >"$2" 2>&1; then
    rm -rf "$VENV"
    fail "$1 cannot make virtual environments: install its venv package (Debian, Ubuntu: apt install python3-venv)."
  fi
}
