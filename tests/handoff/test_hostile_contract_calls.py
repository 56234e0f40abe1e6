"""Calls about the contract of both sides that nobody means well: reasons, disputes, the sheet, commitments,
deals, the agreement, reports. None of them is an error of ours, and none reaches another organisation.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from feedback.models import Dispute, Reason
from handoff import disputes, sheets
from handoff.services import Actor, reject_lead
from leads.models import Lead, Opportunity
from reporting.commitments.models import CommitmentTarget
from tenants.clock import fixed_clock
from tests.factories import Org
from tests.handoff.conftest import handoff_of, new_lead, owner_of

pytestmark = pytest.mark.django_db

TEXTS = ["\x00", "\ud800", "a\x00b" + "x" * 5_000]
ODD: list[Any] = [[], {"a": 1}, 1.5, True, None, 10**15, -1, 10**400]
ODD_DAYS = ["0000-01-01", "9999-12-31"]
#: Of addresses and of forms.
ODD_WORDS = ["\x00", "x" * 5_000, "9" * 15, "-1", "9999-12-31"]
REPORTS = {
    "reports/funnel": (
        "period",
        "from",
        "to",
        "source",
        "campaign",
        "channel",
        "segment",
        "tier",
        "team",
        "rep",
        "by",
    ),
    "reports/rejections": ("period", "from", "to", "source", "rep", "by"),
    "reports/response-times": ("period", "from", "to", "source", "rep", "by", "clock"),
    "reports/feedback": ("period", "from", "to", "source"),
    "reports/leaks": ("period", "from", "to", "source"),
    "reports/pipeline": ("period", "from", "to", "source", "by"),
    "reports/speed": ("period", "from", "to", "source", "follow"),
    "commitments": ("month",),
    "reasons": ("kind", "active"),
    "disputes": ("state", "cursor", "limit"),
    "disputes/sheet": ("week",),
    "disputes/follow-ups": ("about",),
    "agreement/versions": ("cursor", "limit"),
}
PAGES = {
    "funnel": (
        "period",
        "from",
        "to",
        "source",
        "campaign",
        "channel",
        "segment",
        "tier",
        "team",
        "rep",
        "by",
        "show",
    ),
    "funnel/leads": (
        "period",
        "from",
        "to",
        "step",
        "stage",
        "cohort",
        "value",
        "page",
        "cursor",
        "set",
        "of",
    ),
    "rejections": ("period", "from", "to", "source", "rep", "by", "reason"),
    "journey": ("period", "from", "to", "source", "by"),
    "feedback/coverage": ("period", "from", "to", "source", "by"),
    "leaks": ("period", "from", "to", "source"),
    "leaks/leads": ("period", "from", "to", "source", "kind", "who", "value", "reason", "hour", "cursor"),
    "commitments": ("month", "side"),
    "commitments/targets/mql_volume": ("month",),
    "commitments/calculator": ("month", "pipeline", "value", "conversion"),
    "pipeline": ("period", "from", "to", "source", "by"),
    "pipeline/deals": ("period", "from", "to", "state", "value", "by", "cursor", "month"),
    "speed": ("period", "from", "to", "source", "follow"),
    "campaigns": ("period", "from", "to", "source", "q", "cursor", "page", "sort"),
    "outcomes": ("period", "from", "to", "by"),
    "survey": (),
    "disputes": ("state", "cursor", "page"),
    "disputes/sheet": ("week",),
    "disputes/follow-ups": ("about",),
    "feedback/reasons": (),
    "feedback/reasons/new": ("kind",),
    "agreement": ("tab", "version"),
}


def call(org: Org, method: str, path: str, body: Any = None, client: Client | None = None) -> tuple[int, Any]:
    client = client or Client(raise_request_exception=False)
    sent = "" if body is None else json.dumps(body)
    answer = client.generic(method, f"/api/v1/{path}", sent, "application/json", headers=org.auth)
    return answer.status_code, answer.content[:300]


@pytest.fixture
def dispute(acme: Org, now: datetime) -> Dispute:
    """Ruth was rejected, and marketing objects."""
    lead = new_lead(acme, now)
    with acme.scope():
        rep = Actor.person(owner_of(acme, lead))
        reject_lead(lead_id=lead.id, reason="wrong_title", note="", actor=rep, clock=fixed_clock(now))
        made: Dispute = disputes.open_dispute(
            lead_id=lead.id,
            argument="She signs.",
            actor=Actor.person(acme.marketing),
            clock=fixed_clock(now + timedelta(minutes=1)),
        )
        return made


@pytest.fixture
def reason(acme: Org) -> Reason:
    with acme.scope():
        found: Reason = Reason.objects.get(kind="reject", slug="wrong_title")
        return found


def bodies(odd: Any, lead: Lead, dispute: Dispute, reason: Reason) -> Iterator[tuple[str, str, Any]]:
    """Every call that writes, with `odd` in each of its places."""
    made = {"kind": "reject", "label": "No time"}
    for name in (
        "kind",
        "slug",
        "label",
        "hint",
        "side",
        "note_required",
        "earns_credit",
        "leads_to",
        "nobody",
    ):
        yield "POST", "reasons", {**made, name: odd}
        yield "PATCH", f"reasons/{reason.id}", {name: odd}
    yield "PUT", "reasons/order", {"kind": "reject", "reasons": odd}
    yield "PUT", "reasons/order", {"kind": "reject", "reasons": [odd]}
    yield "PUT", "reasons/order", {"kind": odd, "reasons": [str(reason.id)]}
    for name in ("dispute_days", "sheet_size"):
        yield "PUT", "feedback/settings", {"dispute_days": 14, "sheet_size": 7, name: odd}
    for name in ("argument", "handoff", "by"):
        yield "POST", f"leads/{lead.id}/dispute", {"argument": "Good.", name: odd}
    for name in ("outcome", "note", "same_rep", "by"):
        yield "POST", f"disputes/{dispute.id}/decide", {"outcome": "no", "note": "x", name: odd}
        yield "POST", f"disputes/items/{uuid4()}/decide", {"outcome": "upheld", "note": "x", name: odd}
    for name in ("why", "by"):
        yield "POST", f"disputes/{dispute.id}/reopen", {"why": "x", name: odd}
    yield "POST", "disputes/sheet", {"by": odd}
    for name in ("version", "by"):
        yield "POST", f"disputes/follow-ups/{uuid4()}/answer", {"version": 1, name: odd}
    for name in (
        "name",
        "amount",
        "currency",
        "close_date",
        "outcome",
        "opened_at",
        "owner",
        "external_system",
        "external_id",
        "by",
    ):
        yield "POST", f"leads/{lead.id}/opportunities", {"name": "Deal", name: odd}
    target = {"commitment": "mql_volume", "target": 5, "valid_from": "2027-01-01", "why": "x"}
    for name in (
        "commitment",
        "target",
        "weekly_floor",
        "counts_rejected",
        "valid_from",
        "why",
        "instead_of",
    ):
        yield "PUT", "commitments/targets", {"targets": [{**target, name: odd}]}
    yield "PUT", "commitments/targets", {"targets": odd}
    yield "PUT", "commitments/targets", {"targets": [odd]}
    for name in ("currency", "attribution"):
        yield "PATCH", "organisation/money", {name: odd}


def test_nothing_in_any_place_breaks_a_call(
    acme: Org, dispute: Dispute, reason: Reason, now: datetime
) -> None:
    lead = new_lead(acme, now, "otto@otter.example")
    broken = []
    for turn, odd in enumerate([*TEXTS, *ODD, *ODD_DAYS]):
        for place, (method, path, body) in enumerate(bodies(odd, lead, dispute, reason)):
            if turn and (turn + place) % 4:
                continue  # each place gets the first and every fourth of the others
            status, said = call(acme, method, path, body)
            if status >= 500 or (odd == "\x00" and status < 400):
                broken.append((method, path, json.dumps(body)[:200], said))
    assert not broken, "\n".join(map(str, broken))


def test_no_body_of_another_shape_breaks_a_call(acme: Org, dispute: Dispute, reason: Reason) -> None:
    lead = dispute.handoff.lead
    paths = {(method, path) for method, path, _ in bodies("", lead, dispute, reason)}
    broken = []
    for method, path in sorted(paths):
        for body in ([], {}, None, 5):
            status, said = call(acme, method, path, body)
            if status >= 500:
                broken.append((method, path, body, said))
    assert not broken, "\n".join(map(str, broken))


@pytest.mark.parametrize("path", list(REPORTS))
def test_no_address_breaks_a_report_for_programs(acme: Org, dispute: Dispute, path: str) -> None:
    client = Client(raise_request_exception=False)
    broken = []
    for name in (*REPORTS[path], "nobody"):
        for odd in ODD_WORDS[:3]:
            answer = client.get(f"/api/v1/{path}", {name: odd}, headers=acme.auth)
            if answer.status_code >= 500:
                broken.append((name, odd, answer.content[:200]))
    assert not broken, "\n".join(map(str, broken))


@pytest.mark.parametrize("path", list(PAGES))
def test_no_address_breaks_a_page_or_its_file(acme: Org, dispute: Dispute, path: str) -> None:
    client = Client(raise_request_exception=False)
    client.force_login(acme.admin.user)
    broken = []
    for place, name in enumerate((*PAGES[path], "nobody")):
        ending = ".csv" if place % 2 else ""
        for odd in (ODD_WORDS[0], ODD_WORDS[1 + place % 4]):
            answer = client.get(f"/{path}{ending}", {name: odd})
            if answer.status_code >= 500:
                broken.append((ending, name, odd, answer.content[:200]))
    assert not broken, "\n".join(map(str, broken))


def test_pages_say_of_a_future_period_why_there_is_nothing(acme: Org, dispute: Dispute) -> None:
    client = Client()
    client.force_login(acme.admin.user)
    future = {"from": "2090-01-01", "to": "2090-02-01"}
    for path, names in PAGES.items():
        if "from" in names and not path.endswith("/leads"):
            assert client.get(f"/{path}", future).status_code == 200, path
    assert client.get("/commitments", {"month": "2090-01"}).status_code == 200


FORMS: dict[str, dict[str, str]] = {
    "feedback/reasons/new?kind=reject": {"label": "A", "hint": "", "side": "marketing", "leads_to": ""},
    "feedback/settings": {"dispute_days": "14", "sheet_size": "7"},
    "commitments/targets/mql_volume": {
        "target": "5",
        "weekly_floor": "1",
        "valid_from": "2090-01-01",
        "why": "x",
        "instead_of": "",
    },
    "commitments/calculator": {"pipeline": "1", "value": "1", "conversion": "1"},
    "commitments/notes": {"commitment": "mql_volume", "text": "x", "month": "2026-11"},
    "organisation/money": {"currency": "EUR", "attribution": "first"},
    "leaks/settings": {"cohort_days": "60", "value": "1"},
    "survey/questions": {f"text_{place}": "Q?" for place in range(1, 6)},
    "survey": {"note": "x"},
    "agreement/sign": {"side": "sales", "seen": "x"},
    "agreement/read": {"agreement": str(uuid4())},
    "agreement/override": {
        "side": "sales",
        "kind": "criteria",
        "version": str(uuid4()),
        "revision": "1",
        "reason": "x",
    },
    "agreement/recalibrate": {"do": "keep", "revision": "", "note": ""},
    "agreement/settings": {
        "freeze_days": "30",
        "review_day": "1",
        "marketing_signers": "",
        "sales_signers": "",
    },
    "disputes/sheet/open": {},
}


@pytest.mark.parametrize("path", list(FORMS))
def test_no_form_breaks_a_page(acme: Org, dispute: Dispute, path: str) -> None:
    client = Client(raise_request_exception=False)
    client.force_login(acme.admin.user)
    broken = []
    start = FORMS[path]
    for place, name in enumerate((*start, "nobody")):
        for odd in (ODD_WORDS[0], ODD_WORDS[1 + place % 3]):
            answer = client.post(f"/{path}", {**start, name: odd})
            if answer.status_code >= 500:
                broken.append((name, odd[:40], answer.content[:200]))
    answer = client.post(f"/{path}", {name: ["1", "x"] for name in start})
    if answer.status_code >= 500:
        broken.append(("all", "lists", answer.content[:200]))
    assert not broken, "\n".join(map(str, broken))


def test_forms_of_a_dispute_and_a_deal_break_at_nothing(acme: Org, dispute: Dispute, now: datetime) -> None:
    client = Client(raise_request_exception=False)
    client.force_login(acme.admin.user)
    lead = new_lead(acme, now, "otto@otter.example")
    deal = {"name": "Deal", "amount": "5", "currency": "EUR", "close_date": "", "outcome": ""}
    forms: dict[str, dict[str, str]] = {
        f"leads/{lead.id}/dispute": {"argument": "x"},
        f"leads/{lead.id}/opportunities/new": deal,
        f"disputes/{dispute.id}": {"outcome": "no", "note": "x", "do": "", "why": ""},
    }
    broken = []
    for path, start in forms.items():
        for name in start:
            for odd in (*ODD_WORDS, "1e99", "NaN", "Infinity"):
                answer = client.post(f"/{path}", {**start, name: odd})
                if answer.status_code >= 500:
                    broken.append((path, name, odd[:40], answer.content[:200]))
    assert not broken, "\n".join(map(str, broken))


def test_nothing_of_another_organisation_is_known(
    acme: Org, globex: Org, dispute: Dispute, reason: Reason, now: datetime
) -> None:
    lead = new_lead(acme, now, "otto@otter.example")
    theirs = new_lead(globex, now, "ann@globex.example")
    with acme.scope():
        item = sheets.open_sheet(
            actor="system", now=now + timedelta(minutes=2), zone="Europe/Berlin"
        ).items.first()
        deal = Opportunity.objects.create(
            lead=lead, name="Deal", currency="EUR", opened_at=now, updated_at=now
        )
    assert item is not None
    said = {"outcome": "upheld", "note": "x"}
    for method, path, body in (
        ("GET", f"reasons/{reason.id}", None),
        ("PATCH", f"reasons/{reason.id}", {"label": "Mine"}),
        ("POST", f"reasons/{reason.id}/retire", {}),
        ("POST", f"reasons/{reason.id}/restore", {}),
        ("POST", f"leads/{lead.id}/dispute", {"argument": "Good."}),
        ("GET", f"disputes/{dispute.id}", None),
        ("POST", f"disputes/{dispute.id}/decide", said),
        ("POST", f"disputes/{dispute.id}/reopen", {"why": "x", "by": str(globex.admin.id)}),
        ("POST", f"disputes/items/{item.id}/decide", said),
        ("GET", f"leads/{lead.id}/opportunities", None),
        ("POST", f"leads/{lead.id}/opportunities", {"name": "Mine"}),
        ("PATCH", f"leads/{lead.id}/opportunities/{deal.id}", {"name": "Mine"}),
        ("PATCH", f"leads/{theirs.id}/opportunities/{deal.id}", {"name": "Mine"}),
        ("GET", f"agreement/versions/{uuid4()}", None),
    ):
        status, answer = call(globex, method, path, body)
        assert status == 404, (method, path, answer)
    with globex.scope():
        one = str(Reason.objects.get(kind="reject", slug="wrong_title").id)
    assert call(acme, "PUT", "reasons/order", {"kind": "reject", "reasons": [one]})[0] == 400
    for path, body in (
        (f"disputes/{dispute.id}/decide", {**said, "by": str(globex.manager.id)}),
        (f"leads/{lead.id}/opportunities", {"owner": str(globex.reps[0].id)}),
        (f"leads/{lead.id}/dispute", {"argument": "x", "handoff": str(handoff_of(globex, theirs).id)}),
    ):
        status, answer = call(acme, "POST", path, body)
        assert status == 400, (path, answer)
    client = Client()
    client.force_login(globex.admin.user)
    for path in (f"disputes/{dispute.id}", f"disputes/items/{item.id}", f"feedback/reasons/{reason.id}"):
        assert client.get(f"/{path}").status_code == 404, path
    assert client.get(f"/reps/{acme.reps[0].id}/scorecard").status_code == 404
    with acme.scope():
        assert Dispute.objects.get(id=dispute.id).state == "open"
        assert Opportunity.objects.get(id=deal.id).name == "Deal"


FOR_WHOM: dict[str, tuple[str, ...]] = {
    "feedback/settings": ("admin",),
    "feedback/reasons/new?kind=reject": ("admin",),
    "commitments/targets/mql_volume": ("admin", "marketing"),
    "commitments/notes": ("admin", "marketing", "manager"),
    "organisation/money": ("admin",),
    "leaks/settings": ("admin",),
    "survey/questions": ("admin",),
    "agreement/settings": ("admin",),
    "agreement/recalibrate": ("admin", "marketing", "manager", "executive"),
}


@pytest.mark.parametrize("path", list(FOR_WHOM))
def test_a_form_is_for_those_it_is_for(acme: Org, path: str) -> None:
    people = {
        "admin": acme.admin,
        "marketing": acme.marketing,
        "manager": acme.manager,
        "executive": acme.executive,
        "rep": acme.reps[0],
    }
    client = Client()
    for role, member in people.items():
        client.force_login(member.user)
        refused = client.post(f"/{path}", {}).status_code == 403
        assert refused == (role not in FOR_WHOM[path]), (role, path)


def test_targets_are_set_all_or_none(acme: Org) -> None:
    good = {
        "commitment": "acceptance",
        "target": 80,
        "valid_from": f"{datetime.now(UTC):%Y-%m}-01",
        "why": "x",
    }
    sent = {"targets": [good, {**good, "target": 101}]}
    assert call(acme, "PUT", "commitments/targets", sent)[0] == 400
    with acme.scope():
        assert not CommitmentTarget.objects.exists()
