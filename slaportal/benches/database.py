"""A database of its own for a bench: made, migrated, used, dropped. Works on the embedded server and on
any other.

    with scratch_database() as scratch:
        ...                              # django.db.connection is the new database, as the app role
        subprocess.run(..., env=scratch.environment)
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg2
from django.core.management import call_command
from django.db import connections
from psycopg2 import sql

ALIASES = ("default", "owner")


@dataclass(frozen=True)
class Scratch:
    """name: of the database. environment: for processes that must work in it."""

    name: str
    environment: dict[str, str]


def scale() -> float:
    """How much bigger or smaller than usual a bench is to run: the variable BENCH_SCALE, 1 unless set."""
    return float(os.environ.get("BENCH_SCALE", "1"))


@contextmanager
def scratch_database(name: str | None = None) -> Iterator[Scratch]:
    """Make a migrated database and point Django's connections at it until the block ends; then drop it.

    Needs an owner role that may create databases, which `slaportal.embedded bootstrap` sees to.
    Connections that were open before are closed.
    """
    chosen = name or f"slaportal_bench_{os.getpid()}_{secrets.token_hex(3)}"
    urls = _urls()
    _run(urls["owner"], "create database {} encoding 'UTF8' template template0", chosen)
    before = {alias: connections[alias].settings_dict["NAME"] for alias in ALIASES}
    try:
        _point(dict.fromkeys(ALIASES, chosen))
        call_command("migrate", verbosity=0)
        yield Scratch(chosen, environment_for(chosen))
    finally:
        _point(before)
        _run(urls["owner"], "drop database if exists {} with (force)", chosen)


def environment_for(name: str) -> dict[str, str]:
    """The environment of a process that is to work in the database `name` of the same server."""
    urls = _urls()
    return {
        **os.environ,
        "DATABASE_URL": _with_name(urls["default"], name),
        "DATABASE_OWNER_URL": _with_name(urls["owner"], name),
        "DEBUG": "1",  # no secret key is asked for
        "LOG_LEVEL": os.environ.get("LOG_LEVEL", "ERROR"),
    }


def _urls() -> dict[str, str]:
    """The addresses that settings were made from: the environment's, else the embedded server's."""
    if os.environ.get("DATABASE_URL"):
        app = os.environ["DATABASE_URL"]
        return {"default": app, "owner": os.environ.get("DATABASE_OWNER_URL", app)}
    from slaportal.embedded import default_data_dir, ensure_running

    urls = ensure_running(default_data_dir())
    return {"default": urls.app, "owner": urls.owner}


def _with_name(url: str, name: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"/{quote(name, safe='')}"))


def _run(url: str, statement: str, name: str) -> None:
    # Of the old name's server; CREATE and DROP DATABASE refuse to run in a transaction.
    link = psycopg2.connect(url.replace("postgres://", "postgresql://", 1))
    try:
        link.autocommit = True
        with link.cursor() as cursor:
            cursor.execute(sql.SQL(statement).format(sql.Identifier(name)))
    finally:
        link.close()


def _point(names: dict[str, str]) -> None:
    for alias, name in names.items():
        connections[alias].close()
        connections[alias].settings_dict["NAME"] = name
