"""The test database's quick way through the migrations ends where `manage.py migrate` ends."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import psycopg2
import pytest
from django.conf import settings
from django.db import connections

SCHEMA = """
select 'column', c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull::text,
       pg_get_expr(d.adbin, d.adrelid), a.attgenerated::text || a.attidentity::text, ''
  from pg_attribute a
  join pg_class c on c.oid = a.attrelid and c.relnamespace = 'public'::regnamespace
  left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
 where a.attnum > 0 and not a.attisdropped
union all
select 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid), condeferrable::text,
       condeferred::text, convalidated::text, ''
  from pg_constraint where connamespace = 'public'::regnamespace
union all
select 'index', tablename, indexname, indexdef, '', '', '', '' from pg_indexes where schemaname = 'public'
union all
select 'policy', tablename, policyname, permissive, roles::text, cmd, qual, with_check
  from pg_policies where schemaname = 'public'
union all
select 'function', proname, pg_get_functiondef(oid), proowner::regrole::text, proacl::text, '', '', ''
  from pg_proc where pronamespace = 'public'::regnamespace and prokind = 'f'
union all
select 'trigger', tgrelid::regclass::text, tgname, pg_get_triggerdef(oid), tgenabled::text, '', '', ''
  from pg_trigger where not tgisinternal
union all
select 'relation', relname, relkind::text, relowner::regrole::text, relacl::text, relrowsecurity::text,
       relforcerowsecurity::text, reloptions::text
  from pg_class where relnamespace = 'public'::regnamespace
union all
select 'migration', app, name, '', '', '', '', '' from django_migrations
"""


@pytest.fixture
def migrated(transactional_db: None) -> Iterator[str]:
    """The URL of another database of this server, on which the product's own command was run."""
    url = urlsplit(os.environ.get("DATABASE_OWNER_URL") or os.environ["DATABASE_URL"])
    name = f"{settings.DATABASES['owner']['NAME']}_{secrets.token_hex(3)}"
    made = url._replace(path=f"/{name}").geturl()
    with connections["owner"].cursor() as cursor:
        cursor.execute(f'create database "{name}" template template0')
        try:
            subprocess.run(
                [sys.executable, "manage.py", "migrate", "-v", "0"],
                env={**os.environ, "DATABASE_OWNER_URL": made, "DATABASE_URL": made},
                cwd=settings.BASE_DIR,
                check=True,
            )
            yield made
        finally:
            cursor.execute(f'drop database "{name}" with (force)')


@pytest.mark.slow
def test_the_schema_is_the_same_to_the_last_constraint(migrated: str) -> None:
    def schema_of(cursor: Any) -> list[tuple]:
        cursor.execute(SCHEMA)
        return sorted(tuple(str(part) for part in row) for row in cursor.fetchall())

    with connections["owner"].cursor() as cursor:
        quick = schema_of(cursor)
    connection = psycopg2.connect(migrated)
    try:
        with connection.cursor() as cursor:
            thorough = schema_of(cursor)
    finally:
        connection.close()
    assert quick == thorough
    assert len({row[0] for row in quick}) == 8
