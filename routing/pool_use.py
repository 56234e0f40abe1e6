"""Who takes a pool away, or the last person out of one, and who publishes rules that name it, take turns."""

from __future__ import annotations

from django.db import connection

from routing.facts import ensure_loads, hold_loads
from routing.models import Pool, PoolSeat
from tenants.context import current_tenant_id
from tenants.models import Member, RepProfile


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


def leave_pools(member: Member) -> None:
    """Hold the pools and the load of somebody who is about to be switched off, as decisions hold them: a lead
    that is being given to them is theirs by then, and seen, and the next one is not given to them.
    """
    take_from_pools()
    seats = PoolSeat.objects.filter(member=member).values("pool_id")
    list(Pool.objects.filter(id__in=seats).order_by("id").select_for_update(of=("self",)).values_list("id"))
    if RepProfile.objects.filter(member=member).exists():
        ensure_loads([member.id])
        hold_loads([member.id])


def _lock(function: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"select {function}(hashtext(%s))", [f"pools:{current_tenant_id()}"])
