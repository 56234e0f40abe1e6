"""What the simulation says of a lead is what the intake then does."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from leads.models import Account, Engagement, Handoff, Lead
from notifications.models import OutboxMessage
from routing.models import Decision, Pool, PoolSeat, RepLoad
from sla.models import Timer
from tenants.models import VersionedModel, VersionState
from tests.factories import Org, engaged, make_org
from tests.handoff.test_nurture import policy as nurture_policy

pytestmark = pytest.mark.django_db

DEMO = [{"kind": "demo_request"}]
CUSTOMER = {"field": "account.is_customer", "op": "equals", "value": True}
CUSTOMERS_FIRST: dict[str, Any] = {
    "pools": [
        {"name": "Customers", "when": CUSTOMER, "pool": "customers"},
        {"name": "Everyone", "when": None, "pool": "inbound"},
    ],
    "priorities": [
        {"name": "Customers", "when": CUSTOMER, "priority": 3},
        {"name": "Everyone else", "when": None, "priority": 0},
    ],
    "horizon_minutes": 30,
}

LEADS: dict[str, dict[str, Any]] = {
    "a stranger": {"email": "ann@stranger.example", "engagements": DEMO},
    "free mail": {"email": "ann@gmail.com", "engagements": [{"kind": "contact_form"}]},
    "free mail of a named company": {
        "email": "bob@gmail.com",
        "company": {"name": "Nameonly"},
        "engagements": DEMO,
    },
    "a domain spelt at length": {
        "email": "cleo@sub.customer.co.uk",
        "company": {"domain": "https://www.customer.co.uk/contact"},
        "engagements": DEMO,
    },
    "a customer by e-mail alone": {"email": "dan@mail.customer.co.uk", "engagements": DEMO},
    "what the account knows decides": {
        "email": "eve@customer.co.uk",
        "engagements": [{"kind": "pricing_page"}],
    },
    "a competitor is excluded": {"email": "fred@rival.example", "engagements": DEMO},
    "capital letters": {"email": "Gil@Stranger.Example ", "engagements": [{"kind": "content_download"}]},
    "nothing done": {"email": "hal@stranger.example"},
    "long ago": {
        "email": "ida@stranger.example",
        "engagements": [{"kind": "demo_request", "at": "2025-01-01T10:00:00Z"}],
    },
    "no address": {"external_system": "crm", "external_id": "7", "engagements": DEMO},
    "chosen elsewhere": {"email": "jo@stranger.example", "owner": "rep3@acme.example", "engagements": DEMO},
    "known, with what was done before": {"email": "known@stranger.example", "score": 90},
    "known, handed over": {"email": "open@stranger.example", "engagements": DEMO},
}


def replace_version(version: VersionedModel, content: dict[str, Any]) -> None:
    """Publish other content in the place of a version."""
    version.state = VersionState.RETIRED
    version.save()
    type(version).objects.create(
        content=content,
        number=version.number + 1,
        state=VersionState.PUBLISHED,
        created_at=version.created_at,
        created_by="system",
        published_at=version.created_at,
        published_by="system",
    )


@pytest.fixture
def varied(acme: Org, post: Any) -> Org:
    """Acme with accounts of its own, criteria, rules and tiers that ask about them, and two known people."""
    with acme.scope():
        known = {"tenant": acme.tenant, "created_at": acme.criteria.created_at}
        Account.objects.create(
            name="Customer", domain="customer.co.uk", is_customer=True, employees=900, **known
        )
        Account.objects.create(name="Rival", domain="rival.example", is_competitor=True, **known)
        Account.objects.create(name="Nameonly", is_customer=True, **known)
        pool = Pool.objects.create(tenant=acme.tenant, slug="customers", name="Customers")
        PoolSeat.objects.create(tenant=acme.tenant, pool=pool, member=acme.reps[1])
        criteria = dict(acme.criteria.content)
        scored = {"field": "lead.score", "op": "at_least", "value": 80}
        criteria["rule"] = {"any": [*criteria["rule"]["any"], scored]}
        competitor = {"field": "account.is_competitor", "op": "equals", "value": True}
        criteria["exclude"] = [{"name": "Competitors", "when": competitor}]
        replace_version(acme.criteria, criteria)
        replace_version(acme.rule_set, CUSTOMERS_FIRST)
        policy = dict(acme.policy.content)
        no_customer = {"all": [engaged("demo_request"), {"not": CUSTOMER}]}
        policy["tiers"] = [{**policy["tiers"][0], "when": no_customer}, *policy["tiers"][1:]]
        replace_version(acme.policy, policy)
    assert post(acme, "leads", {"email": "known@stranger.example"}).json()["stage"] != "mql"
    assert post(acme, "leads", {"email": "open@stranger.example", "engagements": DEMO}).json()["owner"]
    return acme


def told(answer: Any) -> tuple[Any, ...]:
    """Verdict, needs, tier and owner, of a simulation as of a lead."""
    body = answer.json()
    owner = body["owner"] and body["owner"]["id"]
    return body["qualification"], body["needs"], body["tier"] or None, owner


@pytest.mark.parametrize("which", LEADS)
def test_a_posted_lead_ends_as_the_simulation_said(varied: Org, post: Any, which: str) -> None:
    said = post(varied, "routing/simulate", {"lead": LEADS[which]})
    done = post(varied, "leads", LEADS[which])

    assert (said.status_code, done.status_code // 100) == (200, 2)
    assert told(said) == told(done)


def test_the_leads_above_differ_in_what_becomes_of_them(varied: Org, post: Any) -> None:
    ends = {which: post(varied, "routing/simulate", {"lead": lead}).json() for which, lead in LEADS.items()}

    assert ends["a stranger"]["tier"] == "demo_request"
    assert ends["a domain spelt at length"]["tier"] == "content"
    assert ends["a domain spelt at length"]["priority"] == 3
    assert ends["free mail of a named company"]["priority"] == 3
    assert ends["a competitor is excluded"]["outcome"] == "not_handed_over"
    assert ends["no address"]["needs"] == ["email"]
    assert ends["chosen elsewhere"]["owner"]["email"] == "rep3@acme.example"
    assert ends["known, with what was done before"]["qualified"] is True
    assert (ends["known, handed over"]["outcome"], ends["known, handed over"]["trace"]) == ("stays", {})


def test_a_simulation_leaves_nothing_behind(varied: Org, post: Any) -> None:
    def everything() -> list[Any]:
        tables = (Account, Lead, Engagement, Handoff, Timer, Decision, OutboxMessage)
        with varied.scope():
            counts = [table.objects.count() for table in tables]
            loads = RepLoad.objects.order_by("id").values_list("open_leads", "leads_today")
            return [
                counts,
                list(Pool.objects.order_by("slug").values_list("slug", "counters")),
                list(loads),
                Account.objects.get(name="Rival").employees,
            ]

    before = everything()
    changed = {"email": "x@rival.example", "company": {"employees": 5}, "engagements": DEMO}
    for lead in (*LEADS.values(), changed):
        assert post(varied, "routing/simulate", {"lead": lead}).status_code == 200
    assert everything() == before


def test_without_a_policy_it_is_routed_on_no_clock_as_the_intake_does(acme: Org, post: Any) -> None:
    with acme.scope():
        acme.policy.state = VersionState.RETIRED
        acme.policy.save()
    lead = {"email": "ann@stranger.example", "engagements": DEMO}
    said = post(acme, "routing/simulate", {"lead": lead})
    assert said.status_code == 200
    assert (said.json()["tier"], said.json()["outcome"]) == (None, "assigned")
    assert told(said) == told(post(acme, "leads", lead))


@pytest.mark.parametrize(
    ("lead", "path"),
    [
        ({"first_name": "Ann"}, "/lead/email"),
        ({"email": "a@b.example", "owner": "no@b.example"}, "/lead/owner"),
    ],
)
def test_what_the_intake_refuses_is_refused_with_its_place_in_the_body(
    acme: Org, post: Any, lead: dict[str, Any], path: str
) -> None:
    refused = post(acme, "routing/simulate", {"lead": lead})
    assert refused.status_code == 400
    assert [error["path"] for error in refused.json()["errors"]] == [path]


def test_a_lead_that_a_sequence_answers_is_said_to_go_to_nobody_and_to_a_person_once_it_asks(
    post: Any, now: datetime
) -> None:
    org = make_org("patient", now=now, hours="always", policy=nurture_policy())
    lead = {"email": "ann@stranger.example", "engagements": [{"kind": "contact_form"}]}
    said = post(org, "routing/simulate", {"lead": lead}).json()
    assert (said["outcome"], said["reason"], said["owner"]) == ("unrouted", "nurture", None)
    assert said["tier"] == "contact_form"
    post(org, "leads", lead)
    assert post(org, "routing/simulate", {"lead": lead}).json()["outcome"] == "stays"
    said = post(org, "routing/simulate", {"lead": {**lead, "engagements": DEMO}}).json()
    assert (said["outcome"], said["tier"]) == ("assigned", "demo_request")
    assert said["owner"] is not None
