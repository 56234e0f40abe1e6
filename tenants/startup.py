"""The product refuses to run as a role that row security does not bind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.exceptions import ImproperlyConfigured
from django.db import connections

_QUESTION = """
select r.rolname, r.rolsuper, r.rolbypassrls,
  (select min(c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace
   where n.nspname = 'public' and c.relkind in ('r', 'p') and pg_has_role(r.oid, c.relowner, 'member')),
  exists (select 1 from pg_roles o where o.rolname = %s and o.oid <> r.oid and pg_has_role(r.oid, o.oid,
  'member')), has_schema_privilege(r.oid, 'public', 'create')
from pg_roles r where r.rolname = current_user
"""


def unsafe_reason(alias: str = "default") -> str:
    """Why the role behind `alias` may not run the product, as a sentence; "" when it may."""
    with connections[alias].cursor() as cursor:
        cursor.execute(_QUESTION, [settings.DATABASE_RESOLVER_ROLE])
        name, superuser, bypasses, owned, resolves, creates = cursor.fetchone()
    reasons = {
        "is a superuser, whom row security does not bind": superuser,
        "has BYPASSRLS: it would see every organisation's rows": bypasses,
        f"owns the table {owned}, or may become its owner, and could lift row security": owned,
        f"may become {settings.DATABASE_RESOLVER_ROLE}, which reads across organisations": resolves,
        "may create objects in the schema public": creates,
    }
    return next((f"The database role {name} {why}." for why, holds in reasons.items() if holds), "")


def assert_safe_role(alias: str = "default") -> None:
    """Raise ImproperlyConfigured where DATABASE_URL names a role that row security does not bind.

    Web, workers and the engine call it before they serve anything.
    """
    if reason := unsafe_reason(alias):
        raise ImproperlyConfigured(
            f"{reason} Set DATABASE_URL to the app role ({settings.DATABASE_APP_ROLE})."
        )


@register(Tags.database)
def check_role(app_configs: Any, databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """`manage.py check --database default` says the same."""
    if "default" not in (databases or []):
        return []
    reason = unsafe_reason()
    return [Error(reason, hint="Set DATABASE_URL to the app role.", id="tenants.E001")] if reason else []
