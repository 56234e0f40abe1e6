"""Roles and databases, on any PostgreSQL from 15 on."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import secrets
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import psycopg2
from psycopg2 import sql

from slaportal.embedded.addresses import APP, BACKUP, OWNER, RESOLVER, EmbeddedUrls, with_role
from slaportal.embedded.errors import EmbeddedError

BOOTSTRAP_LOCK = 7_202_117_500


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
