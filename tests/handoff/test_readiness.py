"""What an SLA tier asks for before a handoff, what counts as missing, and the hold for enrichment."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from core.errors import ValidationFailed
from handoff import data_waits
from handoff.data_waits import look_again, tenants_with_due_data
from handoff.intake import receive_lead
from handoff.trial import try_lead
from leads.account_edit import change_account
from leads.account_merge import merge_accounts
from leads.corrections import correct_lead, said_of
from leads.criteria import check_content, check_publishable
from leads.criteria_drafts import publish_criteria
from leads.criteria_words import changes
from leads.incoming import CompanyIn, EngagementIn, LeadIn
from leads.models import Account, CriteriaVersion, DataWait, Handoff, Lead, StageChange
from tenants.clock import fixed_clock
from tenants.versions import published_version
from tests.factories import MQL_RULE, Org
from tests.threads import in_threads

pytestmark = pytest.mark.django_db
DEMO, CONTENT = "demo_request", "content_download"


def criteria(**parts: Any) -> dict[str, Any]:
    return {"rule": MQL_RULE, "fit": None, "exclude": [], "required": ["email"], **parts}


def put_in_force(org: Org, now: datetime, **parts: Any) -> None:
    with org.scope():
        current = published_version(CriteriaVersion)
        number = current.number if current else 0
        publish_criteria(criteria(**parts), based_on=number, actor="member:test", now=now)


def came(org: Org, now: datetime, kind: str = DEMO, email: str = "ruth@okapi.example", **said: Any) -> Lead:
    company = said.pop("company", CompanyIn(name="Okapi Freight", domain="okapi.example"))
    with org.scope():
        item = LeadIn(email=email, company=company, engagements=(EngagementIn(kind, "", now),), **said)
        lead = receive_lead(item=item, actor="key:test", clock=fixed_clock(now)).lead
        return Lead.objects.get(id=lead.id)


def stored(org: Org, lead: Lead) -> Lead:
    with org.scope():
        return Lead.objects.get(id=lead.id)


def handoffs(org: Org, lead: Lead) -> list[Handoff]:
    with org.scope():
        return list(Handoff.objects.filter(lead=lead).order_by("number"))


def wait_of(org: Org, lead: Lead) -> DataWait:
    with org.scope():
        return DataWait.objects.get(lead=lead, kind="enrichment")


# --- By tier ---


def test_only_leads_of_the_tier_wait_for_what_it_asks(acme: Org, now: datetime) -> None:
    put_in_force(acme, now, required_by_tier={"demo_request": ["phone"]})
    demo, ebook = came(acme, now), came(acme, now, CONTENT, "anna@okapi.example")
    assert (demo.stage, demo.needs) == ("lead", ["phone"])
    assert handoffs(acme, demo) == []
    assert (ebook.stage, ebook.needs) == ("mql", [])
    with acme.scope():
        steps = StageChange.objects.filter(lead=demo).order_by("at", "id")
        assert [step.new for step in steps] == ["lead"]  # nothing says it was an MQL


def test_a_lead_that_lacks_two_kinds_of_data_is_told_all_of_it_at_once(acme: Org, now: datetime) -> None:
    put_in_force(acme, now, required=["title"], required_by_tier={"demo_request": ["phone"]})
    assert came(acme, now).needs == ["title", "phone"]


def test_what_lacked_arrives_and_the_lead_is_handed_over_at_once(acme: Org, now: datetime) -> None:
    put_in_force(acme, now, required_by_tier={"demo_request": ["phone"]})
    lead = came(acme, now)
    later = now + timedelta(hours=1)
    again = came(acme, later, "page_view", phone="+49 30 901820")
    assert (again.id, again.stage, again.needs) == (lead.id, "mql", [])
    (handoff,) = handoffs(acme, lead)
    assert (handoff.tier, handoff.started_at) == ("demo_request", later)


def test_a_number_that_cannot_be_called_counts_as_missing_where_that_is_chosen(
    acme: Org, globex: Org, now: datetime
) -> None:
    for org, parts in ((acme, {"valid": ["invalid_phone"]}), (globex, {})):
        put_in_force(org, now, required=["phone"], **parts)
    wrong = "+49 1"
    assert came(acme, now, phone=wrong).needs == ["phone"]
    assert came(globex, now, phone=wrong).needs == []
    assert came(acme, now, phone="+49 30 901820").needs == []


def test_an_account_that_is_filled_in_sends_the_leads_that_waited_for_it(acme: Org, now: datetime) -> None:
    put_in_force(acme, now, required_by_tier={"demo_request": ["account.employees"]})
    lead = came(acme, now)
    later = now + timedelta(minutes=3)
    with acme.scope():
        assert lead.account_id is not None
        change_account(account_id=lead.account_id, changes={"employees": 80}, actor="member:test", now=later)
    assert stored(acme, lead).needs == ["account.employees"]
    assert acme.id in tenants_with_due_data(later)
    assert look_again(acme.id, clock=fixed_clock(later)) == 1
    assert stored(acme, lead).stage == "mql"
    assert look_again(acme.id, clock=fixed_clock(later)) == 0


def test_a_trial_says_what_the_tier_lacks(acme: Org, now: datetime) -> None:
    put_in_force(acme, now, required_by_tier={"demo_request": ["phone"]})
    item = LeadIn(email="x@okapi.example", engagements=(EngagementIn(DEMO, "", now),))
    with acme.scope():
        found = try_lead(item=item, actor="key:test", clock=fixed_clock(now))
    assert found.result.handoff is None
    assert found.result.lead.needs == ["phone"]


# --- What is refused ---


@pytest.mark.parametrize(
    ("parts", "path"),
    [
        ({"required_by_tier": []}, "/required_by_tier"),
        ({"required_by_tier": {"demo": ["shoe size"]}}, "/required_by_tier/demo/0"),
        ({"required_by_tier": {"x" * 61: []}}, "/required_by_tier/" + "x" * 61),
        ({"valid": ["invalid_shoe"]}, "/valid/0"),
        ({"hold": {"fields": ["phone"]}}, "/hold"),
        ({"hold": {"fields": [], "minutes": 5}}, "/hold/fields"),
        ({"hold": {"fields": ["phone"], "minutes": 1441}}, "/hold/minutes"),
        ({"hold": {"fields": ["phone"], "minutes": True}}, "/hold/minutes"),
        ({"hold": {"fields": ["shoe"], "minutes": 0}}, "/hold/fields/0"),
    ],
)
def test_requirements_that_make_no_sense_are_refused_at_their_place(parts: dict[str, Any], path: str) -> None:
    assert check_content(criteria(**parts))[0].path == path


def test_a_tier_that_no_policy_has_cannot_be_published(acme: Org) -> None:
    with acme.scope():
        check_publishable(criteria(required_by_tier={"demo_request": ["phone"]}))
        with pytest.raises(ValidationFailed) as refused:
            check_publishable(criteria(required_by_tier={"demo": ["phone"]}))
    assert refused.value.field_errors[0].path == "/required_by_tier/demo"
    assert "There are: demo_request" in refused.value.message


def test_the_difference_is_said_in_words() -> None:
    hold = {"fields": ["phone", "account.employees"], "minutes": 30}
    after = criteria(required_by_tier={"demo": ["phone"]}, valid=["invalid_phone"], hold=hold)
    assert changes(criteria(), after) == [
        "Must be known for tier demo: also Phone.",
        "Counts as missing unless: also the phone number exists in its country.",
        "Hold for enrichment: at most 30 minutes while Phone or Employees is missing.",
    ]
    assert changes(criteria(), criteria(required_by_tier={}, valid=[], hold=None)) == []


# --- The hold ---

HOLD = {"fields": ["phone", "account.employees"], "minutes": 30}
FULL = CompanyIn(name="Okapi Freight", domain="okapi.example", employees=120)


def test_a_lead_is_held_until_what_is_missing_comes_and_its_clocks_start_then(
    acme: Org, now: datetime
) -> None:
    put_in_force(acme, now, hold=HOLD)
    lead = came(acme, now)
    assert (lead.stage, lead.needs, handoffs(acme, lead)) == ("lead", [], [])
    assert wait_of(acme, lead).fields == ["phone", "account.employees"]
    came(acme, now + timedelta(minutes=5), "page_view", phone="+49 30 901820")
    assert handoffs(acme, lead) == []  # one of two is not all
    later = now + timedelta(minutes=10)
    came(acme, later, "page_view", company=FULL)
    (handoff,) = handoffs(acme, lead)
    assert handoff.started_at == later
    assert (wait_of(acme, lead).outcome, wait_of(acme, lead).ended_at) == ("complete", later)
    answer = Client().get(f"/api/v1/leads/{lead.id}/timeline", headers=acme.auth).json()
    told = {item["kind"]: item["text"] for item in answer["results"]}
    assert told["hold"].startswith("Phone and Employees missing, until ")
    assert told["hold_end"] == "after 10 min: everything arrived"


def test_a_lead_that_lacks_nothing_is_not_held(acme: Org, now: datetime) -> None:
    put_in_force(acme, now, hold=HOLD)
    assert came(acme, now, phone="+49 30 901820", company=FULL).stage == "mql"


def test_at_the_limit_it_is_handed_over_as_it_is_once(acme: Org, now: datetime) -> None:
    put_in_force(acme, now, hold=HOLD)
    lead = came(acme, now)
    early, over = now + timedelta(minutes=29), now + timedelta(minutes=30)
    assert look_again(acme.id, clock=fixed_clock(early)) == 0
    assert look_again(acme.id, clock=fixed_clock(over)) == 1
    assert look_again(acme.id, clock=fixed_clock(over)) == 0
    (handoff,) = handoffs(acme, lead)
    assert handoff.started_at == over
    assert wait_of(acme, lead).outcome == "expired"


def test_at_the_limit_what_is_required_still_is(acme: Org, now: datetime) -> None:
    put_in_force(acme, now, hold=HOLD, required=["phone"])
    lead = came(acme, now)
    assert lead.needs == ["phone"]
    over = now + timedelta(minutes=30)
    assert look_again(acme.id, clock=fixed_clock(over)) == 0
    assert handoffs(acme, lead) == []
    assert wait_of(acme, lead).outcome == "needs_data"
    came(acme, over, "page_view", phone="+49 30 901820")  # and it is held no second time
    assert len(handoffs(acme, lead)) == 1


def test_another_arrival_after_the_limit_does_not_wait_for_the_engine(acme: Org, now: datetime) -> None:
    put_in_force(acme, now, hold=HOLD)
    lead = came(acme, now)
    came(acme, now + timedelta(minutes=31), "page_view")
    assert len(handoffs(acme, lead)) == 1
    assert look_again(acme.id, clock=fixed_clock(now + timedelta(minutes=32))) == 0


def test_holds_of_one_organisation_are_nothing_to_another(acme: Org, globex: Org, now: datetime) -> None:
    put_in_force(acme, now, hold=HOLD)
    came(acme, now)
    over = now + timedelta(minutes=30)
    assert look_again(globex.id, clock=fixed_clock(over)) == 0
    assert tenants_with_due_data(over) == [acme.id]
    assert came(globex, now).stage == "mql"


def test_one_lead_that_raises_is_put_off_and_the_others_go_on(
    acme: Org, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_in_force(acme, now, hold=HOLD)
    bad, good = came(acme, now), came(acme, now, email="anna@okapi.example")
    real: Callable[..., Any] = data_waits.correct_lead

    def broken(lead: Lead, *rest: Any, **more: Any) -> Any:
        if lead.id == bad.id:
            raise RuntimeError
        return real(lead, *rest, **more)

    monkeypatch.setattr(data_waits, "correct_lead", broken)
    over = now + timedelta(minutes=30)
    assert look_again(acme.id, clock=fixed_clock(over)) == 1
    assert len(handoffs(acme, good)) == 1
    assert wait_of(acme, bad).due_at == over + data_waits.POSTPONED
    monkeypatch.undo()
    assert look_again(acme.id, clock=fixed_clock(over + data_waits.POSTPONED)) == 1


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_four_engines_at_once_hand_each_lead_over_once(acme: Org, now: datetime) -> None:
    put_in_force(acme, now, hold=HOLD)
    leads = [came(acme, now, email=f"lead{index}@okapi.example") for index in range(12)]
    over = now + timedelta(minutes=30)
    counts: list[int] = []

    def engine() -> None:
        counts.append(look_again(acme.id, clock=fixed_clock(over)))

    in_threads(engine, engine, engine, engine)
    assert sum(counts) == 12
    assert [len(handoffs(acme, lead)) for lead in leads] == [1] * 12
    with acme.scope():
        assert set(DataWait.objects.values_list("outcome", flat=True)) == {"expired"}


def test_a_worker_that_dies_in_the_middle_has_done_nothing(
    acme: Org, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_in_force(acme, now, hold=HOLD)
    lead = came(acme, now)
    over = now + timedelta(minutes=30)

    class Killed(BaseException):
        pass

    def killed(*_: Any, **__: Any) -> Any:
        raise Killed

    monkeypatch.setattr(data_waits, "_outcome", killed)
    monkeypatch.setattr(data_waits.DataWait, "refresh_from_db", killed)
    with pytest.raises(Killed):
        look_again(acme.id, clock=fixed_clock(over))
    monkeypatch.undo()
    assert handoffs(acme, lead) == []
    assert look_again(acme.id, clock=fixed_clock(over)) == 1
    assert len(handoffs(acme, lead)) == 1


# --- What an account says later ---

NEEDS_SIZE = {"required_by_tier": {"demo_request": ["account.employees"]}}


def test_a_change_that_comes_while_an_engine_looks_is_looked_at_too(
    acme: Org, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_in_force(acme, now, **NEEDS_SIZE)
    lead = came(acme, now)
    change: dict[str, Any] = {"account_id": lead.account_id, "actor": "member:test", "now": now}
    with acme.scope():
        change_account(changes={"industry": "Freight"}, **change)
    real: Callable[..., Any] = data_waits._judge_again

    def and_then(*said: Any, **more: Any) -> Any:
        answer = real(*said, **more)
        change_account(changes={"employees": 80}, **change)
        return answer

    monkeypatch.setattr(data_waits, "_judge_again", and_then)
    assert look_again(acme.id, clock=fixed_clock(now)) == 0
    monkeypatch.undo()
    assert look_again(acme.id, clock=fixed_clock(now)) == 1
    assert stored(acme, lead).stage == "mql"


def test_a_merge_that_fills_the_account_in_sends_the_leads_that_waited(acme: Org, now: datetime) -> None:
    put_in_force(acme, now, **NEEDS_SIZE)
    lead = came(acme, now)
    with acme.scope():
        other = Account.objects.create(
            name="Okapi", domain="okapi-group.example", employees=80, created_at=now
        )
        assert lead.account_id is not None
        merge_accounts(winner_id=lead.account_id, loser_id=other.id, actor="member:test", now=now)
    assert look_again(acme.id, clock=fixed_clock(now)) == 1
    assert len(handoffs(acme, lead)) == 1


def test_a_colleague_who_says_what_was_missing_of_the_company_sends_the_leads_that_waited(
    acme: Org, now: datetime
) -> None:
    put_in_force(acme, now, **NEEDS_SIZE)
    lead = came(acme, now)
    said = CompanyIn(domain="okapi.example", employees=500)
    came(acme, now, kind=CONTENT, email="tim@okapi.example", company=said)
    assert look_again(acme.id, clock=fixed_clock(now)) == 1
    assert stored(acme, lead).stage == "mql"
    came(acme, now, kind=CONTENT, email="tim@okapi.example", company=said)
    with acme.scope():
        assert not DataWait.objects.exists()  # what he says is known by now


def test_whoever_says_it_of_his_own_company_is_not_looked_at_twice(acme: Org, now: datetime) -> None:
    put_in_force(acme, now, **NEEDS_SIZE)
    lead = came(acme, now)
    came(acme, now, company=CompanyIn(domain="okapi.example", employees=500))
    assert len(handoffs(acme, lead)) == 1
    with acme.scope():
        assert not DataWait.objects.exists()


def test_a_correction_of_a_colleague_ends_the_hold_of_those_who_waited_for_the_same(
    acme: Org, now: datetime
) -> None:
    put_in_force(acme, now, hold={"fields": ["account.employees"], "minutes": 30})
    lead, colleague = came(acme, now), came(acme, now, kind=CONTENT, email="tim@okapi.example")
    with acme.scope():
        correct_lead(colleague, said_of({"company.employees": 500}), now=now, clock=fixed_clock(now))
    assert look_again(acme.id, clock=fixed_clock(now)) == 1
    assert len(handoffs(acme, lead)) == 1
