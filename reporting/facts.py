"""Keep the facts true: what was written down as changed is computed again, whole, from what is there.

Facts hold nothing of their own, so building them twice gives the same rows, and a lost one is mended by
`rebuild`. Drills and other test leads have none. The roll-ups are told of what changed in the same
transaction; the first drain of an organisation that has none counts all of them.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Collection, Sequence
from contextlib import nullcontext
from datetime import date, datetime
from functools import partial
from types import ModuleType
from typing import Final
from uuid import UUID

from django.db import IntegrityError, connection, transaction

from leads.models import Handoff
from reporting import clock_facts, handoff_facts, handoff_rollups, lead_rollups, rollups, spans, watch
from reporting.beside import beside
from reporting.rollups import Changes
from tenants.context import current_tenant_id, tenant_scope

logger = logging.getLogger(__name__)

#: Dirty rows that one turn of one organisation takes at most. A turn counts its days once, however many of
#: their handoffs it takes, so few large ones are cheaper than many small ones.
TURN: Final = 5_000
#: Turns of one organisation in one tick: what is left waits for the next.
TURNS: Final = 20
# The statements look up many things of each row: to compile them takes longer than to carry them out.
_UNCOMPILED: Final = "set local jit = off"
#: First half of the advisory lock's key: one builder of facts per organisation at a time.
_LOCK: Final = 0x5A1F


def drain(*, turns: int = TURNS) -> int:
    """Bring the facts of every organisation up to date, and its roll-ups; how many dirty rows that used up.

    An organisation whose turn raises is logged and left out; its dirty rows stay, and after five minutes
    are a finding (`reporting.watch`).
    """
    waiting = _tenants_with_changes()
    random.shuffle(waiting)
    drained = 0
    for tenant_id in waiting:
        try:
            for _ in range(turns):
                taken = drain_tenant(tenant_id)
                drained += taken
                if taken < TURN:
                    break
        except Exception as error:
            logger.exception("The facts of an organisation were not built.", extra={"tenant": str(tenant_id)})
            connection.close_if_unusable_or_obsolete()
            _say_why(tenant_id, error)
    return drained


def _say_why(tenant_id: UUID, error: Exception) -> None:
    try:
        watch.note_failure(tenant_id, error)
    except Exception:  # the database itself may be what fails
        logger.exception("Nor could that be noted.", extra={"tenant": str(tenant_id)})


def drain_tenant(tenant_id: UUID, *, limit: int = TURN) -> int:
    """One turn of one organisation, in one transaction: take dirty rows, build those handoffs' facts anew.

    Gives back how many dirty rows it took; 0 also where another process is at it. The dirty rows go first and
    the facts are read after: a change that commits in between has left its own dirty row for the next turn.
    """
    with tenant_scope(tenant_id), connection.cursor() as cursor:
        cursor.execute(_UNCOMPILED)
        cursor.execute("select pg_try_advisory_xact_lock(%s, hashtext(%s))", [_LOCK, str(tenant_id)])
        if not cursor.fetchone()[0]:
            return 0
        cursor.execute(
            # Materialized: a plain subquery may be run again for each row, and take more than the limit.
            "with taken as materialized (select id from leads_dirtyhandoff where tenant_id = %s"
            " order by at limit %s for update skip locked) delete from leads_dirtyhandoff d using taken"
            " where d.tenant_id = %s and d.id = taken.id"
            " returning d.handoff_id, d.lead_id, d.account_id, d.at",
            [tenant_id, limit, tenant_id],
        )
        taken = cursor.fetchall()
        _refresh(lead_rollups, zone=rollups.zone_of_days())
        handoffs = {row[0] for row in taken if row[0] is not None}
        further = _handoffs_of([row[1:] for row in taken if row[0] is None])
        if len(further) > limit:
            # One turn is not to hold them all: each is noted by itself, and the next turns take them.
            cursor.execute(
                "insert into leads_dirtyhandoff (id, tenant_id, handoff_id, at)"
                " select gen_random_uuid(), %s, said.id, said.at"
                " from unnest(%s::uuid[], %s::timestamptz[]) as said(id, at)",
                [tenant_id, [str(each) for each in further], list(further.values())],
            )
            _build(handoffs)
            return max(limit, len(taken))
        _build(handoffs | set(further))
        return len(taken)


def _handoffs_of(said: Sequence[tuple[UUID | None, UUID | None, datetime]]) -> dict[UUID, datetime]:
    """The handoffs of these leads and of the leads of these accounts, each with when it was noted first."""
    if not said:
        return {}
    leads, accounts, moments = (list(each) for each in zip(*said, strict=True))
    with connection.cursor() as cursor:
        cursor.execute(
            "with said as (select * from unnest(%s::uuid[], %s::uuid[], %s::timestamptz[])"
            " as said(lead_id, account_id, at)), meant as ("
            " select lead_id, at from said where lead_id is not null union all"
            " select l.id, said.at from said"
            " join leads_lead l on l.tenant_id = %s and l.account_id = said.account_id)"
            " select h.id, min(meant.at) from meant"
            " join leads_handoff h on h.tenant_id = %s and h.lead_id = meant.lead_id group by h.id",
            [
                [str(each) if each else None for each in leads],
                [str(each) if each else None for each in accounts],
                moments,
                current_tenant_id(),
                current_tenant_id(),
            ],
        )
        return dict(cursor.fetchall())


#: Is told what is counted, the day so far, and the last day.
Progress = Callable[[str, date, date], None]


def rebuild(tenant_id: UUID, *, progress: Progress | None = None, side_by_side: bool = False) -> int:
    """Build every fact of an organisation anew, and its roll-ups; how many facts of clocks there are then.

    In one transaction: broken off, it leaves everything as it was. side_by_side: in two at once, what is of
    handoffs and leads on a connection of its own, for little more than half the time; broken off, each half
    is as it was or as it will be. progress is called from two threads then.

    Waits for a drain that is at work. Dirty rows stay: draining them later changes nothing.
    """

    def telling(what: str) -> spans.Progress | None:
        return None if progress is None else partial(progress, what)

    def of_handoffs() -> None:
        handoff_facts.rebuild(zone=zone, progress=telling("handoffs"))
        handoff_rollups.rebuild(zone=zone, progress=telling("roll-ups of handoffs"))
        lead_rollups.rebuild(zone=zone)

    with tenant_scope(tenant_id), connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s, hashtext(%s))", [_LOCK, str(tenant_id)])
        zone = rollups.zone_of_days()
        with beside(tenant_id, of_handoffs) if side_by_side else nullcontext():
            count = clock_facts.rebuild(zone=zone, progress=telling("clocks"))
            rollups.count_all(zone=zone, progress=telling("roll-ups of clocks"))
        if not side_by_side:
            of_handoffs()
        # Only now: both halves say of one row that they are complete.
        rollups.say_complete(zone)
        return count


def _build(handoff_ids: Collection[UUID]) -> None:
    if not handoff_ids:
        return
    zone = rollups.zone_of_days()
    if not rollups.are_complete(zone):
        # An upgrade that brought the facts of outbound handoffs left those without that nobody changes.
        outbound = Handoff.objects.filter(kind=Handoff.Kind.OUTBOUND)
        handoff_ids = {*handoff_ids, *outbound.values_list("id", flat=True)}
    changes = clock_facts.build(handoff_ids)
    changes_of_handoffs = handoff_facts.build(handoff_ids)
    if rollups.are_complete(zone):
        _refresh(rollups, changes, zone=zone)
    else:
        rollups.rebuild(zone=zone)
    if handoff_rollups.are_complete(zone):
        _refresh(handoff_rollups, changes_of_handoffs, zone=zone)
    else:
        # An upgrade that brought these facts, or columns of them, left handoffs without that nobody changes.
        handoff_facts.rebuild(zone=zone)
        handoff_rollups.rebuild(zone=zone)


def _refresh(kind: ModuleType, *changes: Changes, zone: str) -> None:
    try:
        with transaction.atomic():
            kind.refresh(*changes, zone=zone)
    except IntegrityError:
        logger.exception("%s were not the sum of what they count, and are counted anew.", kind.__name__)
        kind.rebuild(zone=zone)


def _tenants_with_changes() -> list[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(
            "select tenant_id from tenants_with_dirty_handoffs()"
            " union select tenant_id from tenants_with_changed_leads()"
        )
        return [row[0] for row in cursor.fetchall()]
