"""What a replay starts from: the period's leads with what was known of each then, and the board as it stood.

Leads and companies are read as they are now, since nobody keeps what they were; where the decision of then
wrote down what its rules read, that goes before. What a lead had done by then is known exactly.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import Q, QuerySet

from core.errors import Conflict
from core.rules import Facts
from handoff.simulation.replay import OUTSIDE, Arrival, Span, World
from leads.account_facts import Beside
from leads.criteria import HANDOFF_KIND, Criteria, facts_of, load_criteria
from leads.models import Assignment, CriteriaVersion, Engagement, Handoff
from leads.past import counts, last_closing
from routing.facts import Board, read_people, read_pools
from routing.models import Decision
from routing.shares import TURNS
from routing.traces import AFTER, NAMES, candidates_of
from sla.services import match_tiers
from tenants.config import steady_config
from tenants.models import RepProfile
from tenants.versions import version_in_force

_CHUNK: Final = 2_000
_WEEK: Final = timedelta(days=8)  # a local week that began before the period, wherever somebody lives


def past_leads(since: datetime, until: datetime, *, with_history: bool = False) -> QuerySet[Handoff]:
    """The handoffs that began in [since, until), without test leads; imported history only if asked for."""
    rows: QuerySet[Handoff] = Handoff.objects.filter(
        is_test=False, started_at__gte=since, started_at__lt=until
    )
    return rows if with_history else rows.filter(is_history=False)


# --- Arrivals ---


def past_ids(since: datetime, until: datetime, *, with_history: bool = False) -> list[list[UUID]]:
    """The ids of the period's handoffs in order of arrival, in pieces for `read_some`."""
    listed = past_leads(since, until, with_history=with_history).order_by("started_at", "id")
    ids = list(listed.values_list("id", flat=True))
    return [ids[first : first + _CHUNK] for first in range(0, len(ids), _CHUNK)]


def read_some(ids: Sequence[UUID], *, now: datetime) -> list[Arrival]:
    """These leads in order of arrival, with the tier that the policy in force gives each.

    Five statements, and those that say which policy is in force.
    """
    with steady_config():
        return _arrivals(ids, now)


def read_arrivals(
    since: datetime, until: datetime, *, now: datetime, with_history: bool = False
) -> list[Arrival]:
    """All of the period's, as `read_some`, in one transaction."""
    pieces = past_ids(since, until, with_history=with_history)
    return [each for ids in pieces for each in read_some(ids, now=now)]


def _arrivals(ids: Sequence[UUID], now: datetime) -> list[Arrival]:
    rows = Handoff.objects.select_related("lead__account").filter(id__in=ids)
    handoffs = list(rows.defer("verdict", "lead__verdict", "lead__custom").order_by("started_at", "id"))
    lead_ids = {handoff.lead_id for handoff in handoffs}
    past, closings = _engagements(lead_ids), _closings(lead_ids)
    decided = _first_decisions(ids)
    owned = dict[UUID, tuple[UUID, datetime]]()
    firsts = Assignment.objects.filter(handoff_id__in=ids, hop=0)
    for handoff_id, member_id, started_at in firsts.values_list("handoff_id", "member_id", "started_at"):
        owned[handoff_id] = (member_id, started_at)
    beside = Beside((handoff.lead, handoff.lead.account) for handoff in handoffs)
    version = version_in_force(CriteriaVersion, now)
    criteria = load_criteria(version) if version else None
    facts = [
        _facts(
            handoff,
            past.get(handoff.lead_id, ()),
            last_closing(closings.get(handoff.lead_id, ()), handoff.started_at),
            decided.get(handoff.id),
            criteria,
            beside,
        )
        for handoff in handoffs
    ]
    tiers = _tiers(facts, now)
    found = []
    for handoff, known, (tier, nurtured) in zip(handoffs, facts, tiers, strict=True):
        decision, first = decided.get(handoff.id), owned.get(handoff.id)
        chosen = decision is not None and decision[1] == OUTSIDE and decision[2] is not None
        # What is read when a rule asks is read here: the replay asks the database nothing.
        values = {name: known.value(name) for name in known.values} | {"sla.tier": tier or handoff.tier}
        found.append(
            Arrival(
                id=str(handoff.id),
                lead_id=str(handoff.lead_id),
                at=handoff.started_at,
                facts=Facts(values, known.engagements, handoff.started_at),
                tier=tier or handoff.tier,
                closes_at=handoff.closed_at,
                owner=str(decision[2]) if decision and chosen else None,
                nurtured=nurtured and not chosen,
                past_tier=handoff.tier,
                past_member=str(first[0]) if first else None,
                past_given_at=first[1] if first else None,
            )
        )
    return found


_Did = tuple[str, str, datetime, datetime]


def _engagements(lead_ids: Iterable[UUID]) -> dict[UUID, list[_Did]]:
    found: dict[UUID, list[_Did]] = defaultdict(list)
    listed = Engagement.objects.filter(lead_id__in=list(lead_ids))
    for lead_id, *did in listed.values_list("lead_id", "kind", "subject", "at", "received_at"):
        found[lead_id].append(tuple(did))  # type: ignore[arg-type]
    return found


