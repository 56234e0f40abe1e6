"""What hands a lead over: our criteria, another stage, a score, a form; and who chooses its owner."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from handoff.intake import receive_lead
from handoff.moves import drain_unrouted
from handoff.services import Actor, reject_lead
from leads.incoming import EngagementIn, LeadIn
from leads.models import Assignment, CriteriaVersion, Handoff, Lead, StageChange
from routing.models import Decision, RepLoad, RoutingSettings
from sla.models import Timer
from tenants.clock import fixed_clock
from tenants.models import AuditEntry, VersionState
from tests.factories import Org, engaged
from tests.handoff.conftest import browser, handoff_of, new_lead, owner_of, someone_else

pytestmark = pytest.mark.django_db


def patch(org: Org, path: str, data: dict[str, Any]) -> Any:
    return Client().patch(f"/api/v1/{path}", data, content_type="application/json", headers=org.auth)


def choose(org: Org, **said: Any) -> None:
    answer = patch(org, "handover", said)
    assert answer.status_code == 200, answer.json()


def arrive(org: Org, at: datetime, email: str = "ivy@heron.example", **said: Any) -> Lead:
    """A lead that by our criteria would not qualify: it read a page."""
    said.setdefault("engagements", (EngagementIn("page_view", "", at),))
    with org.scope():
        result = receive_lead(item=LeadIn(email=email, **said), actor="key:crm", clock=fixed_clock(at))
        return Lead.objects.get(id=result.lead.id)


def refuse(org: Org, lead: Lead, at: datetime) -> None:
    with org.scope():
        reject_lead(
            lead_id=lead.id,
            reason="wrong_title",
            actor=Actor("key:test", None, oversees=True),
            clock=fixed_clock(at),
        )


def handoffs(org: Org, lead: Lead) -> int:
    with org.scope():
        return Handoff.objects.filter(lead=lead).count()


def test_by_default_our_criteria_alone_hand_over(acme: Org, now: datetime) -> None:
    found = Client().get("/api/v1/handover", headers=acme.auth).json()
    assert (found["triggers"], found["routes"]) == (["criteria"], True)
    lead = arrive(acme, now, external_system="hubspot", external_id="1", stage="MQL", score=100)
    assert (lead.stage, lead.outside_stage) == ("lead", "MQL")
    assert "trigger" not in lead.verdict


def test_the_stage_of_another_system_hands_over_and_says_so(acme: Org, now: datetime) -> None:
    choose(acme, triggers=["outside_stage"], outside_stages=["Marketing Qualified Lead"])
    who = {"external_system": "hubspot", "external_id": "1"}
    waits = arrive(acme, now, **who, stage="subscriber")
    assert waits.stage == "lead"
    assert waits.verdict["trigger"]["met"] is False
    lead = arrive(acme, now + timedelta(minutes=1), **who, stage="marketingqualifiedlead")
    assert lead.stage == "mql"
    assert lead.verdict["trigger"] == {
        "met": True,
        "by": "outside_stage",
        "text": "HubSpot said marketingqualifiedlead",
    }
    page = browser(owner_of(acme, lead)).get(f"/leads/{lead.id}").content.decode()
    assert "Handed over because: <b>HubSpot said marketingqualifiedlead</b>" in page
    with acme.scope():
        step = StageChange.objects.get(lead=lead, new="mql")
        assert step.why == "HubSpot said marketingqualifiedlead"
    told = Client().get(f"/api/v1/leads/{lead.id}", headers=acme.auth).json()
    assert told["qualification"]["trigger"]["by"] == "outside_stage"
    assert told["outside_stage"] == "marketingqualifiedlead"


def test_a_stage_of_one_system_alone_is_not_that_of_another(acme: Org, now: datetime) -> None:
    choose(acme, triggers=["outside_stage"], outside_stages=["hubspot: MQL"])
    other = arrive(acme, now, external_system="salesforce", external_id="9", stage="MQL")
    same = arrive(acme, now, "joe@ibis.example", external_system="HubSpot", external_id="9", stage="mql")
    assert (other.stage, same.stage) == ("lead", "mql")


def test_what_stood_before_does_not_open_the_next_handoff(acme: Org, now: datetime) -> None:
    choose(acme, triggers=["outside_stage"], outside_stages=["MQL"])
    lead = arrive(acme, now, stage="MQL")
    refuse(acme, lead, now + timedelta(minutes=1))
    arrive(acme, now + timedelta(minutes=2), stage="MQL")
    assert handoffs(acme, lead) == 1
    arrive(acme, now + timedelta(minutes=3), stage="Nurture")
    back = arrive(acme, now + timedelta(minutes=4), stage="MQL")
    assert (back.stage, handoffs(acme, lead)) == ("mql", 2)


def test_a_system_that_repeats_its_stage_says_nothing_new_whatever_another_says(
    acme: Org, now: datetime
) -> None:
    choose(acme, triggers=["outside_stage"], outside_stages=["MQL"])
    hubspot = {"external_system": "hubspot", "external_id": "1"}
    salesforce = {"external_system": "salesforce", "external_id": "2"}
    lead = arrive(acme, now, **hubspot, stage="MQL")
    refuse(acme, lead, now + timedelta(minutes=1))
    for minute in (2, 4):
        arrive(acme, now + timedelta(minutes=minute), **salesforce, stage="Open")
        back = arrive(acme, now + timedelta(minutes=minute + 1), **hubspot, stage="mql")
        assert (back.stage, handoffs(acme, lead)) == ("rejected", 1)
    back = arrive(acme, now + timedelta(minutes=6), **salesforce, stage="MQL")
    assert (back.stage, back.verdict["trigger"]["text"]) == ("mql", "Salesforce said MQL")


def test_who_raises_a_hand_again_after_a_refusal_is_handed_over_by_the_score_of_signals(
    acme: Org, now: datetime
) -> None:
    demo = {"name": "Demo", "when": engaged("demo_request"), "points": 80, "half_life_days": None}
    with acme.scope():
        score = {"from": "signals", "signals": [demo]}
        CriteriaVersion.objects.update(content={**acme.criteria.content, "score": score}, number=51)
    choose(acme, triggers=["score"], score_from=70)
    lead = arrive(acme, now, engagements=(EngagementIn("demo_request", "", now),))
    assert lead.stage == "mql"
    refuse(acme, lead, now + timedelta(minutes=1))
    late = now + timedelta(days=60)
    assert arrive(acme, late).stage == "rejected"
    back = arrive(acme, late, engagements=(EngagementIn("demo_request", "", late),))
    assert (back.stage, handoffs(acme, lead)) == ("mql", 2)
    refuse(acme, lead, late + timedelta(minutes=1))
    # The same demo request, sent once more, is none.
    assert arrive(acme, late + timedelta(minutes=2)).stage == "rejected"


def test_a_score_hands_over_when_it_reaches_the_number(acme: Org, now: datetime) -> None:
    choose(acme, triggers=["score"], score_from=70)
    lead = arrive(acme, now, score=69)
    assert lead.stage == "lead"
    lead = arrive(acme, now + timedelta(minutes=1), score=82)
    assert lead.verdict["trigger"]["text"] == "Its score is 82, and 70 is enough"
    assert lead.stage == "mql"
    refuse(acme, lead, now + timedelta(minutes=2))
    again = arrive(acme, now + timedelta(minutes=3), score=85)
    assert again.stage == "rejected"
    arrive(acme, now + timedelta(minutes=4), score=10)
    assert arrive(acme, now + timedelta(minutes=5), score=90).stage == "mql"


def test_a_score_that_rises_anew_counts_though_the_stage_still_stands(acme: Org, now: datetime) -> None:
    choose(acme, triggers=["outside_stage", "score"], outside_stages=["MQL"], score_from=70)
    lead = arrive(acme, now, stage="MQL", score=10)
    refuse(acme, lead, now + timedelta(minutes=1))
    arrive(acme, now + timedelta(minutes=2), stage="MQL", score=20)
    assert handoffs(acme, lead) == 1
    back = arrive(acme, now + timedelta(minutes=3), stage="MQL", score=80)
    assert (back.stage, back.verdict["trigger"]["by"]) == ("mql", "score")


def test_a_form_hands_over_and_our_criteria_may_too(acme: Org, now: datetime) -> None:
    choose(acme, triggers=["criteria", "form"], form_kinds=["webinar"])
    form = arrive(acme, now, engagements=(EngagementIn("webinar", "", now),))
    assert form.verdict["trigger"]["text"] == "It sent a form: Webinar"
    ours = arrive(acme, now, "kim@ibis.example", engagements=(EngagementIn("demo_request", "", now),))
    assert (form.stage, ours.stage) == ("mql", "mql")
    assert ours.verdict["trigger"]["by"] == "criteria"


def test_a_lead_that_lacks_what_a_handoff_asks_for_waits_and_then_goes(acme: Org, now: datetime) -> None:
    with acme.scope():
        CriteriaVersion.objects.update(content={**acme.criteria.content, "required": ["phone"]}, number=7)
    choose(acme, triggers=["outside_stage"], outside_stages=["MQL"])
    lead = arrive(acme, now, stage="MQL")
    assert (lead.stage, lead.needs) == ("lead", ["phone"])
    lead = arrive(acme, now + timedelta(minutes=1), phone="+49 30 1234567")
    assert (lead.stage, lead.needs) == ("mql", [])


def test_who_never_qualifies_is_never_handed_over(acme: Org, now: datetime) -> None:
    rival = {"field": "lead.email_domain", "op": "equals", "value": "rival.example"}
    with acme.scope():
        CriteriaVersion.objects.update(
            content={**acme.criteria.content, "exclude": [{"name": "Competitor", "when": rival}]}, number=8
        )
    choose(acme, triggers=["outside_stage"], outside_stages=["MQL"])
    lead = arrive(acme, now, "spy@rival.example", stage="MQL")
    assert lead.stage != "mql"
    assert "never qualifies" in lead.verdict["trigger"]["text"]


def test_without_any_criteria_another_system_hands_over(acme: Org, now: datetime) -> None:
    with acme.scope():
        CriteriaVersion.objects.update(state=VersionState.RETIRED)
    choose(acme, triggers=["outside_stage"], outside_stages=["MQL"])
    lead = arrive(acme, now, stage="MQL")
    assert (lead.stage, lead.verdict["version"]) == ("mql", 0)
    page = browser(owner_of(acme, lead)).get(f"/leads/{lead.id}")
    assert "Another system said MQL" in page.content.decode()


def test_the_choice_is_one_organisations_and_audited(acme: Org, globex: Org, now: datetime) -> None:
    choose(acme, triggers=["outside_stage"], outside_stages=["MQL"])
    assert arrive(globex, now, stage="MQL").stage == "lead"
    with acme.scope():
        entry = AuditEntry.objects.get(action="triggers_changed")
        assert entry.after["triggers"] == ["outside_stage"]


@pytest.mark.parametrize(
    ("said", "path"),
    [
        ({"triggers": []}, "/triggers"),
        ({"triggers": ["moon"]}, "/triggers"),
        ({"triggers": ["outside_stage"]}, "/outside_stages"),
        ({"triggers": ["outside_stage"], "outside_stages": ["hubspot:"]}, "/outside_stages"),
        ({"triggers": ["score"]}, "/score_from"),
        ({"triggers": ["form"]}, "/form_kinds"),
    ],
)
def test_a_choice_that_hands_over_nothing_is_refused_with_its_place(
    acme: Org, said: dict[str, Any], path: str
) -> None:
    refused = patch(acme, "handover", said)
    assert refused.status_code == 400
    assert path in [each["path"] for each in refused.json()["errors"]]


def test_the_page_says_it_in_words_and_an_admin_changes_it(acme: Org) -> None:
    admin = browser(acme.admin)
    assert (
        "A lead is handed over by the MQL criteria" in admin.get("/qualification/handover").content.decode()
    )
    sent = {"triggers": ["criteria", "score"], "score_from": "70", "routes": "no"}
    assert admin.post("/qualification/handover", sent).status_code == 302
    page = admin.get("/qualification/handover").content.decode()
    assert "A lead is handed over by the MQL criteria, or by a score from 70 on" in page
    assert "Another system routes" in page
    refused = admin.post("/qualification/handover", {"triggers": ["score"], "routes": "yes"})
    assert refused.status_code == 422
    assert "From which score on is a lead handed over?" in refused.content.decode()
    assert browser(acme.marketing).get("/qualification/handover").status_code == 200
    assert browser(acme.marketing).post("/qualification/handover", sent).status_code == 403
    assert browser(acme.reps[0]).get("/qualification/handover").status_code == 403


# --- SLA only: another system routes ---


def test_where_another_system_routes_its_owner_is_kept_with_running_clocks(acme: Org, now: datetime) -> None:
    choose(acme, routes=False)
    named = acme.reps[2]
    lead = new_lead(acme, now, owner=named.email)
    assert owner_of(acme, lead) == named
    with acme.scope():
        assert Timer.objects.filter(handoff__lead=lead, clock="owner", state="running").exists()
        assert Decision.objects.get(handoff__lead=lead).trigger == "outside"


def test_an_owner_that_changes_outside_takes_the_lead_and_its_clocks(acme: Org, now: datetime) -> None:
    choose(acme, routes=False)
    lead = new_lead(acme, now, owner=acme.reps[0].email)
    answer = Client().post(
        "/api/v1/leads",
        {"email": lead.email, "owner": acme.reps[1].email},
        content_type="application/json",
        headers=acme.auth,
    )
    assert answer.json()["owner"]["email"] == acme.reps[1].email
    with acme.scope():
        spans = Assignment.objects.filter(handoff__lead=lead).order_by("hop")
        assert [(span.member_id, span.end_reason) for span in spans] == [
            (acme.reps[0].id, "outside"),
            (acme.reps[1].id, ""),
        ]
        clocks = Timer.objects.filter(handoff__lead=lead, clock="owner", state="running")
        assert {timer.member_id for timer in clocks} == {acme.reps[1].id}
        assert AuditEntry.objects.filter(action="outside", object_id=spans[0].handoff_id).exists()
        loads = dict(RepLoad.objects.values_list("member_id", "open_leads"))
        assert (loads[acme.reps[0].id], loads[acme.reps[1].id]) == (0, 1)


def test_where_we_route_an_owner_from_outside_moves_no_open_lead(acme: Org, now: datetime) -> None:
    lead = new_lead(acme, now)
    before, other = owner_of(acme, lead), someone_else(acme, lead)
    arrive(acme, now + timedelta(minutes=1), lead.email, owner=other.email)
    assert owner_of(acme, lead) == before


def test_a_lead_without_an_owner_from_outside_is_listed_with_its_reason(acme: Org, now: datetime) -> None:
    choose(acme, routes=False)
    lead = new_lead(acme, now)
    assert handoff_of(acme, lead).owner is None
    page = browser(acme.manager).get("/unrouted").content.decode()
    assert "Another system chooses the owners here, and it named nobody" in page
    (row,) = Client().get("/api/v1/unrouted", headers=acme.auth).json()["results"]
    assert (row["lead"], row["reason"]) == (str(lead.id), "outside")
    # It is named later, and gets its clocks.
    arrive(acme, now + timedelta(minutes=3), lead.email, owner=acme.reps[1].email)
    assert owner_of(acme, lead) == acme.reps[1]
    assert Client().get("/api/v1/unrouted", headers=acme.auth).json()["results"] == []


def test_leads_that_wait_are_routed_once_we_route_again(acme: Org, now: datetime) -> None:
    choose(acme, routes=False)
    lead = new_lead(acme, now)
    assert drain_unrouted(acme.id, fixed_clock(now)) == 0
    answer = patch(acme, "routing/settings", {"enabled": True})
    assert answer.json()["enabled"] is True
    assert drain_unrouted(acme.id, fixed_clock(now)) == 1
    assert handoff_of(acme, lead).owner is not None


def test_somebody_who_takes_no_leads_is_refused_where_the_other_systems_word_is_final(
    acme: Org, now: datetime
) -> None:
    choose(acme, routes=False)
    lead = new_lead(acme, now, owner=acme.reps[0].email)
    for owner, code in ((acme.marketing.email, "owns_no_leads"), ("x@y.example", "unknown_member")):
        refused = Client().post(
            "/api/v1/leads",
            {"email": lead.email, "owner": owner},
            content_type="application/json",
            headers=acme.auth,
        )
        (error,) = refused.json()["errors"]
        assert (refused.status_code, error["path"], error["code"]) == (400, "/owner", code)
    assert owner_of(acme, lead) == acme.reps[0]


def test_many_owners_change_in_one_call(acme: Org, now: datetime) -> None:
    choose(acme, routes=False)
    leads = [new_lead(acme, now, f"p{n}@crane{n}.example", owner=acme.reps[0].email) for n in range(3)]
    rows = [{"email": lead.email, "owner": acme.reps[2].email} for lead in leads]
    rows.append(
        {
            "email": "new@stork.example",
            "owner": acme.reps[1].email,
            "engagements": [{"kind": "demo_request"}],
        }
    )
    answer = (
        Client()
        .post("/api/v1/leads/bulk", {"leads": rows}, content_type="application/json", headers=acme.auth)
        .json()
    )
    assert [row["lead"]["owner"]["email"] for row in answer["results"]] == [
        *[acme.reps[2].email] * 3,
        acme.reps[1].email,
    ]


def test_the_switch_is_audited_and_leaves_the_rest_of_the_settings(acme: Org) -> None:
    choose(acme, routes=False)
    with acme.scope():
        found = RoutingSettings.objects.get()
        assert (found.enabled, found.fallback_id) == (False, acme.fallback.id)
        assert AuditEntry.objects.filter(action="routing_switched").count() == 1
