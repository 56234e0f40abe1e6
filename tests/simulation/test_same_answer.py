"""Live, dry run, one typed lead and the replay give the same answer for the same facts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handoff.intake import receive_lead
from handoff.simulation.reading import read_arrivals, read_world
from handoff.simulation.replay import replay
from handoff.simulation.single import NOT_QUALIFIED, Answer, desk, member_id_of
from handoff.simulation.typed import facts_at, known_at
from handoff.trial import try_lead
from leads.criteria import SCHEMA
from leads.incoming import CompanyIn, EngagementIn, LeadIn
from leads.models import CriteriaVersion, Handoff, LeadSettings, ListEntry, NamedList
from leads.services import close_handoffs
from routing.decide import compile_rule_set
from routing.models import Pool, PoolSeat, RuleSetVersion
from routing.services import release
from tenants.clock import fixed_clock
from tenants.models import RepProfile
from tenants.services import add_leave
from tests.factories import Org, engaged

pytestmark = pytest.mark.django_db

MONDAY = datetime(2026, 11, 16, 0, 0, tzinfo=UTC)
RULES: dict[str, Any] = {
    "pools": [
        {
            "name": "Big",
            "when": {"field": "account.employees", "op": "at_least", "value": 500},
            "pool": "big",
        },
        {
            "name": "Listed",
            "when": {"field": "lead.lists", "op": "contains", "value": "vip"},
            "pool": "big",
        },
        {
            "name": "Demo",
            "when": {"field": "sla.tier", "op": "equals", "value": "demo_request"},
            "pool": "demo",
        },
        {"name": "Everyone", "when": None, "pool": "inbound"},
    ],
    "priorities": [
        {"name": "Hot", "when": {"field": "lead.score", "op": "at_least", "value": 75}, "priority": 20},
        {"name": "Asked for a demo", "when": engaged("demo_request"), "priority": 10},
    ],
    "horizon_minutes": 30,
}


@pytest.fixture
def org(acme: Org, now: datetime) -> Org:
    """Acme with three pools that overlap, and rules over company, tier and behaviour."""
    with acme.scope():
        for slug, strategy, seats in (
            ("big", "least_loaded", acme.reps[:2]),
            ("demo", "fastest", acme.reps[1:]),
        ):
            pool = Pool.objects.create(slug=slug, name=slug.title(), strategy=strategy)
            for weight, rep in enumerate(seats, start=1):
                PoolSeat.objects.create(pool=pool, member=rep, weight=weight)
        vip = NamedList.objects.create(name="VIP", slug="vip", created_at=now)
        for number in (1, 4):
            said = {"key": f"d:firm{number}.example", "shown": f"firm{number}.example", "kind": "domain"}
            ListEntry.objects.create(named_list=vip, added_at=now, **said)
        RuleSetVersion.objects.update(state="retired")
        RuleSetVersion.objects.create(
            number=2, state="published", content=RULES, created_at=now, created_by="system"
        )
    return acme


arrivals = st.lists(
    st.tuples(
        st.integers(0, 7 * 24 * 60 - 1),  # the minute of the week
        st.sampled_from(["demo_request", "pricing_page", "content_download", "webinar"]),
        st.sampled_from([None, 20, 900]),  # employees
        st.sampled_from([None, 30, 2_000]),  # minutes until it is closed
        st.sampled_from(["", "MQL", "Open"]),  # what another system calls its stage
        st.sampled_from([None, 30, 80]),  # its score, where that comes from outside
    ),
    min_size=1,
    max_size=14,
    unique_by=lambda each: each[0],
)
limits = st.lists(st.tuples(st.sampled_from([1, 2, 3]), st.sampled_from([None, 40])), min_size=3, max_size=3)
# Of one person alone: every pool has somebody left, so that nobody waits for the engine.
leave = st.lists(st.tuples(st.integers(0, 150), st.integers(1, 60)), max_size=3)
# What hands leads over; nothing chosen is the criteria.
handovers = st.sampled_from(
    [
        {},
        {"triggers": ["outside_stage"], "outside_stages": ["hubspot: MQL"]},
        {"triggers": ["score", "form"], "score_from": 70, "form_kinds": ["webinar"]},
        {"triggers": ["criteria", "outside_stage"], "outside_stages": ["mql"]},
    ]
)
scores = st.sampled_from(
    [
        {"from": "outside"},
        {
            "from": "signals",
            "signals": [
                {"name": "Demo", "when": engaged("demo_request"), "points": 80, "half_life_days": None},
                {"name": "Prices", "when": engaged("pricing_page"), "points": 20, "half_life_days": 7},
            ],
        },
    ]
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(leads=arrivals, limits=limits, leave=leave, handover=handovers, score=scores)
def test_live_dry_run_and_simulation_give_the_same_answer(
    org: Org, leads: list[Any], limits: list[Any], leave: list[Any], handover: Any, score: Any
) -> None:
    """A week of leads comes in live, each after a dry run and after it was asked about as a typed lead; then
    the week is simulated by the same rules."""
    with transaction.atomic():
        with org.scope():
            LeadSettings.objects.create(**handover)
            content = {**org.criteria.content, "score": score}
            CriteriaVersion.objects.update(state="retired")
            CriteriaVersion.objects.create(
                number=2, state="published", content=content, created_at=MONDAY, created_by="system"
            )
        _compare(org, sorted(leads, key=lambda each: each[0]), limits, leave)
        transaction.set_rollback(True)


def _compare(org: Org, leads: list[Any], limits: list[Any], leave: list[Any]) -> None:
    with org.scope():
        for rep, (weight, cap) in zip(org.reps, limits, strict=True):
            RepProfile.objects.filter(member=rep).update(weight=weight, cap_per_day=cap)
        for hour, length in leave:
            start = MONDAY + timedelta(hours=hour)
            add_leave(member=org.reps[0], starts_at=start, ends_at=start + timedelta(hours=length))
    told: list[str | None] = []
    pools: list[str | None] = []
    closing: list[tuple[datetime, Any]] = []
    for number, (minute, kind, employees, lasts, stage, score) in enumerate(leads):
        at = MONDAY + timedelta(minutes=minute)
        _close(org, [each for each in closing if each[0] <= at])
        closing = [each for each in closing if each[0] > at]
        item = LeadIn(
            email=f"lead{number}@firm{number}.example",
            company=CompanyIn(name=f"Firm {number}", domain=f"firm{number}.example", employees=employees),
            engagements=(EngagementIn(kind, "", at),),
            external_system="hubspot",
            external_id=str(number),
            stage=stage,
            score=score,
        )
        with org.scope():
            asked = _asked(item, at)
            trial = try_lead(item=item, actor="key:test", clock=fixed_clock(at))
            result = receive_lead(item=item, actor="key:test", clock=fixed_clock(at))
        judged = result.arrival.judgement if result.arrival else None
        assert judged is not None
        assert asked.judgement is not None
        assert asked.judgement.verdict["met"] == judged.verdict["met"]
        assert asked.judgement.verdict.get("trigger") == judged.verdict.get("trigger")
        assert asked.qualifies is (result.handoff is not None)
        if result.handoff is None:
            assert (trial.owner, asked.why_not) == (None, NOT_QUALIFIED)
            continue
        owner = result.handoff.owner_id
        assert (trial.owner.id if trial.owner else None) == owner
        assert member_id_of(asked) == owner
        assert (asked.tier.tier.slug if asked.tier else "") == result.handoff.tier
        assert asked.result is not None
        assert asked.result.priority == result.handoff.priority
        told.append(str(owner) if owner else None)
        pools.append(_pool(number, kind, employees))
        assert asked.result.pool == pools[-1]
        if lasts is not None:
            closing.append((at + timedelta(minutes=lasts), result.handoff.id))
    _close(org, [each for each in closing if each[0] < MONDAY + timedelta(days=9)])
    end = MONDAY + timedelta(days=7)
    with org.scope():
        found = read_arrivals(MONDAY, end, now=end)
        world = read_world(MONDAY, end)
    assert [each.past_member for each in found] == told
    replayed = replay(world, found, compile_rule_set(RULES, SCHEMA))
    assert [one.member for one in replayed.outcomes] == told
    assert [one.pool for one in replayed.outcomes] == pools


def _asked(item: LeadIn, at: datetime) -> Answer:
    """What one typed lead is answered."""
    company = item.company
    typed = {
        "email": item.email,
        "company_name": company.name,
        "score": item.score,
        "stage": item.stage,
        "system": item.external_system,
        "account": {"name": company.name, "domain": company.domain, "employees": company.employees},
        "engagements": [{"kind": each.kind} for each in item.engagements],
    }
    return desk(at=at, now=at).answer(facts_at(typed, at), known_at(typed))


def _pool(number: int, kind: str, employees: int | None) -> str:
    if employees == 900 or number in (1, 4):
        return "big"
    return "demo" if kind == "demo_request" else "inbound"


def _close(org: Org, due: list[tuple[datetime, Any]]) -> None:
    with org.scope():
        for at, handoff_id in sorted(due):
            handoff = Handoff.objects.get(id=handoff_id)
            ended = close_handoffs([handoff], outcome="rejected", now=at)
            for assignment in ended:
                release({assignment.member_id: 1}, now=at)
