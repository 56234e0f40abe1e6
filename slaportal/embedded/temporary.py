"""A server for one run, gone afterwards."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from slaportal.embedded.addresses import EmbeddedUrls
from slaportal.embedded.cluster import EmbeddedPostgres

TEMPORARY_PREFIX = "slaportal-pg-"


@contextlib.contextmanager
def temporary_server() -> Iterator[EmbeddedUrls]:
    """A fast server in a directory of its own, gone afterwards. Sweeps up what killed runs left behind."""
    remove_abandoned()
    data_dir = Path(tempfile.mkdtemp(prefix=TEMPORARY_PREFIX))
    server = EmbeddedPostgres(data_dir, fast=True)
    try:
        yield server.start()
    finally:
        server.stop()
        _remove(server)


def _remove(server: EmbeddedPostgres) -> None:
    shutil.rmtree(server.data_dir, ignore_errors=True)
    if server.socket_dir.parent != server.data_dir:
        shutil.rmtree(server.socket_dir, ignore_errors=True)


def remove_abandoned() -> None:
    """Stop and remove the servers of runs that were killed: nobody holds their lock."""
    for data_dir in Path(tempfile.gettempdir()).glob(f"{TEMPORARY_PREFIX}*"):
        users = data_dir / "users.lock"
        try:
            if data_dir.stat().st_uid != os.geteuid() or not users.exists():
                continue
            # The same order as start: whoever is just starting holds `lock` before `users.lock` exists.
            with (data_dir / "lock").open("a") as lock, users.open("a") as handle:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                server = EmbeddedPostgres(data_dir, fast=True)
                server.stop_unlocked()
                _remove(server)
        except OSError:
            continue  # in use, or just being removed by its own process
