"""What a pool is set to, from the lead that arrives to the person who has it: claims, closed hours, a rota,
the account's owner, and limits of weeks and deals."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from handoff.moves import drain_unrouted
from leads.models import Account, Assignment, Handoff, Lead
from notifications.models import OutboxMessage
from routing.models import Decision, Pool, PoolSeat
from sla.models import Timer
from tenants.audit import AuditEntry
from tenants.calendars import ALWAYS_WEEK, make_spec, write_calendar
from tenants.clock import fixed_clock
from tenants.models import Member, RepProfile
from tests.factories import Org
from tests.handoff.conftest import browser, handoff_of, new_lead, owner_of, timer_of

pytestmark = pytest.mark.django_db

SUNDAY_NIGHT = datetime(2026, 11, 22, 22, 0, tzinfo=UTC)
MONDAY_9 = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)  # 09:00 in Berlin


def set_pool(org: Org, **fields: Any) -> None:
    with org.scope():
        Pool.objects.filter(id=org.pool.id).update(**fields)


def set_profile(org: Org, member: Member, **fields: Any) -> None:
    with org.scope():
        RepProfile.objects.filter(member=member).update(**fields)


def drain(org: Org, at: datetime) -> int:
    return drain_unrouted(org.id, fixed_clock(at))


def told(org: Org, lead: Lead, kind: str) -> set[Any]:
    """Who is told so of the lead in the app."""
    with org.scope():
        rows = OutboxMessage.objects.filter(
            kind=kind, channel="inapp", subject=f"handoff:{handoff_of(org, lead).id}"
        )
        return set(rows.values_list("member_id", flat=True))


def claim(org: Org, lead: Lead, by: Member | None) -> tuple[int, dict[str, Any]]:
    body = {"by": str(by.id)} if by else {}
    answer = Client().post(f"/api/v1/leads/{lead.id}/claim", body, "application/json", headers=org.auth)
    return answer.status_code, answer.json()


class TestClaims:
    @pytest.fixture
    def ruth(self, acme: Org, now: datetime) -> Lead:
        """A lead of a pool where the first to come is served."""
        set_pool(acme, strategy="claim")
        return new_lead(acme, now)

    def test_nobody_has_it_and_everybody_of_the_pool_is_told(self, acme: Org, ruth: Lead) -> None:
        handoff = handoff_of(acme, ruth)
        assert (handoff.owner, handoff.unrouted_reason) == (None, "waits_for_claim")
        assert told(acme, ruth, "lead.to_claim") == {rep.id for rep in acme.reps}
        assert told(acme, ruth, "lead.unrouted") == set()
        assert timer_of(acme, ruth, "first_touch", "company").state == "running"

    def test_whoever_comes_first_has_it_with_a_clock_of_their_own(self, acme: Org, ruth: Lead) -> None:
        status, body = claim(acme, ruth, acme.reps[1])
        assert (status, body["result"], body["owner"]["id"]) == (200, "claimed", str(acme.reps[1].id))
        with acme.scope():
            assert Timer.objects.filter(handoff__lead=ruth, clock="owner", member=acme.reps[1]).exists()
            assert Assignment.objects.get(handoff__lead=ruth).reason == "You claimed it."
            decision = Decision.objects.filter(handoff__lead=ruth).order_by("-at", "-id")[0]
            assert (decision.trigger, decision.reason) == ("claimed", "claimed")
            assert AuditEntry.objects.filter(action="claimed").count() == 1

    def test_whoever_comes_second_is_told_who_was_quicker(self, acme: Org, ruth: Lead) -> None:
        claim(acme, ruth, acme.reps[1])
        status, body = claim(acme, ruth, acme.reps[2])
        assert (status, body["detail"]) == (409, f"{acme.reps[1].name} claimed it before you.")
        assert owner_of(acme, ruth) == acme.reps[1]

    def test_somebody_outside_of_the_pool_may_not(self, acme: Org, ruth: Lead) -> None:
        status, body = claim(acme, ruth, acme.fallback)
        assert (status, body["code"]) == (409, "not_owner")
        assert handoff_of(acme, ruth).owner is None

    def test_a_program_says_for_whom(self, acme: Org, ruth: Lead) -> None:
        status, body = claim(acme, ruth, None)
        assert (status, body["errors"][0]["path"]) == (400, "/by")

    @pytest.mark.parametrize(
        ("profile", "why"),
        [({"cap_open": 0}, "cap of open leads"), ({"on_rotation": False}, "off the rotation")],
    )
    def test_who_is_full_or_off_the_rotation_is_refused_with_the_reason_and_nothing_is_written(
        self, acme: Org, ruth: Lead, profile: dict[str, Any], why: str
    ) -> None:
        set_profile(acme, acme.reps[0], **profile)
        status, body = claim(acme, ruth, acme.reps[0])
        assert status == 409
        assert why in body["detail"]
        with acme.scope():
            assert Decision.objects.filter(handoff__lead=ruth).count() == 1
        assert handoff_of(acme, ruth).owner is None

    def test_a_lead_that_somebody_has_cannot_be_claimed(self, acme: Org, now: datetime) -> None:
        assert claim(acme, new_lead(acme, now), acme.reps[0])[0] == 409

    def test_a_lead_of_another_organisation_is_not_there(self, acme: Org, globex: Org, ruth: Lead) -> None:
        answer = Client().post(
            f"/api/v1/leads/{ruth.id}/claim",
            {"by": str(globex.reps[0].id)},
            "application/json",
            headers=globex.auth,
        )
        assert answer.status_code == 404

    def test_the_inbox_lists_it_to_the_pool_alone_and_it_is_claimed_there(
        self, acme: Org, ruth: Lead, now: datetime, at_hand: Any
    ) -> None:
        at_hand(now + timedelta(minutes=1))
        rep = browser(acme.reps[0])
        page = rep.get("/inbox?tab=claim").content.decode()
        assert "Ruth Adeyemi" in page
        assert f'action="/leads/{ruth.id}/claim"' in page
        assert "A lead opens when you claim it" in page
        told = browser(acme.manager).get(f"/leads/{ruth.id}").content.decode()
        assert "Whoever of its pool claims it first has it." in told
        assert "next free person" not in told
        other = browser(acme.fallback).get("/inbox?tab=claim").content.decode()
        assert "Ruth" not in other
        assert "To claim" not in other
        done = rep.post(f"/leads/{ruth.id}/claim")
        assert (done.status_code, done["Location"]) == (302, f"/leads/{ruth.id}")
        late = browser(acme.reps[1]).post(f"/leads/{ruth.id}/claim", follow=True).content.decode()
        assert "claimed it before you" in late
        assert "Nothing to claim" in late

    def test_the_drain_leaves_it_until_the_pool_works_otherwise(
        self, acme: Org, ruth: Lead, now: datetime
    ) -> None:
        assert drain(acme, now + timedelta(minutes=1)) == 0
        set_pool(acme, strategy="round_robin")
        assert drain(acme, now + timedelta(minutes=14)) == 0  # looked at again a quarter of an hour on
        assert drain(acme, now + timedelta(minutes=15)) == 1
        assert owner_of(acme, ruth) in acme.reps


class TestClosedHours:
    def test_a_lead_of_the_night_is_held_without_an_alarm_and_goes_out_when_the_first_opens(
        self, acme: Org
    ) -> None:
        set_pool(acme, off_hours="hold")
        ruth = new_lead(acme, SUNDAY_NIGHT)
        handoff = handoff_of(acme, ruth)
        assert (handoff.owner, handoff.unrouted_reason) == (None, "held")
        assert told(acme, ruth, "lead.unrouted") == set()
        for minutes in (1, 15, 30, 9 * 60):
            assert drain(acme, SUNDAY_NIGHT + timedelta(minutes=minutes)) == 0
        with acme.scope():  # asked again and again, decided once
            assert Decision.objects.filter(handoff__lead=ruth).count() == 1
            trace = Decision.objects.get(handoff__lead=ruth).trace
        assert trace["opens_at"] == MONDAY_9.isoformat()
        assert drain(acme, MONDAY_9 - timedelta(minutes=29)) == 1  # within the half hour that counts as there
        assert timer_of(acme, ruth, "first_touch").due_at == MONDAY_9 + timedelta(minutes=5)

    def test_what_was_held_goes_out_by_priority(self, acme: Org) -> None:
        set_pool(acme, off_hours="hold")
        set_profile(acme, acme.reps[0], cap_open=1)
        for rep in acme.reps[1:]:
            set_profile(acme, rep, on_rotation=False)
        low = new_lead(acme, SUNDAY_NIGHT)
        high = new_lead(acme, SUNDAY_NIGHT + timedelta(minutes=1), "omar@northgate.example")
        with acme.scope():
            Handoff.objects.filter(lead=high).update(priority=5)
        assert drain(acme, MONDAY_9) == 1
        assert owner_of(acme, high) == acme.reps[0]
        assert handoff_of(acme, low).unrouted_reason == "all_at_cap"

    def test_a_rota_takes_what_comes_outside_the_hours_and_its_clock_runs_then(self, acme: Org) -> None:
        with acme.scope():
            spec = make_spec(tz="Europe/Berlin", weekly=ALWAYS_WEEK, year=2026, country="")
            nights = write_calendar(
                tenant=acme.tenant, name="On call", spec=spec, actor="system", now=SUNDAY_NIGHT
            )
            rota = Pool.objects.create(slug="on-call", name="On call", calendar_id=nights.calendar_id)
            PoolSeat.objects.create(pool=rota, member=acme.reps[2])
        set_pool(acme, off_hours="overflow", overflow=rota)
        ruth = new_lead(acme, SUNDAY_NIGHT)
        assert owner_of(acme, ruth) == acme.reps[2]
        assert timer_of(acme, ruth, "first_touch").due_at == SUNDAY_NIGHT + timedelta(minutes=5)
        with acme.scope():
            decision = Decision.objects.get(handoff__lead=ruth)
        assert (decision.pool_id, decision.trace["passed_on"]) == (rota.id, ["inbound"])
        by_day = new_lead(acme, MONDAY_9 + timedelta(hours=1), "omar@northgate.example")
        with acme.scope():
            assert Decision.objects.get(handoff__lead=by_day).pool_id == acme.pool.id


class TestAccountOwner:
    def test_the_accounts_owner_has_it_and_no_turn_is_taken(self, acme: Org, now: datetime) -> None:
        set_pool(acme, owner_first=True)
        with acme.scope():
            Account.objects.create(
                name="Okapi Freight", domain="okapi.example", owner=acme.fallback, created_at=now
            )
        ruth = new_lead(acme, now)
        assert owner_of(acme, ruth) == acme.fallback
        with acme.scope():
            assert Pool.objects.get(id=acme.pool.id).counters == {}
            assert "own its account" in Assignment.objects.get(handoff__lead=ruth).reason
        assert owner_of(acme, new_lead(acme, now, "omar@northgate.example")) in acme.reps

    def test_in_a_rota_where_they_sit_it_is_theirs_and_the_clock_runs_by_its_hours(
        self, acme: Org, now: datetime
    ) -> None:
        with acme.scope():
            spec = make_spec(tz="Europe/Berlin", weekly=ALWAYS_WEEK, year=2026, country="")
            nights = write_calendar(
                tenant=acme.tenant, name="On call", spec=spec, actor="system", now=SUNDAY_NIGHT
            )
            Account.objects.create(
                name="Okapi Freight", domain="okapi.example", owner=acme.reps[2], created_at=now
            )
        set_pool(acme, owner_first=True, calendar_id=nights.calendar_id)
        ruth = new_lead(acme, SUNDAY_NIGHT)
        assert owner_of(acme, ruth) == acme.reps[2]
        assert timer_of(acme, ruth, "first_touch").due_at == SUNDAY_NIGHT + timedelta(minutes=5)
        with acme.scope():
            assert Decision.objects.get(handoff__lead=ruth).reason == "account_owner"


class TestLimits:
    def test_a_weeks_limit_begins_anew_on_monday(self, acme: Org, now: datetime) -> None:
        for rep in acme.reps[1:]:
            set_profile(acme, rep, on_rotation=False)
        set_profile(acme, acme.reps[0], cap_per_week=1)
        new_lead(acme, now)
        second = new_lead(acme, now + timedelta(days=1), "omar@northgate.example")
        assert handoff_of(acme, second).unrouted_reason == "all_at_cap"
        assert drain(acme, now + timedelta(days=3)) == 0
        assert drain(acme, MONDAY_9) == 1

    def test_open_opportunities_count_against_the_limit_of_deals(self, acme: Org, now: datetime) -> None:
        for rep in acme.reps[1:]:
            set_profile(acme, rep, on_rotation=False)
        set_profile(acme, acme.reps[0], cap_deals=1)
        first = new_lead(acme, now)
        with acme.scope():
            Handoff.objects.filter(lead=first).update(opportunity_at=now)
        second = new_lead(acme, now, "omar@northgate.example")
        with acme.scope():
            (line,) = [
                row
                for row in Decision.objects.get(handoff__lead=second).trace["candidates"]
                if row[0] == str(acme.reps[0].id)
            ]
        assert line[2] == "at_deal_cap"
        assert line[-1] == {"deals": 1, "cap_deals": 1}
        with acme.scope():
            Handoff.objects.filter(lead=first).update(state="closed")
        assert drain(acme, now + timedelta(minutes=1)) == 1
