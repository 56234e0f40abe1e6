"""Says by its exit code whether this container does its work: web, worker or beat. Standard library only."""

import glob
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request

# Beat writes its schedule file every three minutes; twice that without a write means that it hangs.
BEAT_SILENCE = 400.0


def web() -> bool:
    """The web server answers /healthz."""
    hosts = os.environ.get("ALLOWED_HOSTS", "").split(",")
    # With ALLOWED_HOSTS set, "127.0.0.1" may well be refused: ask under a name that is allowed.
    host = hosts[0].strip().lstrip(".") or "127.0.0.1"
    request = urllib.request.Request(
        "http://127.0.0.1:8000/healthz",
        headers={"Host": "127.0.0.1" if host == "*" else host, "X-Forwarded-Proto": "https"},
    )
    try:
        with urllib.request.urlopen(request, timeout=4) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def worker() -> bool:
    """This container's Celery worker answers a ping through the broker."""
    name = f"celery@{os.uname().nodename}"
    done = subprocess.run(
        [sys.executable, "-m", "celery", "-A", "slaportal.celery", "inspect", "ping", "-d", name, "-t", "8"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    return done.returncode == 0


def beat() -> bool:
    """Beat has written its schedule lately (the file's suffix depends on the platform's dbm)."""
    files = glob.glob(os.path.join(os.environ.get("SLAPORTAL_DATA", "/data"), "beat-schedule*"))
    return any(time.time() - os.stat(path).st_mtime < BEAT_SILENCE for path in files)


if __name__ == "__main__":
    sys.exit(0 if {"web": web, "worker": worker, "beat": beat}[sys.argv[1]]() else 1)
