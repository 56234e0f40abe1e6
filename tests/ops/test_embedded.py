"""The embedded server and the role bootstrap, tried for real on clusters of their own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import psycopg2
import pytest

from slaportal.embedded import (
    ADMIN,
    APP,
    BACKUP,
    OWNER,
    PROJECT,
    RESOLVER,
    EmbeddedError,
    EmbeddedPostgres,
    EmbeddedUrls,
    binaries,
    bootstrap_roles,
    drop_databases,
    temporary,
    temporary_server,
    with_role,
)


@pytest.fixture(scope="module")
def urls():
    with temporary_server() as running:
        yield running


def query(url: str, statement: str, *parameters: object) -> list[tuple]:
    connection = psycopg2.connect(url)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def python(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        cwd=PROJECT,
        env={**os.environ, **environment},
        timeout=120,
        check=False,
    )


def test_each_url_connects_as_its_role(urls: EmbeddedUrls) -> None:
    assert query(urls.app, "SELECT current_user, current_database()") == [(APP, "slaportal")]
    assert query(urls.owner, "SELECT current_user, current_database()") == [(OWNER, "slaportal")]
    assert query(urls.backup, "SELECT current_user, current_database()") == [(BACKUP, "slaportal")]
    assert query(urls.admin, "SELECT current_user, current_database()") == [(ADMIN, "postgres")]


def test_django_environ_reads_the_urls(urls: EmbeddedUrls) -> None:
    import environ

    config = environ.Env.db_url_config(urls.app)
    assert (config["NAME"], config["USER"]) == ("slaportal", APP)
    connection = psycopg2.connect(
        dbname=config["NAME"], user=config["USER"], password=config["PASSWORD"], **config["OPTIONS"]
    )
    connection.close()


def test_no_role_may_more_than_it_needs(urls: EmbeddedUrls) -> None:
    rows = query(
        urls.admin,
        "SELECT rolname, rolcanlogin, rolcreatedb, rolbypassrls, rolsuper, rolcreaterole, rolreplication"
        " FROM pg_roles WHERE rolname LIKE 'slaportal%%' ORDER BY 1",
    )
    assert rows == [
        (APP, True, False, False, False, False, False),
        (BACKUP, True, False, True, False, False, False),
        (OWNER, True, True, False, False, False, False),
        (RESOLVER, False, False, False, False, False, False),
    ]


def test_a_wrong_password_is_refused(urls: EmbeddedUrls) -> None:
    host = urls.app.rpartition("@")[2]
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        psycopg2.connect(f"postgres://{APP}:wrong@{host}")


def test_the_owner_makes_databases_and_hands_functions_to_the_resolver(urls: EmbeddedUrls) -> None:
    query(urls.owner, "GRANT USAGE, CREATE ON SCHEMA public TO slaportal_resolver")
    query(urls.owner, "CREATE FUNCTION answer() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 42'")
    query(urls.owner, f"ALTER FUNCTION answer() OWNER TO {RESOLVER}")
    found = query(urls.owner, "SELECT pg_get_userbyid(proowner) FROM pg_proc WHERE proname = 'answer'")
    assert found == [(RESOLVER,)]
    query(urls.owner, "CREATE DATABASE made_by_owner")
    query(urls.owner, "DROP DATABASE made_by_owner")


def test_the_app_can_make_neither_tables_nor_databases(urls: EmbeddedUrls) -> None:
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        query(urls.app, "CREATE TABLE sneaky (id int)")
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        query(urls.app, "CREATE DATABASE sneaky")


def test_forced_row_security_binds_the_owner_but_not_the_backup(urls: EmbeddedUrls) -> None:
    query(urls.owner, "CREATE TABLE secret (tenant_id int)")
    query(urls.owner, "INSERT INTO secret VALUES (1)")
    query(urls.owner, "ALTER TABLE secret ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    assert query(urls.owner, "SELECT count(*) FROM secret") == [(0,)]
    assert query(urls.backup, "SELECT count(*) FROM secret") == [(1,)]
    query(urls.owner, "DROP TABLE secret")


def test_bootstrap_repairs_what_was_changed_and_keeps_passwords(urls: EmbeddedUrls) -> None:
    query(urls.admin, f"ALTER ROLE {APP} SUPERUSER BYPASSRLS CREATEDB")
    query(urls.admin, "ALTER DATABASE slaportal OWNER TO postgres")
    known = bootstrap_roles(urls.admin, "slaportal")
    assert known == {OWNER: None, APP: None, RESOLVER: None, BACKUP: None}
    assert query(
        urls.app, "SELECT rolsuper, rolbypassrls, rolcreatedb FROM pg_roles WHERE rolname = %s", APP
    ) == [(False, False, False)]
    owner = query(urls.admin, "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'slaportal'")
    assert owner == [(OWNER,)]


def test_bootstrap_by_an_administrator_who_is_no_superuser(urls: EmbeddedUrls) -> None:
    """As on managed servers: roles and database come about, the role that passes row security does not."""
    with temporary_server() as fresh:
        query(fresh.admin, "CREATE ROLE manager LOGIN CREATEROLE CREATEDB PASSWORD 'managed'")
        query(fresh.admin, "DROP DATABASE slaportal")
        for role in (BACKUP, RESOLVER, APP, OWNER):
            query(fresh.admin, f"DROP ROLE {role}")
        manager = with_role(fresh.admin, "manager", "managed", "postgres")
        for _ in range(2):
            assert set(bootstrap_roles(manager, "shop", {OWNER: "o", APP: "a"})) == {OWNER, APP, RESOLVER}
        assert query(with_role(manager, APP, "a", "shop"), "SELECT current_user") == [(APP,)]


def test_dropping_takes_the_derived_test_databases_and_no_others(urls: EmbeddedUrls) -> None:
    for name in ("try1", "test_try1", "test_try1_gw0", "test_try10"):
        query(urls.admin, f"CREATE DATABASE {name}")
    drop_databases(urls.admin, "try1")
    left = query(urls.admin, "SELECT datname FROM pg_database WHERE datname LIKE '%%try1%%'")
    assert left == [("test_try10",)]
    drop_databases(urls.admin, "test_try10")


def test_bootstrap_command_prints_urls_that_work(urls: EmbeddedUrls) -> None:
    done = python(
        "-m", "slaportal.embedded", "bootstrap", "--admin-url", urls.admin, "--database", "second",
        SLAPORTAL_APP_PASSWORD=urls.app.split(":")[2].split("@")[0],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = dict(line.split("=", 1) for line in done.stdout.splitlines())
    assert set(lines) == {"DATABASE_URL", "DATABASE_OWNER_URL", "DATABASE_BACKUP_URL"}
    assert query(lines["DATABASE_URL"].strip("'"), "SELECT current_database()") == [("second",)]
    drop_databases(urls.admin, "second")


def test_starting_from_three_processes_at_once_gives_one_server(tmp_path: Path) -> None:
    data_dir = reachable(tmp_path)
    script = (
        "import sys, pathlib, psycopg2\n"
        "from slaportal.embedded import ensure_running\n"
        "urls = ensure_running(pathlib.Path(sys.argv[1]))\n"
        "cursor = psycopg2.connect(urls.app).cursor()\n"
        "cursor.execute('SELECT pg_postmaster_start_time()::text')\n"
        "print(cursor.fetchone()[0], flush=True)\n"
        "sys.stdin.read()\n"  # stays until told to go, so that all three share
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(data_dir)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=PROJECT,
        )
        for _ in range(3)
    ]
    started = {process.stdout.readline() for process in processes}
    server = EmbeddedPostgres(data_dir)
    try:
        assert len(started) == 1
        assert started != {""}
        for process in processes[:2]:
            process.communicate("")
            assert server.is_running(), "stopped under somebody who still uses it"
        processes[2].communicate("")
        assert not server.is_running(), "nobody uses it, yet it runs"
    finally:
        for process in processes:
            process.kill()
            process.wait()
        server.stop()


def test_a_killed_server_starts_again_with_its_data_and_passwords(tmp_path: Path) -> None:
    server = EmbeddedPostgres(reachable(tmp_path))
    try:
        before = server.start()
        query(before.owner, "CREATE TABLE kept (id int)")
        # What a power cut leaves: a pid file and a socket file without a server behind them.
        server._command("pg_ctl", "stop", "-m", "immediate", "-w", "-D", str(server.pgdata))
        (server.pgdata / "postmaster.pid").write_text("999999\n" + str(server.pgdata) + "\n1\n5432\n\n\n\n\n")
        after = server.start()
        assert after == before
        assert query(after.owner, "SELECT count(*) FROM kept") == [(0,)]
    finally:
        server.stop()
    assert not server.is_running()


def test_secrets_are_readable_by_their_user_only(tmp_path: Path) -> None:
    server = EmbeddedPostgres(reachable(tmp_path), fast=True)
    with server:
        path = server.data_dir / "credentials.json"
        assert path.stat().st_mode & 0o077 == 0
        assert len(set(json.loads(path.read_text()).values())) == 4
        assert server.pgdata.stat().st_mode & 0o077 == 0


def test_a_long_data_path_still_gets_a_socket(tmp_path: Path) -> None:
    deep = reachable(tmp_path) / ("d" * 60) / ("e" * 60)
    server = EmbeddedPostgres(deep, fast=True)
    try:
        assert query(server.start().app, "SELECT 1") == [(1,)]
    finally:
        server.stop()
        if server.socket_dir.is_dir():
            server.socket_dir.rmdir()


def test_data_of_another_major_version_is_refused_in_one_sentence(tmp_path: Path) -> None:
    data_dir = reachable(tmp_path)
    (data_dir / "postgres").mkdir(mode=0o700, parents=True)
    (data_dir / "postgres" / "PG_VERSION").write_text("15\n")
    with pytest.raises(EmbeddedError, match="written by PostgreSQL 15"):
        EmbeddedPostgres(data_dir).start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as another user")
def test_as_root_a_closed_directory_is_refused_and_its_mode_kept(tmp_path: Path) -> None:
    closed = tmp_path / "home"
    closed.mkdir(mode=0o700)
    with pytest.raises(EmbeddedError, match="outside home directories"):
        EmbeddedPostgres(closed / "data").start()
    assert closed.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as another user")
def test_as_root_binaries_in_a_closed_place_are_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binaries, "usable_by_others", lambda found: False)
    server = EmbeddedPostgres(reachable(tmp_path), fast=True)
    try:
        assert query(server.start().app, "SELECT 1") == [(1,)]
        assert binaries.find_binaries(server.data_dir).is_relative_to(server.data_dir)
    finally:
        server.stop()


def test_run_hands_over_urls_and_exit_code_and_cleans_up(tmp_path: Path) -> None:
    script = (
        "import os, sys, psycopg2; psycopg2.connect(os.environ['DATABASE_URL']);"
        " print(os.environ['DATABASE_URL']); sys.exit(7)"
    )
    # A temporary directory of its own, so that the sweep for abandoned servers sees only this test's.
    place = reachable(tmp_path)
    done = python(
        "-m",
        "slaportal.embedded",
        "run",
        "--temporary",
        "--",
        sys.executable,
        "-c",
        script,
        TMPDIR=str(place),
    )
    assert done.returncode == 7, done.stderr
    assert "slaportal_app" in done.stdout
    assert list(place.iterdir()) == []


def test_the_next_run_removes_what_a_killed_one_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = reachable(tmp_path)
    monkeypatch.setattr(temporary.tempfile, "gettempdir", lambda: str(place))
    abandoned = EmbeddedPostgres(place / f"{temporary.TEMPORARY_PREFIX}left", fast=True)
    in_use = EmbeddedPostgres(place / f"{temporary.TEMPORARY_PREFIX}used", fast=True)
    try:
        abandoned.start()
        in_use.start()
        abandoned._let_go()  # as when its process is killed: the lock goes, the server stays
        temporary.remove_abandoned()
        assert not abandoned.is_running()
        assert not abandoned.data_dir.exists()
        assert in_use.is_running()
    finally:
        abandoned.stop()
        in_use.stop()


def test_a_refusal_is_one_sentence_without_a_traceback() -> None:
    done = python("-m", "slaportal.embedded", "bootstrap", "--admin-url", "postgres://x@127.0.0.1:1/postgres")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "PostgreSQL refused" in done.stderr


def reachable(tmp_path: Path) -> Path:
    """pytest's directories are closed to others, PostgreSQL's user as root is one: let it pass through."""
    for directory in (tmp_path, *tmp_path.parents):
        if directory.stat().st_uid == os.geteuid() and not directory.stat().st_mode & 0o001:
            directory.chmod(directory.stat().st_mode | 0o011)
    place = tmp_path / "d"
    place.mkdir()
    return place
