"""An SDR books a meeting for an AE: what that opens, how it ends, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from feedback.models import Meeting
from leads.dirty import mark_dirty
from leads.models import Handoff, Lead, Touch
from notifications.models import OutboxMessage
from reporting.facts import drain_tenant
from reporting.models import HandoffFact, HandoffRollUp, RollUpState, TargetFact
from sla.models import Pause, Timer
from tenants.clock import fixed_clock
from tenants.models import Leave, Member
from tests.factories import Org
from tests.handoff.conftest import browser, handoff_of, new_lead, owner_of, someone_else, timer_of
from tests.handoff.test_api import get, post
from web.api import TenantAPIView
from web.throttling import KeyRateThrottle

pytestmark = pytest.mark.django_db

At = Callable[[datetime], None]


@pytest.fixture
def api_at(monkeypatch: pytest.MonkeyPatch) -> At:
    KeyRateThrottle.reset()

    def stand_still(moment: datetime) -> None:
        monkeypatch.setattr(TenantAPIView, "clock", staticmethod(fixed_clock(moment)))

    return stand_still


@pytest.fixture
def page_at(monkeypatch: pytest.MonkeyPatch) -> At:
    def stand_still(moment: datetime) -> None:
        monkeypatch.setattr("handoff.views.base.reading_clock", fixed_clock(moment))

    return stand_still


@pytest.fixture(autouse=True)
def at_ten(api_at: At, now: datetime) -> None:
    api_at(now)


@pytest.fixture
def prospect(acme: Org, now: datetime) -> Lead:
    """Somebody whom marketing never handed over."""
    with acme.scope():
        found: Lead = Lead.objects.create(
            email="vera@tapir.example",
            first_name="Vera",
            last_name="Ost",
            title="COO",
            created_at=now,
            updated_at=now,
        )
        return found


@pytest.fixture
def tomorrow(now: datetime) -> datetime:
    return now + timedelta(days=1)


def book(org: Org, lead: Lead, at: datetime, ae: Member | None = None, **more: Any) -> Any:
    said = {"by": str(org.reps[0].id), "at": at.isoformat(), **more}
    if ae is not None:
        said["ae"] = str(ae.id)
    return post(org, f"leads/{lead.id}/meetings", said)


def answer(org: Org, meeting: Any, act: str, **said: Any) -> Any:
    return post(org, f"meetings/{meeting.json()['id']}/{act}", said)


def told(org: Org, kind: str) -> set[Any]:
    with org.scope():
        return set(
            OutboxMessage.objects.filter(kind=kind, channel="inapp").values_list("member_id", flat=True)
        )


def lead_now(org: Org, lead: Lead) -> Lead:
    with org.scope():
        return Lead.objects.get(id=lead.id)


def test_a_booking_opens_an_outbound_handoff_of_the_ae_whose_clock_waits_for_the_meeting(
    acme: Org, prospect: Lead, now: datetime, tomorrow: datetime
) -> None:
    ae = acme.reps[1]
    made = book(acme, prospect, tomorrow, ae, answers={"authority": True, "fit": True}, next_step="Demo")
    assert made.status_code == 201, made.json()
    said = made.json()
    assert (said["state"], said["kind"], said["ae"], said["attendee_title"]) == (
        "booked",
        "outbound",
        str(ae.id),
        "COO",
    )
    assert (said["qualified"], [row["met"] for row in said["checks"]]) == (False, [True, True, None, None])
    handoff = handoff_of(acme, prospect)
    assert (handoff.kind, handoff.owner_id, handoff.first_touch_at) == ("outbound", ae.id, now)
    assert lead_now(acme, prospect).stage == "mql"
    with acme.scope():
        (pause,) = Pause.objects.filter(handoff=handoff)
    assert (pause.reason, pause.until) == ("meeting", tomorrow + timedelta(minutes=30))
    assert timer_of(acme, prospect, "decision").state == Timer.State.PAUSED
    assert told(acme, "meeting.booked") == told(acme, "meeting.to_answer") == {ae.id}


def test_the_tier_of_outbound_meetings_is_a_rule_of_the_policy(
    acme: Org, prospect: Lead, now: datetime, tomorrow: datetime
) -> None:
    tier = {
        "slug": "outbound_meeting",
        "name": "Outbound meeting",
        "when": {"field": "handoff.kind", "op": "equals", "value": "outbound"},
        "targets": [{"target": "decision", "duration": {"minutes": 1440}, "clock": "business"}],
    }
    with acme.scope():
        was = acme.policy.content
        acme.policy.content = {**was, "tiers": [tier, *was["tiers"]]}
        acme.policy.save()
    assert book(acme, prospect, tomorrow, acme.reps[1]).status_code == 201
    assert handoff_of(acme, prospect).tier == "outbound_meeting"
    assert handoff_of(acme, new_lead(acme, now)).tier == "demo_request"


def test_rules_may_ask_for_what_is_inbound_as_for_what_is_outbound(
    acme: Org, prospect: Lead, now: datetime, tomorrow: datetime
) -> None:
    def tier(kind: str) -> dict[str, Any]:
        return {
            "slug": f"{kind}_only",
            "name": kind.title(),
            "when": {"field": "handoff.kind", "op": "equals", "value": kind},
            "targets": [{"target": "decision", "duration": {"minutes": 60}, "clock": "business"}],
        }

    with acme.scope():
        was = acme.policy.content
        acme.policy.content = {**was, "tiers": [tier("inbound"), tier("outbound"), *was["tiers"]]}
        acme.policy.save()
    assert handoff_of(acme, new_lead(acme, now)).tier == "inbound_only"
    assert book(acme, prospect, tomorrow, acme.reps[1]).status_code == 201
    assert handoff_of(acme, prospect).tier == "outbound_only"


def test_an_accepted_meeting_makes_a_sal_and_can_be_undone_for_ten_seconds(
    acme: Org, prospect: Lead, tomorrow: datetime, api_at: At
) -> None:
    made = book(acme, prospect, tomorrow, acme.reps[1])
    assert answer(acme, made, "accept").status_code == 409, "it is still to come"
    held = tomorrow + timedelta(hours=1)
    api_at(held)
    done = answer(acme, made, "accept", by=str(acme.reps[1].id))
    assert (done.status_code, done.json()["state"]) == (200, "accepted")
    assert lead_now(acme, prospect).stage == "sal"
    assert timer_of(acme, prospect, "decision").state == Timer.State.MET
    assert told(acme, "meeting.decided") == {acme.reps[0].id}
    again = answer(acme, made, "disqualify", reason="no_need")
    assert (again.status_code, again.json()["code"]) == (409, "already_decided")
    api_at(held + timedelta(seconds=5))
    assert answer(acme, made, "undo").json()["state"] == "booked"
    assert lead_now(acme, prospect).stage == "mql"
    assert answer(acme, made, "accept").status_code == 200
    api_at(held + timedelta(minutes=1))
    assert answer(acme, made, "undo").status_code == 409


def test_accepted_to_sql_asks_what_the_sql_step_asks(
    acme: Org, prospect: Lead, tomorrow: datetime, api_at: At
) -> None:
    made = book(acme, prospect, tomorrow, acme.reps[1])
    api_at(tomorrow + timedelta(hours=1))
    wrong = answer(acme, made, "accept", to="sql", answers={"colour": True})
    assert (wrong.status_code, wrong.json()["errors"][0]["path"]) == (400, "/answers/colour")
    assert lead_now(acme, prospect).stage == "mql"
    assert answer(acme, made, "accept", to="sql", answers={"need": True}).status_code == 200
    assert lead_now(acme, prospect).stage == "sql"


def test_a_no_show_of_the_prospect_goes_back_to_the_sdr_until_the_follow_up(
    acme: Org, prospect: Lead, tomorrow: datetime, api_at: At
) -> None:
    made = book(acme, prospect, tomorrow, acme.reps[1])
    api_at(tomorrow + timedelta(hours=1))
    bare = answer(acme, made, "no-show", who="prospect")
    assert (bare.status_code, bare.json()["errors"][0]["path"]) == (400, "/follow_up")
    done = answer(acme, made, "no-show", who="prospect", follow_up="2026-11-25")
    assert (done.json()["state"], done.json()["who"]) == ("no_show", "prospect")
    assert owner_of(acme, prospect).id == acme.reps[0].id
    with acme.scope():
        pause = Pause.objects.get(handoff__lead=prospect, ended_at=None)
    assert (pause.reason, pause.until.isoformat()) == ("follow_up", "2026-11-24T23:00:00+00:00")
    assert answer(acme, made, "undo").status_code == 200
    assert owner_of(acme, prospect).id == acme.reps[1].id


@pytest.mark.parametrize("who", ["sdr", "ae"])
def test_a_no_show_of_ours_is_counted_as_such_and_moves_nobody(
    acme: Org, prospect: Lead, tomorrow: datetime, api_at: At, who: str
) -> None:
    made = book(acme, prospect, tomorrow, acme.reps[1])
    api_at(tomorrow + timedelta(hours=1))
    assert answer(acme, made, "no-show", who=who).json()["who"] == who
    assert owner_of(acme, prospect).id == acme.reps[1].id
    fresh = answer(acme, made, "reschedule", at=(tomorrow + timedelta(days=2)).isoformat()).json()
    assert (fresh["state"], fresh["follows"]) == ("booked", made.json()["id"])


def test_disqualified_wants_a_reason_and_ends_the_handoff(
    acme: Org, prospect: Lead, tomorrow: datetime, api_at: At
) -> None:
    made = book(acme, prospect, tomorrow, acme.reps[1])
    api_at(tomorrow + timedelta(hours=1))
    for said, field in (({"reason": "no_idea"}, "/reason"), ({"reason": "other"}, "/why")):
        refused = answer(acme, made, "disqualify", **said)
        assert refused.status_code == 400, field
    done = answer(acme, made, "disqualify", reason="no_need")
    assert (done.json()["state"], done.json()["reason"]) == ("disqualified", "no_need")
    assert handoff_of(acme, prospect).outcome == "disqualified"
    assert answer(acme, made, "undo").json()["state"] == "booked"
    assert handoff_of(acme, prospect).state == Handoff.State.OPEN


def test_another_day_is_a_meeting_that_follows_and_the_clock_waits_for_it(
    acme: Org, prospect: Lead, tomorrow: datetime
) -> None:
    made = book(acme, prospect, tomorrow, acme.reps[1])
    moved = answer(acme, made, "reschedule", at=(tomorrow + timedelta(days=1)).isoformat(), minutes=60)
    assert moved.status_code == 200, moved.json()
    assert get(acme, f"meetings/{made.json()['id']}").json()["state"] == "rescheduled"
    with acme.scope():
        pause = Pause.objects.get(handoff__lead=prospect, ended_at=None)
    assert pause.until == tomorrow + timedelta(days=1, hours=1)
    assert book(acme, prospect, tomorrow, acme.reps[1]).status_code == 409


def test_a_cancelled_meeting_gives_the_lead_back_to_the_sdr(
    acme: Org, prospect: Lead, tomorrow: datetime
) -> None:
    made = book(acme, prospect, tomorrow, acme.reps[1])
    assert answer(acme, made, "cancel", note="They moved on.").json()["state"] == "cancelled"
    assert owner_of(acme, prospect).id == acme.reps[0].id
    assert book(acme, prospect, tomorrow, acme.reps[2]).status_code == 201
    assert (handoff_of(acme, prospect).number, owner_of(acme, prospect).id) == (1, acme.reps[2].id)


def test_an_ae_who_is_away_or_busy_is_refused_unless_anyway(
    acme: Org, prospect: Lead, now: datetime, tomorrow: datetime
) -> None:
    ae = acme.reps[1]
    with acme.scope():
        Leave.objects.create(member=ae, starts_at=now, ends_at=now + timedelta(days=3))
    refused = book(acme, prospect, tomorrow, ae)
    assert (refused.status_code, refused.json()["errors"][0]["path"]) == (400, "/ae")
    assert "away" in refused.json()["errors"][0]["message"]
    with acme.scope():
        assert not Handoff.objects.filter(lead=prospect).exists()
    assert book(acme, prospect, tomorrow, ae, anyway=True).status_code == 201


def test_without_a_name_the_pool_gets_it(acme: Org, prospect: Lead, tomorrow: datetime) -> None:
    assert book(acme, prospect, tomorrow).status_code == 201
    assert handoff_of(acme, prospect).owner_id in {rep.id for rep in acme.reps}


def test_a_booking_touches_an_open_inbound_handoff_which_stays_its_owners_until_the_ae_accepts(
    acme: Org, ruth: Lead, now: datetime, tomorrow: datetime, api_at: At
) -> None:
    owner, ae = owner_of(acme, ruth), someone_else(acme, ruth)
    made = book(acme, ruth, tomorrow, ae, by=str(owner.id))
    assert made.json()["kind"] == "inbound"
    handoff = handoff_of(acme, ruth)
    assert (handoff.kind, handoff.owner_id, handoff.first_touch_at) == ("inbound", owner.id, now)
    with acme.scope():
        assert Touch.objects.get(lead=ruth).kind == "meeting"
        assert not Pause.objects.exists()
    api_at(tomorrow + timedelta(hours=1))
    assert answer(acme, made, "accept", by=str(ae.id)).status_code == 200
    assert owner_of(acme, ruth).id == ae.id
    assert lead_now(acme, ruth).stage == "sal"


def test_whoever_takes_no_part_answers_nothing(
    acme: Org, prospect: Lead, tomorrow: datetime, api_at: At
) -> None:
    made = book(acme, prospect, tomorrow, acme.reps[1])
    api_at(tomorrow + timedelta(hours=1))
    for who, act, more in (
        (acme.reps[2], "accept", {}),
        (acme.reps[0], "accept", {}),
        (acme.reps[2], "no-show", {"who": "ae"}),
    ):
        assert answer(acme, made, act, by=str(who.id), **more).status_code in (403, 409)
    assert get(acme, f"meetings/{made.json()['id']}").json()["state"] == "booked"


def test_a_meeting_of_an_ae_who_left_is_answered_by_whoever_has_the_lead_now(
    acme: Org, prospect: Lead, tomorrow: datetime, api_at: At
) -> None:
    made = book(acme, prospect, tomorrow, acme.reps[1])
    to = {"to": str(acme.reps[2].id), "why": "Left."}
    assert post(acme, f"leads/{prospect.id}/reassign", to).status_code == 200
    with acme.scope():
        Member.objects.filter(id=acme.reps[1].id).update(is_active=False)
    api_at(tomorrow + timedelta(hours=1))
    assert answer(acme, made, "accept", by=str(acme.reps[2].id)).status_code == 200
    assert owner_of(acme, prospect).id == acme.reps[2].id
    assert (
        book(
            acme, new_lead(acme, tomorrow, "bo@kudu.example"), tomorrow + timedelta(days=2), acme.reps[1]
        ).status_code
        == 400
    )


def counted(org: Org, report: str, now: datetime, **asked: str) -> Any:
    day = now.date().isoformat()
    said = "&".join(f"{name}={value}" for name, value in {"from": day, "to": day, **asked}.items())
    answer = get(org, f"reports/{report}?{said}")
    assert answer.status_code == 200, answer.json()
    return answer.json()


def test_reports_count_inbound_handoffs_unless_outbound_ones_are_asked_for(
    acme: Org, prospect: Lead, ruth: Lead, now: datetime, tomorrow: datetime
) -> None:
    book(acme, prospect, tomorrow, acme.reps[1])
    drain_tenant(acme.id)
    with acme.scope():
        assert dict(HandoffFact.objects.values_list("lead_id", "kind")) == {
            ruth.id: "inbound",
            prospect.id: "outbound",
        }
    for kind, mqls in {"inbound": 1, "outbound": 1, "both": 2}.items():
        asked = {} if kind == "inbound" else {"kind": kind}
        funnel = counted(acme, "funnel", now, **asked)
        assert (funnel["kind"], funnel["total"]["mqls"]) == (kind, mqls)
        compliance = counted(acme, "compliance", now, by="source", **asked)
        assert compliance["kind"] == kind
        assert compliance["total"]["decision"]["left_out"]["open"] == mqls
        # Booking was the first touch of the outbound one.
        assert compliance["total"]["first_touch"]["met"] == (kind != "inbound")
        assert counted(acme, "rejections", now, **asked)["kind"] == kind
    wrong = get(acme, "reports/compliance?kind=all")
    assert (wrong.status_code, wrong.json()["errors"][0]["path"]) == (400, "/kind")


def test_report_pages_offer_the_kind_and_say_how_many_are_not_counted(
    acme: Org, globex: Org, prospect: Lead, ruth: Lead, now: datetime, tomorrow: datetime
) -> None:
    book(acme, prospect, tomorrow, acme.reps[1])
    drain_tenant(acme.id)
    day = now.date().isoformat()
    for page in ("compliance", "funnel", "rejections"):
        address = f"/{page}?from={day}&to={day}"
        html = browser(acme.admin).get(address).content.decode()
        assert "1 outbound handoff of the period not counted" in html
        assert 'name="kind"' in html
        asked = browser(acme.admin).get(f"{address}&kind=outbound").content.decode()
        assert "1 outbound handoff of the period only" in asked
        assert '<option value="outbound" selected>' in asked
        assert 'name="kind"' not in browser(globex.admin).get(address).content.decode()
        # A rep who has no part in it is told of none.
        assert "outbound handoff" not in browser(acme.reps[2]).get(address).content.decode()
    leads = browser(acme.admin).get(f"/funnel/leads?from={day}&to={day}&kind=outbound").content.decode()
    assert "Vera Ost" in leads
    assert "Ruth" not in leads


def test_the_first_drain_after_an_upgrade_builds_the_facts_of_outbound_handoffs(
    acme: Org, prospect: Lead, ruth: Lead, tomorrow: datetime
) -> None:
    book(acme, prospect, tomorrow, acme.reps[1])
    drain_tenant(acme.id)
    with acme.scope():
        HandoffFact.objects.filter(kind="outbound").delete()
        TargetFact.objects.filter(kind="outbound").delete()
        RollUpState.objects.update(layout=2, handoffs_layout=3)
        mark_dirty([handoff_of(acme, ruth).id], tomorrow)
    drain_tenant(acme.id)
    with acme.scope():
        assert set(TargetFact.objects.values_list("lead_id", flat=True)) == {ruth.id, prospect.id}
        assert set(HandoffFact.objects.values_list("lead_id", flat=True)) == {ruth.id, prospect.id}
        assert set(HandoffRollUp.objects.filter(cube="team").values_list("mqls", flat=True)) == {1}


def test_meetings_are_listed_by_state_and_anothers_is_not_there(
    acme: Org, globex: Org, prospect: Lead, tomorrow: datetime
) -> None:
    made = book(acme, prospect, tomorrow, acme.reps[1])
    assert [row["id"] for row in get(acme, "meetings?state=booked").json()["results"]] == [made.json()["id"]]
    assert get(acme, "meetings?state=done").status_code == 400
    assert get(globex, f"meetings/{made.json()['id']}").status_code == 404
    assert post(globex, f"meetings/{made.json()['id']}/accept", {}).status_code == 404
    assert get(globex, "meetings").json()["results"] == []


# --- Pages ---


def test_an_sdr_books_on_the_page_and_the_ae_answers_there(
    acme: Org, prospect: Lead, now: datetime, tomorrow: datetime, at_hand: At
) -> None:
    sdr, ae = browser(acme.reps[0]), browser(acme.reps[1])
    at_hand(now)
    said = {
        "email": prospect.email,
        "at": "2026-11-18T11:00",
        "minutes": "30",
        "ae": str(acme.reps[1].id),
        "checks": ["authority", "fit", "next_step", "ae_confirmed"],
    }
    assert sdr.get("/meetings/new").status_code == 200
    assert sdr.post("/meetings/new", {**said, "email": "x@nowhere.example"}).status_code == 422
    assert sdr.post("/meetings/new", said).status_code == 302
    with acme.scope():
        meeting = Meeting.objects.get()
    assert meeting.qualified
    listed = ae.get("/meetings")
    assert "Vera Ost" in listed.content.decode()
    assert "Vera Ost" not in browser(acme.reps[2]).get("/meetings").content.decode()
    at_hand(tomorrow + timedelta(hours=3))
    assert "to be answered" in ae.get("/meetings?show=to_answer").content.decode()
    way = f"/meetings/{meeting.id}"
    assert sdr.post(f"{way}/accept", {}).status_code in (403, 409, 422)
    assert ae.post(f"{way}/no-show", {"who": "prospect"}).status_code == 422
    assert ae.get(f"{way}/accept").status_code == 200
    assert ae.post(f"{way}/accept", {}).status_code == 302
    assert ae.post(f"{way}/disqualify", {"reason": "no_need"}).status_code == 409
    assert "Accepted" in ae.get("/meetings?show=done").content.decode()
    assert ae.post(f"{way}/undo").status_code == 302
    assert browser(acme.reps[2]).get(f"{way}/accept").status_code == 404


def test_the_list_of_meetings_costs_the_same_however_many_there_are(
    acme: Org, now: datetime, tomorrow: datetime, at_hand: At
) -> None:
    at_hand(now)
    client = browser(acme.reps[1])
    counts = []
    for number in (1, 4):
        for each in range(number):
            lead = new_lead(acme, now, f"p{number}{each}@kudu{number}{each}.example")
            at = tomorrow + timedelta(hours=each, days=number)
            assert book(acme, lead, at, acme.reps[1]).status_code == 201
        client.get("/meetings")
        with CaptureQueriesContext(connection) as queries:
            assert client.get("/meetings").status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_the_inbox_of_the_ae_and_of_the_sdr_has_the_meetings_to_answer(
    acme: Org, prospect: Lead, tomorrow: datetime, api_at: At, page_at: At
) -> None:
    sdr, ae, other = acme.reps[0], acme.reps[1], acme.reps[2]
    made = book(acme, prospect, tomorrow, ae)
    page_at(tomorrow - timedelta(hours=1))
    assert "Meetings to answer" not in browser(ae).get("/inbox").content.decode()
    page_at(tomorrow + timedelta(hours=1))
    for member in (ae, sdr):
        page = browser(member).get("/inbox").content.decode()
        queue = page[: page.index('aria-label="Lead"')]
        assert "<h2>Meetings to answer</h2>" in queue
        assert f"with {ae.name}: how did it go?" in queue
        assert "1 meeting to answer" in queue
        assert queue.count(f'data-sp-row="{prospect.id}"') == 1
        # Beside it stands what each may say: the AE whether they accept, the SDR that it was not held.
        beside = page[page.index('aria-label="Lead"') :]
        meeting_id = made.json()["id"]
        assert (f"/meetings/{meeting_id}/accept" in beside) == (member == ae)
        assert f"/meetings/{meeting_id}/no-show" in beside
        assert "Meetings to answer" not in browser(member).get("/inbox?tab=working").content.decode()
    assert "Meetings to answer" not in browser(other).get("/inbox").content.decode()
    api_at(tomorrow + timedelta(hours=1))
    assert answer(acme, made, "accept").status_code == 200
    page_at(tomorrow + timedelta(hours=1, minutes=1))
    assert "Meetings to answer" not in browser(ae).get("/inbox").content.decode()


def test_the_page_of_a_lead_lists_its_meetings_and_its_timeline_what_became_of_them(
    acme: Org, prospect: Lead, now: datetime, tomorrow: datetime, api_at: At, page_at: At
) -> None:
    made = book(acme, prospect, tomorrow, acme.reps[1], next_step="A demo for the board")
    page_at(now)
    ae, way = browser(acme.reps[1]), f"/leads/{prospect.id}"
    before = ae.get(way)
    (line,) = before.context["page"].meetings
    assert (line.is_booked, line.is_over, line.takes_part) == (True, False, True)
    assert "A demo for the board" in before.content.decode()
    assert f"/meetings/{made.json()['id']}/cancel" in before.content.decode()
    assert f"/meetings/{made.json()['id']}/no-show" not in before.content.decode()
    # While it goes on it may be said already that nobody came.
    page_at(tomorrow + timedelta(minutes=10))
    for address in (way, "/meetings"):
        page = ae.get(address).content.decode()
        assert "To be answered" not in page or address == "/meetings"
        for said in ("accept", "disqualify", "no-show"):
            assert f"/meetings/{made.json()['id']}/{said}" in page
    over = tomorrow + timedelta(hours=1)
    page_at(over)
    api_at(over)
    page = ae.get(way).content.decode()
    assert "To be answered" in page
    assert f"/meetings/{made.json()['id']}/accept" in page
    answer(acme, made, "no-show", who="prospect", follow_up="2026-11-25", note="Nobody joined.")
    page = browser(acme.manager).get(way).content.decode()
    assert f"/meetings/{made.json()['id']}/accept" not in page
    happened = get(acme, f"leads/{prospect.id}/timeline").json()["results"]
    (item,) = (each for each in happened if each["kind"] == "meeting")
    assert (item["data"]["state"], item["data"]["absent"]) == ("no_show", "prospect")
    assert item["data"]["follow_up"] == "2026-11-25"
    assert "Meeting not held" in page
    assert "the prospect was not there" in page
    assert "Nobody joined." in page
    assert answer(acme, made, "undo").status_code == 200
    assert "Meeting not held" not in browser(acme.manager).get(way).content.decode()


def test_the_page_of_a_lead_offers_nothing_to_whoever_takes_no_part_in_its_meeting(
    acme: Org, prospect: Lead, now: datetime, tomorrow: datetime, page_at: At
) -> None:
    made = book(acme, prospect, tomorrow, acme.reps[1])
    page_at(tomorrow + timedelta(hours=1))
    page = browser(acme.marketing).get(f"/leads/{prospect.id}").content.decode()
    assert acme.reps[1].name in page
    assert f"/meetings/{made.json()['id']}/" not in page
