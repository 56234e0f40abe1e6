"""Who takes a pool away, or the last person out of one, and who publishes rules that name it, take turns."""

from __future__ import annotations

from django.db import connection

from tenants.context import current_tenant_id


def let_pools_stay() -> None:
    """Until the transaction ends no pool of the organisation is switched off and nobody leaves one; any
    number may wish so at once. Before the versions of the rules are locked, and before what they name is
    looked at.
    """
    _lock("pg_advisory_xact_lock_shared")


def take_from_pools() -> None:
    """Until the transaction ends nobody else does so, and no rules come into force. Before any pool is
    locked, and before it is looked up what the rules name.
    """
    _lock("pg_advisory_xact_lock")


def _lock(function: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"select {function}(hashtext(%s))", [f"pools:{current_tenant_id()}"])
