"""A lead that one pool passed on to another: the page says which pool was closed until when, and who of which
pool could have had it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from handoff.candidates import lines_of
from handoff.services import Actor, reject_lead
from leads.models import Account, Lead
from routing.models import Decision, Pool, PoolSeat
from tenants.calendars import ALWAYS_WEEK, OFFICE_WEEK, make_spec, write_calendar
from tenants.clock import fixed_clock
from tenants.models import RepProfile
from tests.factories import Org
from tests.handoff.conftest import browser, handoff_of, new_lead, owner_of

pytestmark = pytest.mark.django_db

SUNDAY_NIGHT = datetime(2026, 11, 22, 22, 0, tzinfo=UTC)


@pytest.fixture
def org(acme: Org, now: datetime) -> Org:
    """Acme, whose pool passes leads of the night on to a rota of one, the fallback person."""
    with acme.scope():
        hours = write_calendar(
            tenant=acme.tenant,
            name="Always",
            spec=make_spec(tz="Europe/Berlin", weekly=ALWAYS_WEEK, year=2026),
            actor="system",
            now=now,
        )
        rota = Pool.objects.create(slug="on-call", name="On call", calendar_id=hours.calendar_id)
        PoolSeat.objects.create(pool=rota, member=acme.fallback)
        Pool.objects.filter(id=acme.pool.id).update(
            name="Berlin",
            off_hours="overflow",
            overflow=rota,
            counters={str(rep.id): 720_720 * turns for turns, rep in enumerate(acme.reps)},
        )
    return acme


@pytest.fixture
def lead(org: Org) -> Lead:
    """It came on a Sunday night, and the rota has it."""
    made = new_lead(org, SUNDAY_NIGHT)
    assert owner_of(org, made) == org.fallback
    return made


def words_of(content: bytes) -> str:
    return " ".join(content.decode().replace("<b>", "").replace("</b>", "").split())


def decision_page(org: Org, lead: Lead) -> Any:
    with org.scope():
        decision = Decision.objects.get(handoff__lead=lead)
    return browser(org.admin).get(f"/decisions/{decision.id}")


def test_the_page_names_the_pool_of_the_rule_and_whom_it_passed_the_lead_on_to(org: Org, lead: Lead) -> None:
    page = decision_page(org, lead)
    told = words_of(page.content)
    assert "1 · Fit: which pool</span><span>Berlin</span>" in told
    assert "Berlin: nobody at work until Mon 09:00, passed on to On call" in told
    assert "Nobody else in the pool could take it." in told
    assert "Comes later in the rotation" not in told
    assert "Could have" not in told


def test_people_stand_with_their_pool_and_the_reason_that_kept_them(org: Org, lead: Lead) -> None:
    berlin, rota = decision_page(org, lead).context["each"]["groups"]
    assert [(group.name, group.passed_to, len(group.lines)) for group in (berlin, rota)] == [
        ("Berlin", "On call", 3),
        ("On call", "", 1),
    ]
    assert {(line["result"], line["words"]) for line in berlin.lines} == {("refused", "Not at work")}
    assert sorted((line["turns_before"], line["turns_then"]) for line in berlin.lines) == [
        ("0", "0"),
        ("1", "1"),
        ("2", "2"),
    ]
    assert [(line["result"], line["turns_before"], line["turns_then"]) for line in rota.lines] == [
        ("chosen", "0", "1")
    ]


def give_account_to_singapore(org: Org, now: datetime) -> None:
    """The manager, who sits in no pool, owns the account of okapi.example and works in Singapore; the pool
    asks them first."""
    earlier = new_lead(org, SUNDAY_NIGHT - timedelta(days=9))
    with org.scope():
        hours = write_calendar(
            tenant=org.tenant,
            name="Singapore",
            spec=make_spec(tz="Asia/Singapore", weekly=OFFICE_WEEK, year=2026),
            actor="system",
            now=now,
        )
        RepProfile.objects.create(
            member=org.manager, time_zone="Asia/Singapore", calendar_id=hours.calendar_id
        )
        Account.objects.filter(id=earlier.account_id).update(owner=org.manager)
        Pool.objects.filter(slug="inbound").update(owner_first=True)


def test_the_accounts_owner_who_was_passed_over_is_named_as_such(org: Org, now: datetime) -> None:
    """They need not sit in the pool; when they open is not when the pool does."""
    give_account_to_singapore(org, now)
    page = decision_page(org, new_lead(org, SUNDAY_NIGHT, "ann@okapi.example"))
    told = words_of(page.content)
    assert "Berlin: nobody at work until Mon 09:00, passed on to On call" in told
    assert told.count("Owns the account") == 1
    assert f"{org.manager.name}<small>Owns the account</small>" in told
    (owner,) = [line for line in page.context["each"]["groups"][0].lines if line.get("owns_account")]
    assert (owner["result"], owner["words"]) == ("refused", "Not at work")


def test_a_full_pool_says_so(org: Org) -> None:
    with org.scope():
        RepProfile.objects.filter(member__in=org.reps).update(cap_open=0)
    told = words_of(decision_page(org, new_lead(org, SUNDAY_NIGHT)).content)
    assert "Berlin: everybody: at the cap of open leads, passed on to On call" in told


def test_a_full_pool_says_so_whoever_owns_the_account(org: Org, now: datetime) -> None:
    give_account_to_singapore(org, now)
    with org.scope():
        RepProfile.objects.filter(member__in=org.reps).update(cap_open=0)
    told = words_of(decision_page(org, new_lead(org, SUNDAY_NIGHT, "ann@okapi.example")).content)
    assert "Berlin: everybody: at the cap of open leads, passed on to On call" in told
    assert "Owns the account" in told


def test_where_the_other_pool_is_closed_too_both_are_named(org: Org) -> None:
    with org.scope():
        Pool.objects.filter(slug="on-call").update(calendar=None, off_hours="hold")
    lead = new_lead(org, SUNDAY_NIGHT)
    handoff = handoff_of(org, lead)
    assert (handoff.unrouted_reason, handoff.owner) == ("held", None)
    told = words_of(decision_page(org, lead).content)
    assert "Berlin: nobody at work until Mon 09:00, passed on to On call" in told
    assert "On call: nobody at work until Mon 09:00" in told


def test_whoever_of_the_first_pool_asks_why_not_them_reads_that_they_were_not_at_work(
    org: Org, lead: Lead, at_hand: Callable[[datetime], None]
) -> None:
    at_hand(SUNDAY_NIGHT)
    (row,) = browser(org.reps[0]).get("/decisions/mine").context["rows"]
    assert (row["line"]["result"], row["why"]) == ("refused", "You were not at work")
    assert row["asked_in"] == "Berlin, passed on to On call"
    (own,) = browser(org.fallback).get("/decisions/mine").context["rows"]
    assert (own["why"], own["reason"], own["asked_in"]) == (
        "Your turn in the pool",
        "Your turn in the pool",
        "On call",
    )


def test_programs_read_the_same(org: Org, lead: Lead) -> None:
    with org.scope():
        decision = Decision.objects.get(handoff__lead=lead)
        lines = lines_of(decision.trace)
    assert {(line["pool"], line["result"], line["reason"]) for line in lines} == {
        ("inbound", "refused", "not_at_work"),
        ("on-call", "chosen", "weighted_round_robin"),
    }


def test_a_turn_costs_and_never_seems_to_give_turns_back(acme: Org, now: datetime) -> None:
    """Counters are stored above their least: one turn of the last would else read "1 → 0" for all others."""
    with acme.scope():
        Pool.objects.update(
            counters={str(rep.id): 720_720 * (turns > 0) for turns, rep in enumerate(acme.reps)}
        )
    (group,) = decision_page(acme, new_lead(acme, now)).context["each"]["groups"]
    told = [(line["result"], line["turns_before"], line["turns_then"]) for line in group.lines]
    assert sorted(told) == [("chosen", "0", "1"), ("next", "1", "1"), ("next", "1", "1")]


def test_a_simulated_lead_tells_it_alike(org: Org) -> None:
    said = {"email": "a@firm.example", "kind_0": "demo_request", "at": "2026-11-22T23:00"}
    page = browser(org.admin).post("/routing/simulate/typed", said)
    told = words_of(page.content)
    assert page.status_code == 200
    assert "1 · Fit: which pool</span><span>Berlin</span>" in told
    assert "Berlin: nobody at work until Mon 09:00, passed on to On call" in told
    assert "Could have" not in told


def test_one_that_was_refused_as_not_theirs_says_by_whom_and_why(acme: Org, now: datetime) -> None:
    lead = new_lead(acme, now)
    before = owner_of(acme, lead)
    with acme.scope():
        reject_lead(
            lead_id=lead.id,
            reason="wrong_territory",
            note="She sits in Norway",
            actor=Actor.person(before),
            clock=fixed_clock(now + timedelta(minutes=1)),
        )
        decision = Decision.objects.get(handoff__lead=lead, trigger="rerouted")
    told = words_of(browser(acme.admin).get(f"/decisions/{decision.id}").content)
    assert f"When {before.name} refused it as not theirs" in told
    assert "Wrong territory: She sits in Norway" in told


def test_the_log_is_asked_by_name_as_the_search_is(acme: Org, now: datetime) -> None:
    lead = new_lead(acme, now)
    client = browser(acme.admin)
    (row,) = client.get("/decisions?lead=ruth").context["rows"]
    assert row["lead"] == lead
    other = new_lead(acme, now, "ruth.b@firm.example")
    several = client.get("/decisions?lead=Ruth")
    assert several.status_code == 422
    assert {one.id for one, _ in several.context["named"]} == {lead.id, other.id}
    assert f"?lead={other.id}" in several.content.decode()
    nobody = client.get("/decisions?lead=Nobody")
    assert (nobody.status_code, nobody.context["refused"]) == (
        422,
        "There is no lead with this id, e-mail or name.",
    )
