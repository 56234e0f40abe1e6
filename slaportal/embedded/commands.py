"""The command line: `python -m slaportal.embedded`."""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg2

from slaportal.embedded.addresses import APP, BACKUP, DATABASE, OWNER, EmbeddedUrls, with_role
from slaportal.embedded.cluster import EmbeddedPostgres, default_data_dir
from slaportal.embedded.errors import EmbeddedError
from slaportal.embedded.roles import bootstrap_roles, fresh_database
from slaportal.embedded.temporary import temporary_server


def run_command(command: Sequence[str], urls: EmbeddedUrls) -> int:
    """Run a command with the URLs in its environment; signals reach it, its exit code comes back."""
    child = subprocess.Popen(list(command), env={**os.environ, **urls.as_env()})

    def pass_on(number: int, frame: object) -> None:
        child.send_signal(number)

    # Ctrl-C reaches the child by itself (same terminal); we only must outlive it to clean up.
    previous = {signal.SIGINT: signal.signal(signal.SIGINT, signal.SIG_IGN)}
    previous[signal.SIGTERM] = signal.signal(signal.SIGTERM, pass_on)
    try:
        code = child.wait()
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    return code if code >= 0 else 128 - code


def _print_env(urls: EmbeddedUrls) -> None:
    for name, value in urls.as_env().items():
        print(f"{name}={shlex.quote(value)}")


def _bootstrap_command(options: argparse.Namespace) -> int:
    wanted = {OWNER: options.owner_password, APP: options.app_password, BACKUP: options.backup_password}
    known = bootstrap_roles(options.admin_url, options.database, wanted)
    urls = {
        role: with_role(options.admin_url, role, password, options.database)
        for role, password in known.items()
        if role in wanted
    }
    _print_env(EmbeddedUrls(options.admin_url, urls[OWNER], urls[APP], urls.get(BACKUP)))
    unknown = [role for role in urls if known[role] is None]
    if BACKUP not in known:
        print(f"This administrator may not make {BACKUP}; see docs/operating.md.", file=sys.stderr)
    if unknown:
        print(f"Kept the passwords of roles that existed: {', '.join(unknown)}.", file=sys.stderr)
    return 0


def _run(options: argparse.Namespace) -> int:
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    if not command:
        raise EmbeddedError("Name the command to run after --.")
    if options.admin_url:
        with fresh_database(options.admin_url) as urls:
            return run_command(command, urls)
    if options.temporary:
        with temporary_server() as urls:
            return run_command(command, urls)
    with EmbeddedPostgres(options.data_dir or default_data_dir()) as urls:
        return run_command(command, urls)


def _start(options: argparse.Namespace) -> int:
    # Left running when this process ends: that is what the command is for.
    _print_env(EmbeddedPostgres(options.data_dir or default_data_dir()).start())
    return 0


def _stop(options: argparse.Namespace) -> int:
    EmbeddedPostgres(options.data_dir or default_data_dir()).stop()
    return 0


def _status(options: argparse.Namespace) -> int:
    server = EmbeddedPostgres(options.data_dir or default_data_dir())
    running = server.is_running()
    print(f"{'running' if running else 'stopped'}: {server.data_dir}")
    return 0 if running else 3


def _ping(options: argparse.Namespace) -> int:
    try:
        psycopg2.connect(options.admin_url, connect_timeout=3).close()
    except psycopg2.OperationalError:
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m slaportal.embedded", description="The project's database server"
    )
    commands = parser.add_subparsers(required=True)

    def add(name: str, handler: Any, help_text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=help_text)
        command.set_defaults(handler=handler)
        return command

    for name, handler, help_text in (
        ("start", _start, "start the embedded server and print its URLs"),
        ("stop", _stop, "stop the embedded server, whoever uses it"),
        ("status", _status, "say whether it runs (exit code 3: it does not)"),
    ):
        add(name, handler, help_text).add_argument("--data-dir", type=Path)

    run = add("run", _run, "run a command against a server that is started for it")
    run.add_argument("--data-dir", type=Path)
    run.add_argument("--temporary", action="store_true", help="a fast, empty server, removed afterwards")
    run.add_argument("--admin-url", help="a fresh database on this server instead, dropped afterwards")
    run.add_argument("command", nargs=argparse.REMAINDER)

    bootstrap = add("bootstrap", _bootstrap_command, "make roles and database on a server that exists")
    bootstrap.add_argument("--admin-url", required=True, help="an administrator's URL, database 'postgres'")
    bootstrap.add_argument("--database", default=DATABASE)
    for role in ("owner", "app", "backup"):
        variable = f"SLAPORTAL_{role.upper()}_PASSWORD"
        # `or None`: compose hands over unset variables as empty ones.
        bootstrap.add_argument(
            f"--{role}-password", default=os.environ.get(variable) or None, help=f"default: ${variable}"
        )

    ping = add("ping", _ping, "exit code 0 when a server answers")
    ping.add_argument("--admin-url", required=True)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; a refusal is one sentence on stderr and exit code 1."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.handler(options))
    except EmbeddedError as error:
        print(error, file=sys.stderr)
    except psycopg2.Error as error:
        print(f"PostgreSQL refused: {str(error).strip()}", file=sys.stderr)
    return 1
