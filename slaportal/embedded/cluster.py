"""One server under a directory: started, shared by whoever needs it, stopped by the last."""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import hashlib
import json
import os
import secrets
import shutil
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO
from urllib.parse import urlencode

from slaportal.embedded.addresses import ADMIN, APP, BACKUP, DATABASE, OWNER, EmbeddedUrls, with_role
from slaportal.embedded.binaries import (
    MAJOR,
    closed_to_others,
    find_binaries,
    give_to_server,
    run_program,
    server_uid,
)
from slaportal.embedded.errors import EmbeddedError
from slaportal.embedded.roles import bootstrap_roles

PROJECT = Path(__file__).resolve().parents[2]
# sockaddr_un holds 108 bytes on Linux and 104 on macOS, the closing zero included.
LONGEST_SOCKET_PATH = 103


def default_data_dir() -> Path:
    """`SLAPORTAL_DATA`, else `var/` in the project; as root a place that PostgreSQL's user can reach."""
    if configured := os.environ.get("SLAPORTAL_DATA"):
        return Path(configured).expanduser().resolve()
    if os.geteuid() == 0:
        return Path("/var/lib/slaportal") / hashlib.sha256(str(PROJECT).encode()).hexdigest()[:12]
    return PROJECT / "var"


class EmbeddedPostgres:
    """One PostgreSQL under `data_dir`, shared by every process that names the same directory.

    `start` is idempotent across processes. Each process that started it holds a shared lock while it lives;
    leaving the context manager (or `release`) stops the server only when no other process holds one.
    `fast` gives up crash safety for speed; it is for data that nobody will miss.
    """

    def __init__(self, data_dir: Path, *, fast: bool = False) -> None:
        self.data_dir = data_dir.expanduser().resolve()
        self.fast = fast
        self.pgdata = self.data_dir / "postgres"
        self.log_file = self.pgdata / "server.log"
        self.socket_dir = self._choose_socket_dir()
        self._holds: IO[str] | None = None
        self._pid = os.getpid()

    def start(self) -> EmbeddedUrls:
        """Start the server unless it runs, make sure of roles and database, and say where they are."""
        self._make_data_dir()
        with self._locked():
            self._hold()
            try:
                passwords = self._credentials()
                urls = self._urls(passwords)
                if not self.is_running():
                    self._initdb(passwords[ADMIN])
                    self._pg_start()
                    bootstrap_roles(urls.admin, DATABASE, {k: v for k, v in passwords.items() if k != ADMIN})
            except BaseException:
                self._let_go()
                raise
        return urls

    def stop(self) -> None:
        """Stop the server for everybody; nothing happens when it does not run."""
        if not self.pgdata.is_dir():
            return
        with self._locked():
            self.stop_unlocked()
            self._let_go()

    def release(self) -> None:
        """Say that this process no longer needs the server; the last one to say so stops it."""
        if self._holds is None or self._pid != os.getpid():
            return  # a forked child (a gunicorn worker, say) runs its parent's exit handlers too
        with self._locked():
            try:
                fcntl.flock(self._holds, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pass
            else:
                self.stop_unlocked()
            self._let_go()

    def is_running(self) -> bool:
        """Whether something accepts connections on the server's socket."""
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as probe:
            try:
                probe.connect(str(self.socket_dir / ".s.PGSQL.5432"))
            except OSError:
                return False
        return True

    def __enter__(self) -> EmbeddedUrls:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    # Locks: `lock` is held while starting and stopping, `users.lock` (shared) while the server is needed.

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        with (self.data_dir / "lock").open("a") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def _hold(self) -> None:
        if self._holds is None:
            self._holds = (self.data_dir / "users.lock").open("a")
            fcntl.flock(self._holds, fcntl.LOCK_SH)

    def _let_go(self) -> None:
        if self._holds is not None:
            self._holds.close()
            self._holds = None

    # Directories and passwords

    def _choose_socket_dir(self) -> Path:
        wanted = self.data_dir / "socket"
        if len(os.fsencode(wanted / ".s.PGSQL.5432")) <= LONGEST_SOCKET_PATH:
            return wanted
        key = hashlib.sha256(f"{os.geteuid()}:{self.data_dir}".encode()).hexdigest()[:12]
        return Path("/tmp") / f"slaportal-{key}"

    def _make_data_dir(self) -> None:
        try:
            self.data_dir.mkdir(parents=True, exist_ok=True)
            if not self.pgdata.exists() and os.geteuid() == 0:
                # PostgreSQL's user must be able to pass through, not to list.
                self.data_dir.chmod(self.data_dir.stat().st_mode | 0o011)
        except OSError as error:
            raise EmbeddedError(
                f"The data directory {self.data_dir} cannot be made ({error.strerror}); name another one in "
                "SLAPORTAL_DATA."
            ) from error
        if os.geteuid() == 0 and (closed := closed_to_others(self.data_dir)):
            raise EmbeddedError(
                f"As root, PostgreSQL runs as another user, which cannot pass {closed}; name a data "
                "directory outside home directories in SLAPORTAL_DATA."
            )

    def _credentials(self) -> dict[str, str]:
        """The passwords of this data directory, made once and readable by its user only."""
        path = self.data_dir / "credentials.json"
        if path.exists():
            return dict(json.loads(path.read_text()))
        passwords = {name: secrets.token_urlsafe(24) for name in (ADMIN, OWNER, APP, BACKUP)}
        draft = path.with_suffix(".new")
        draft.unlink(missing_ok=True)
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
            json.dump(passwords, handle)
        draft.replace(path)
        return passwords

    def _urls(self, passwords: Mapping[str, str]) -> EmbeddedUrls:
        # The directory goes into the query: as a host name its capital letters would be lost.
        base = "postgres:///?" + urlencode({"host": str(self.socket_dir)}, safe="/")
        return EmbeddedUrls(
            admin=with_role(base, ADMIN, passwords[ADMIN], "postgres"),
            owner=with_role(base, OWNER, passwords[OWNER], DATABASE),
            app=with_role(base, APP, passwords[APP], DATABASE),
            backup=with_role(base, BACKUP, passwords[BACKUP], DATABASE),
        )

    # The server's own commands

    def _initdb(self, admin_password: str) -> None:
        version_file = self.pgdata / "PG_VERSION"
        if version_file.exists():
            found = version_file.read_text().strip()
            if found != MAJOR:
                raise EmbeddedError(
                    f"The data in {self.pgdata} was written by PostgreSQL {found}, this one is {MAJOR}; "
                    "restore a dump into a new data directory."
                )
            return
        # Made aside and renamed, so that a set-up killed half-way leaves nothing that looks complete.
        draft = self.data_dir / "postgres.new"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        password_file = self.data_dir / "password.new"
        password_file.unlink(missing_ok=True)
        with open(os.open(password_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
            handle.write(admin_password + "\n")
        give_to_server(draft)
        give_to_server(password_file)
        try:
            # The built-in provider sorts alike on every platform, whatever locales are installed.
            self._command(
                "initdb", "-D", str(draft), "-U", ADMIN, "--pwfile", str(password_file),
                "-A", "scram-sha-256", "--encoding=UTF8", "--locale=C",
                "--locale-provider=builtin", "--builtin-locale=C.UTF-8",
                *(["--no-sync"] if self.fast else []),
            )  # fmt: skip
        finally:
            password_file.unlink(missing_ok=True)
        with (draft / "postgresql.conf").open("a") as handle:
            handle.write("\ninclude_if_exists 'slaportal.conf'\n")
        draft.rename(self.pgdata)

    def _pg_start(self) -> None:
        self.socket_dir.mkdir(mode=0o755, exist_ok=True)
        status = self.socket_dir.stat()
        if status.st_uid not in (os.geteuid(), server_uid()):
            raise EmbeddedError(
                f"{self.socket_dir} belongs to somebody else; remove it or set SLAPORTAL_DATA."
            )
        give_to_server(self.socket_dir)
        conf = self.pgdata / "slaportal.conf"
        conf.write_text("".join(f"{name} = {value}\n" for name, value in self._configuration().items()))
        give_to_server(conf)
        try:
            self._command(
                "pg_ctl", "start", "-w", "-t", "60", "-D", str(self.pgdata), "-l", str(self.log_file)
            )
        except EmbeddedError as error:
            tail = "\n".join(_read_tail(self.log_file, 8))
            raise EmbeddedError(f"PostgreSQL did not start; {self.log_file} ends with:\n{tail}") from error

    def stop_unlocked(self) -> None:
        """Stop the server; the caller holds `lock`."""
        if not (self.pgdata / "postmaster.pid").exists():
            return
        for mode in ("fast", "immediate"):
            try:
                self._command("pg_ctl", "stop", "-w", "-t", "30", "-m", mode, "-D", str(self.pgdata))
                return
            except EmbeddedError:
                if not self.is_running():
                    return  # a stale pid file of a server that was killed

    def _configuration(self) -> dict[str, str]:
        quoted_socket_dir = str(self.socket_dir).replace("'", "''")
        settings = {
            "listen_addresses": "''",
            "unix_socket_directories": f"'{quoted_socket_dir}'",
            "port": "5432",
            "max_connections": "200",
            "shared_buffers": "'192MB'",
            "timezone": "'UTC'",
            "log_timezone": "'UTC'",
            "jit": "off",
            "wal_level": "minimal",
            "max_wal_senders": "0",
        }
        if self.fast:
            settings |= {
                "fsync": "off",
                "full_page_writes": "off",
                "synchronous_commit": "off",
                "max_connections": "300",
                "checkpoint_timeout": "'30min'",
            }
        return settings

    def _command(self, name: str, *arguments: str) -> None:
        run_program(find_binaries(self.data_dir), name, *arguments)


def _read_tail(path: Path, lines: int) -> list[str]:
    try:
        return path.read_text(errors="replace").splitlines()[-lines:]
    except OSError:
        return []


_running: dict[Path, tuple[EmbeddedPostgres, EmbeddedUrls]] = {}


def ensure_running(data_dir: Path | None = None) -> EmbeddedUrls:
    """The URLs of the project's embedded server, started if need be; stopped when its last user exits.

    Safe to call from several processes at once, and again in the same one.
    """
    server = EmbeddedPostgres(data_dir or default_data_dir())
    known = _running.get(server.data_dir)
    if known is not None and known[0].is_running():
        return known[1]
    urls = server.start()
    _running[server.data_dir] = (server, urls)
    atexit.register(server.release)
    return urls