def _closings(lead_ids: Iterable[UUID]) -> dict[UUID, list[datetime]]:
    """When handoffs of these leads were closed."""
    found: dict[UUID, list[datetime]] = defaultdict(list)
    closed = Handoff.objects.filter(lead_id__in=list(lead_ids), closed_at__isnull=False)
    for lead_id, closed_at in closed.values_list("lead_id", "closed_at"):
        found[lead_id].append(closed_at)
    return found


_Decided = tuple[str, str, UUID | None, dict[str, Any] | None]


def _first_decisions(ids: Sequence[UUID]) -> dict[UUID, _Decided]:
    """(trigger, reason, who got it, what the rules read) of the first decision about each."""
    rows = Decision.objects.filter(handoff_id__in=ids).order_by("handoff_id", "at", "id")
    columns = ("handoff_id", "trigger", "reason", "member_id", "inputs")
    return {
        handoff_id: tuple(told)  # type: ignore[misc]
        for handoff_id, *told in rows.distinct("handoff_id").values_list(*columns)
    }


def _facts(
    handoff: Handoff,
    past: Sequence[_Did],
    closed_at: datetime | None,
    decided: _Decided | None,
    criteria: Criteria | None,
    beside: Beside,
) -> Facts:
    """What was known of a lead when it was handed over. Of what its decision does not tell, its company and
    its lists are as they are now, and the criteria in force now count its score."""
    at = handoff.started_at
    # Of imported history nobody heard when it happened.
    did = [
        (kind, subject, when)
        for kind, subject, when, heard in past
        if (known := when if handoff.is_history else heard) <= at and counts(known, closed_at)
    ]
    extra = {HANDOFF_KIND: str(handoff.kind)}
    facts = facts_of(
        handoff.lead, handoff.lead.account, did, at, extra=extra, criteria=criteria, beside=beside
    )
    inputs = decided[3] if decided is not None and decided[0] == "intake" else None
    if not inputs:
        return facts
    then = {
        name: value
        for name, value in inputs["values"].items()
        if name not in NAMES and name not in ("sla.tier", HANDOFF_KIND)
    }
    return Facts({**facts.values, **then}, did, at)


def _tiers(facts: Sequence[Facts], now: datetime) -> list[tuple[str, bool]]:
    """(slug, whether a sequence answers it) of each; ("", False) before a policy is published."""
    try:
        matches = match_tiers(facts, at=now)
    except Conflict:
        return [("", False)] * len(facts)
    return [(found.tier.slug, found.tier.nurture is not None) for found in matches]


# --- The board ---


def read_world(since: datetime, until: datetime) -> World:
    """Pools, people, hours and limits as they are now; leave, leads and rotations as they were."""
    pools = read_pools()
    board = Board(since)
    with steady_config():
        read_people(board, pools, others=RepProfile.objects.values_list("member_id", flat=True))
    for person in board.candidates.values():
        person.open_deals = 0  # as it is now; what it was comes with `deals`
    rotations = {pool.slug: _rotation(pool.id, since) for pool in pools}
    return World(
        since=since,
        until=until,
        pools={slug: replace(view, counters=rotations[slug]) for slug, view in board.pools.items()},
        people=board.candidates,
        zones=board.zones,
        spans=_spans(since, until),
        deals=_deals(until) if any(each.cap_deals is not None for each in board.candidates.values()) else (),
    )


def _rotation(pool_id: UUID, since: datetime) -> dict[str, int]:
    """Where a pool's turns stood: as its last decision before left them; level where none is kept. Of a test
    lead the turn was given back."""
    turns = Decision.objects.filter(pool_id=pool_id, at__lt=since, reason__in=TURNS, handoff__is_test=False)
    trace = turns.order_by("-at", "-id").values_list("trace", flat=True).first()
    if trace is None:
        return {}
    return {line["member"]: line[AFTER] for line in candidates_of(trace) if line.get(AFTER) is not None}


def _spans(since: datetime, until: datetime) -> list[Span]:
    """Who had which leads of before the period, in it or in the week before."""
    rows = Assignment.objects.filter(
        Q(ended_at=None) | Q(ended_at__gt=since - _WEEK) | Q(started_at__gt=since - _WEEK),
        handoff__is_history=False,
        handoff__started_at__lt=since,
        started_at__lt=until,
    )
    columns = ("member_id", "started_at", "ended_at", "handoff__is_test")
    return [Span(str(member_id), *rest) for member_id, *rest in rows.order_by().values_list(*columns)]


def _deals(until: datetime) -> list[tuple[datetime, str, int]]:
    """When opportunities began and were decided, by who owned them last."""
    rows = Handoff.objects.filter(opportunity_at__lt=until, owner__isnull=False, is_history=False)
    found = []
    for owner_id, began, closed_at in rows.values_list("owner_id", "opportunity_at", "closed_at"):
        found.append((began, str(owner_id), 1))
        if closed_at is not None:
            found.append((max(began, closed_at), str(owner_id), -1))
    return found
