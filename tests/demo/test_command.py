"""What bin/demo says when it cannot run, and what it keeps in its directory."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from slaportal.demo import __main__ as demo
from slaportal.demo import state


def test_a_taken_port_is_one_sentence(tmp_path: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "slaportal.demo", "--port", str(port), "--data", str(tmp_path)],
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == f"Port {port} is taken: stop what uses it, or choose another with --port.\n"
    assert list(tmp_path.iterdir()) == []


def test_the_secret_key_stays_and_is_private(tmp_path: Path) -> None:
    first = demo._secret_key(tmp_path)
    assert len(first) >= 50
    assert demo._secret_key(tmp_path) == first
    assert stat.S_IMODE(os.stat(tmp_path / "secret_key").st_mode) == 0o600


def test_the_summary_is_private_and_there_only_when_complete(tmp_path: Path) -> None:
    assert state.read(tmp_path) is None
    (tmp_path / state.SEEDED).write_text('{"logins": [')
    assert state.read(tmp_path) is None
    state.write(tmp_path, {"logins": []})
    assert state.read(tmp_path) == {"logins": []}
    assert stat.S_IMODE(os.stat(tmp_path / state.SEEDED).st_mode) == 0o600


def test_a_line_that_is_being_written_is_left_out(tmp_path: Path) -> None:
    assert state.webhooks(tmp_path) == []
    (tmp_path / state.WEBHOOKS).write_text('{"id": "a"}\n{"id": "b')
    assert state.webhooks(tmp_path) == [{"id": "a"}]


def test_only_a_half_made_database_is_thrown_away(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    demo._discard_half_made(tmp_path)
    assert (tmp_path / "postgres").is_dir()
    (tmp_path / state.SEEDING).touch()
    state.write(tmp_path, {"logins": []})
    demo._discard_half_made(tmp_path)
    assert (tmp_path / "postgres").is_dir()
    (tmp_path / state.SEEDED).unlink()
    demo._discard_half_made(tmp_path)
    assert not (tmp_path / "postgres").exists()


@pytest.mark.parametrize(
    ("theirs", "expected"),
    [
        ("", "127.0.0.1:4000"),
        ("127.0.0.1:9000", "127.0.0.1:9000,127.0.0.1:4000"),
        (" hooks.lan:80 , ,127.0.0.1:9000", "hooks.lan:80,127.0.0.1:9000,127.0.0.1:4000"),
    ],
)
def test_hosts_that_the_user_allows_stay_allowed(theirs: str, expected: str) -> None:
    assert demo.allowed_hosts(theirs, 4000) == expected
