"""A drill from its beginning to its card: by page, API and plan, and that it leaves nothing behind."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from core.errors import Conflict, ValidationFailed
from core.signing import sign_webhook
from handoff.intake import receive_leads
from handoff.sweep import sweep_tenant
from integrations.drill import receiver, services
from integrations.drill.plan import change_plan, next_run, plan_of
from integrations.drill.sending import Answer, address_of, as_drilled
from integrations.models import Drill, DrillPlan, DrillReceipt
from leads.criteria_drafts import publish_criteria
from leads.incoming import LeadIn
from leads.models import CriteriaVersion, DataWait, Handoff, Lead, LeadSettings
from notifications.channels.base import Dead, Parcel, Rendered, Sent
from notifications.channels.webhook import WebhookChannel, body_of
from notifications.models import OutboxMessage, WebhookEndpoint
from notifications.sending import deliver_round
from routing.models import Pool, RepLoad, RoutingSettings
from sla.models import Timer
from tenants import versions
from tenants.clock import database_clock, fixed_clock
from tenants.models import ApiKey, Member
from tests.factories import Org, make_org
from tests.integrations.conftest import Call
from tests.threads import in_threads

pytestmark = pytest.mark.django_db


class AtOnce:
    """A pool of senders that sends here and now, in the transaction of the test."""

    def map(self, work: Callable[..., Any], *lists: Any) -> list[Any]:
        return [work(*each) for each in zip(*lists, strict=True)]


@pytest.fixture(autouse=True)
def loopback(monkeypatch: pytest.MonkeyPatch, now: datetime) -> None:
    """Webhooks to the portal itself arrive at its view, without a network between."""

    def send(self: WebhookChannel, parcel: Parcel, messages: Sequence[Rendered], at: datetime) -> Any:
        body = body_of(messages[0])
        headers = sign_webhook(parcel.secrets, message_id=str(parcel.id), timestamp=at, body=body)
        monkeypatch.setattr(receiver, "database_clock", fixed_clock(at))
        path = "/" + parcel.address.split("/", 3)[3]
        answer = Client().post(path, body, content_type="application/json", headers=headers)
        return Sent() if answer.status_code == 204 else Dead(str(answer.status_code))

    monkeypatch.setattr(WebhookChannel, "send", send)
    # Keys are judged by the database's clock, which is not the one of the test.
    monkeypatch.setattr(services, "_KEY_LIFE", timedelta(days=3_650))


def over_http(documents: Sequence[Mapping[str, Any]], key: str, once: str) -> Answer:
    """The leads over the API, as the portal sends them to itself."""
    headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": once}
    body = json.dumps({"leads": list(documents)})
    answer = Client().post("/api/v1/leads/bulk", body, content_type="application/json", headers=headers)
    return Answer(answer.status_code, answer.json()["results"], 40)


def unreachable(documents: Sequence[Mapping[str, Any]], key: str, once: str) -> Answer:
    return Answer(error="The portal cannot be reached.")


def run(org: Org, now: datetime, *, send: Any = over_http, seconds: int = 130) -> Drill:
    """The engine's ticks, every three seconds, until the drill is over."""
    for second in range(0, seconds, 3):
        at = now + timedelta(seconds=second)
        sweep_tenant(org.id, clock=fixed_clock(at))
        deliver_round([org.id], clock=fixed_clock(at), pool=AtOnce())  # type: ignore[arg-type]
        carry_on(org, at, send)
        with org.scope():
            drill = Drill.objects.order_by("-asked_at", "-id").first()
        assert drill is not None
        if drill.state in (Drill.State.DONE, Drill.State.CANCELLED):
            return drill
    raise AssertionError(f"The drill did not end: {drill.cards}")


def carry_on(org: Org, at: datetime, send: Any) -> bool:
    """One tick of the engine."""
    looked = services.look_on(org.id, clock=fixed_clock(at))
    return services.send_on(org.id, clock=fixed_clock(at), send=send) or looked


def as_(member: Member) -> Client:
    client = Client()
    client.force_login(member.user)
    return client


def text_of(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def begin(org: Org, now: datetime, **said: Any) -> Drill:
    with org.scope():
        return services.start_drill(actor="system", now=now, **said)


def test_its_leads_go_the_whole_way_and_every_step_works(acme: Org, now: datetime, api_clock: Any) -> None:
    begin(acme, now)
    drill = run(acme, now)
    assert drill.passed is True, drill.cards
    assert [card["name"] for card in drill.cards] == ["Asks for a demo", "Reads prices", "Writes to us"]
    (demo, *_) = drill.cards
    found = {line["step"]: (line["result"], line["text"]) for line in demo["lines"]}
    assert found["received"] == ("ok", "Answered 201.")
    assert found["webhook"][0] == "ok"
    assert found["breached"][0] == "ok"
    assert found["moved"][0] == "ok"
    (moved,) = [line for line in demo["lines"] if line["step"] == "moved"]
    assert moved["ms"] is not None
    shown = text_of(as_(acme.admin).get(f"/drill/{drill.id}"))
    assert re.search(r"Moved on From [^.]+\. Works [\d.]+ s late", shown)
    with acme.scope():
        handoff = Handoff.objects.get(lead_id=demo["lead"])
        timer = Timer.objects.filter(handoff=handoff, target="first_touch", clock="owner").earliest(
            "started_at"
        )
    assert (timer.due_at - timer.started_at, timer.calendar_version_id) == (timedelta(seconds=20), None)


def test_it_leaves_nothing_open_no_turn_taken_and_no_key(acme: Org, now: datetime, api_clock: Any) -> None:
    with acme.scope():
        counters = Pool.objects.get(id=acme.pool.id).counters
    begin(acme, now)
    run(acme, now)
    with acme.scope():
        assert not Handoff.objects.exclude(state="closed").exists()
        assert set(Handoff.objects.values_list("is_test", flat=True)) == {True}
        assert not Timer.objects.filter(state="running").exists()
        loads = RepLoad.objects.values_list("open_leads", "leads_today", "leads_this_week")
        assert set(loads) == {(0, 0, 0)}
        turns = Pool.objects.get(id=acme.pool.id).counters
        assert {turns.get(key, 0) for key in {*turns, *counters}} == {0}
        assert not WebhookEndpoint.objects.filter(is_active=True).exists()
        assert not ApiKey.objects.filter(name__startswith="Drill", revoked_at__isnull=True).exists()


def test_a_portal_that_cannot_be_reached_fails_and_the_admins_hear_it(acme: Org, now: datetime) -> None:
    begin(acme, now)
    drill = run(acme, now, send=unreachable)
    assert drill.passed is False
    failed = [
        (line["step"], line["text"])
        for card in drill.cards
        for line in card["lines"]
        if line["result"] == "failed"
    ]
    assert set(failed) == {("received", "The portal cannot be reached.")}
    with acme.scope():
        told = OutboxMessage.objects.filter(kind="drill.failed", channel="email")
        assert [row.member_id for row in told] == [acme.admin.id]


def test_leads_that_do_not_qualify_are_said_so_with_the_reason(
    acme: Org, now: datetime, api_clock: Any
) -> None:
    begin(acme, now, leads=[{"name": "Reads a page", "kind": "page_view"}])
    drill = run(acme, now)
    line = next(line for line in drill.cards[0]["lines"] if line["step"] == "qualified")
    assert line["result"] == "failed"
    assert "does not meet the criteria" in line["text"]


def test_a_stage_that_only_another_system_may_say_is_left_out_and_said_so(
    acme: Org, now: datetime, api_clock: Any
) -> None:
    with acme.scope():
        LeadSettings.objects.update_or_create(
            defaults={"triggers": ["outside_stage"], "outside_stages": ["HubSpot: MQL"]}
        )
    begin(acme, now)
    drill = run(acme, now)
    for card in drill.cards:
        lines = {line["step"]: (line["result"], line["text"]) for line in card["lines"]}
        assert lines["received"][0] == "ok"
        assert lines["qualified"][0] == "left_out"
        assert "when HubSpot says so, and a drill does not speak for another system" in lines["qualified"][1]
        assert {result for result, _ in lines.values()} == {"ok", "left_out"}


def test_a_lead_may_do_what_a_rule_of_ours_asks_about_and_nothing_else(acme: Org, now: datetime) -> None:
    with acme.scope():
        current = versions.published_version(CriteriaVersion)
        assert current is not None
        rule = {"engagements": {"kind": ["Fair visit", "demo_request"], "value": 1}}
        publish_criteria({**current.content, "rule": rule}, based_on=current.number, actor="m:test", now=now)
    begin(acme, now, leads=[{"name": "A", "kind": "fair  visit"}])
    with pytest.raises(ValidationFailed) as refused:
        begin(acme, now, leads=[{"name": "A", "kind": "fare visit"}])
    assert refused.value.field_errors[0].path == "/leads/0/kind"


def test_a_sender_who_only_says_that_it_is_a_drill_gets_an_ordinary_test_lead(
    acme: Org, now: datetime
) -> None:
    drill = begin(acme, now)
    with acme.scope():
        said = {"email": address_of(drill.id, 0), "external_system": "slaportal-drill", "test": True}
        (real,) = as_drilled([LeadIn(**said, external_id=f"{drill.id}:0")])
        (other,) = as_drilled([LeadIn(**said, external_id=f"{uuid4()}:0")])
        (untrue,) = as_drilled([LeadIn(**{**said, "test": False}, external_id=f"{drill.id}:0")])
        (broken,) = as_drilled([LeadIn(**said, external_id="x")])
    found = [item.drill_seconds for item in (real, other, untrue, broken)]
    assert found == [20, None, None, None]


def test_a_worker_that_died_while_sending_is_followed_by_another_once_its_lease_is_over(
    acme: Org, now: datetime, api_clock: Any
) -> None:
    begin(acme, now)

    def dies(*said: Any) -> Answer:
        over_http(*said)
        raise SystemExit

    with pytest.raises(SystemExit):
        carry_on(acme, now, dies)
    assert not carry_on(acme, now + timedelta(seconds=30), over_http)
    assert carry_on(acme, now + timedelta(seconds=61), over_http)
    with acme.scope():
        assert Drill.objects.get().state == Drill.State.RUNNING
        assert Handoff.objects.count() == 3


def test_one_at_a_time_and_it_can_be_stopped(acme: Org, now: datetime, api_clock: Any) -> None:
    drill = begin(acme, now)
    with acme.scope(), pytest.raises(Conflict):
        services.start_drill(actor="system", now=now)
    carry_on(acme, now, over_http)
    client = as_(acme.admin)
    assert "Under way" in text_of(client.get(f"/drill/{drill.id}"))
    assert "stopped" in text_of(client.post(f"/drill/{drill.id}/stop", follow=True))
    with acme.scope():
        assert not Handoff.objects.filter(state="open").exists()
    assert "This drill is over." in text_of(client.post(f"/drill/{drill.id}/stop", follow=True))


def test_an_admin_begins_one_on_the_page_and_others_only_read(acme: Org, now: datetime) -> None:
    assert as_(acme.manager).post("/drill/start").status_code == 403
    client = as_(acme.admin)
    page = client.post("/drill/start", follow=True)
    assert "Its leads are being sent" in text_of(page)
    assert "See the one that runs" in text_of(client.get("/drill"))
    assert "Start a drill" not in text_of(as_(acme.manager).get("/drill"))
    assert as_(acme.reps[0]).get("/drill").status_code == 403


def criteria_in(org: Org, now: datetime, **parts: Any) -> None:
    """The criteria with these parts besides, in force."""
    with org.scope():
        content = {**CriteriaVersion.objects.get(state="published").content, **parts}
        publish_criteria(content, based_on=1, actor="system", now=now)


def test_its_leads_are_closed_whatever_sales_owes_at_that_step(
    acme: Org, now: datetime, api_clock: Any
) -> None:
    with acme.scope():
        LeadSettings.objects.update_or_create(defaults={"owed": {"disqualified": ["phone"]}})
    begin(acme, now)
    run(acme, now)
    with acme.scope():
        assert not Handoff.objects.exclude(state="closed").exists()


def test_a_lead_that_is_held_is_left_out_and_never_handed_over_after_the_drill(
    acme: Org, now: datetime, api_clock: Any
) -> None:
    criteria_in(acme, now, hold={"fields": ["phone"], "minutes": 5})
    begin(acme, now)
    drill = run(acme, now)
    line = next(line for line in drill.cards[0]["lines"] if line["step"] == "qualified")
    assert (line["result"], line["text"]) == ("left_out", "It is held for enrichment: Phone.")
    assert drill.passed is True
    with acme.scope():
        assert not DataWait.objects.filter(ended_at=None).exists()
        assert set(Lead.objects.values_list("stage", flat=True)) == {"disqualified"}


def test_one_that_is_stopped_while_its_leads_are_on_their_way_leaves_none_of_them_open(
    acme: Org, now: datetime, api_clock: Any
) -> None:
    drill = begin(acme, now)

    def lands_late(documents: Sequence[Mapping[str, Any]], key: str, once: str) -> Answer:
        with acme.scope():
            services.stop_drill(drill_id=drill.id, actor="system", clock=fixed_clock(now))
            items = [services.as_item(document) for document in documents]
            receive_leads(items=items, actor="key:drill", clock=fixed_clock(now))
        return Answer(200)

    carry_on(acme, now, lands_late)
    with acme.scope():
        assert Drill.objects.get().state == Drill.State.CANCELLED
        assert Handoff.objects.count() == 3
        assert not Handoff.objects.exclude(state="closed").exists()


def test_one_whose_leads_cannot_be_sent_ends_as_failed(acme: Org, now: datetime) -> None:
    begin(acme, now)

    def dies(*said: Any) -> Answer:
        raise SystemExit

    for minutes in range(3):
        with pytest.raises(SystemExit):
            carry_on(acme, now + timedelta(minutes=2 * minutes), dies)
    carry_on(acme, now + timedelta(minutes=6), dies)
    with acme.scope():
        drill = Drill.objects.get()
        assert (drill.state, drill.passed) == (Drill.State.DONE, False)
        assert not ApiKey.objects.filter(name__startswith="Drill").exists()
        services.start_drill(actor="system", now=now)


def test_where_another_system_says_what_is_handed_over_and_who_gets_it_that_is_no_fault(
    acme: Org, now: datetime, api_clock: Any
) -> None:
    with acme.scope():
        LeadSettings.objects.update_or_create(
            defaults={"triggers": ["outside_stage"], "outside_stages": ["MQL"]}
        )
        RoutingSettings.objects.update(enabled=False)
    begin(acme, now)
    drill = run(acme, now)
    found = {line["step"]: line["result"] for line in drill.cards[0]["lines"]}
    assert (found["qualified"], found["routed"]) == ("ok", "left_out")


# --- The plan ---


def plan_form(**changes: str) -> dict[str, str]:
    rows = {
        "leads-TOTAL_FORMS": "2",
        "leads-INITIAL_FORMS": "0",
        "leads-0-name": "From France",
        "leads-0-kind": "demo_request",
        "leads-0-country": "France",
        "leads-0-employees": "300",
    }
    return {"seconds": "15", "weekday": "1", "at": "09:30", **rows, **changes}


def test_the_plan_is_written_and_a_drill_begins_by_itself_at_its_hour(acme: Org, now: datetime) -> None:
    client = as_(acme.admin)
    assert client.post("/drill/plan", plan_form()).status_code == 302
    with acme.scope():
        plan = DrillPlan.objects.get()
        assert [lead["name"] for lead in plan.leads] == ["From France"]
        DrillPlan.objects.update(next_at=now)
    carry_on(acme, now, unreachable)
    with acme.scope():
        drill = Drill.objects.get()
        assert (drill.seconds, drill.leads[0]["country"]) == (15, "France")
        later = DrillPlan.objects.get().next_at
    assert "Begun by the weekly plan." in client.get(f"/drill/{drill.id}").content.decode()
    assert later is not None
    assert later > now
    assert later.astimezone().weekday() is not None


def test_next_week_is_counted_by_the_clocks_of_the_organisation(now: datetime) -> None:
    plan = DrillPlan(weekday=1, minute=9 * 60 + 30)  # Tuesdays
    first = next_run(plan, "Europe/Berlin", now)
    assert first is not None
    assert f"{first:%a %H:%M}" == "Tue 09:30"
    second = next_run(plan, "Europe/Berlin", first)
    assert second is not None
    assert (second.date() - first.date()).days == 7
    assert next_run(DrillPlan(weekday=None), "Europe/Berlin", now) is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"seconds": "5"}, "At least 10."),
        ({"leads-0-kind": ""}, "This is required."),
        ({"leads-0-kind": "demo_reqest"}, "asks about &#x27;demo_reqest&#x27;. There are: demo_request"),
        (
            {"leads-0-name": "", "leads-0-kind": "", "leads-0-country": "", "leads-0-employees": ""},
            "at least one",
        ),
        ({"leads-1-name": "From France", "leads-1-kind": "webinar"}, "Another lead is called so."),
        ({"leads-0-employees": "-1"}, "At least 0."),
        ({"weekday": "9"}, "Select a valid choice"),
        ({"leads-TOTAL_FORMS": "x"}, "ManagementForm"),
    ],
)
def test_a_wrong_plan_is_refused_beside_its_field(acme: Org, changes: dict[str, str], said: str) -> None:
    answer = as_(acme.admin).post("/drill/plan", plan_form(**changes))
    assert answer.status_code == 422
    assert said in text_of(answer)
    with acme.scope():
        assert not DrillPlan.objects.exists()


# --- The API ---


def test_drills_by_call(acme: Org, globex: Org, now: datetime, post: Call, get: Call) -> None:
    made = post(acme, "drills", {"seconds": 12, "leads": [{"name": "A", "kind": "demo_request"}]})
    assert made.status_code == 201
    assert post(acme, "drills", {}).status_code == 409
    assert get(acme, "drills").json()["results"][0]["id"] == made.json()["id"]
    assert get(globex, f"drills/{made.json()['id']}").status_code == 404
    assert get(globex, "drills").json()["results"] == []
    run(acme, now)
    found = get(acme, f"drills/{made.json()['id']}").json()
    assert (found["state"], found["passed"]) == ("done", True)
    assert found["cards"][0]["lines"][0]["step"] == "received"
    assert post(acme, f"drills/{made.json()['id']}/stop", {}).status_code == 409
    wrong = post(globex, "drills", {"leads": [{"name": "", "kind": "x"}], "seconds": 5})
    assert {each["path"] for each in wrong.json()["errors"]} == {"/leads/0/name", "/seconds"}


def test_the_plan_by_call(acme: Org, api_clock: Any, client: Client) -> None:
    def put(body: dict[str, Any]) -> Any:
        return client.put(
            "/api/v1/drills/plan", json.dumps(body), content_type="application/json", headers=acme.auth
        )

    leads = [{"name": "A", "kind": "demo_request"}]
    said = {"leads": leads, "seconds": 30, "weekday": 0, "minute": 600}
    assert put(said).json()["next_at"] is not None
    assert put({**said, "weekday": None}).json()["next_at"] is None
    twice = put({**said, "leads": leads * 2})
    assert (twice.status_code, twice.json()["errors"][0]["path"]) == (400, "/leads/1/name")


# --- The receiver ---


def test_the_receiver_takes_only_what_is_signed_and_about_the_drill(
    acme: Org, globex: Org, now: datetime, api_clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(acme, now)
    carry_on(acme, now, over_http)
    with acme.scope():
        endpoint = WebhookEndpoint.objects.get(is_own=True)
        handoff = Handoff.objects.first()
        assert handoff is not None
        from notifications.secrets import signing_secrets

        secrets = signing_secrets(endpoint, now)
    monkeypatch.setattr(receiver, "database_clock", fixed_clock(now))

    def send(org: Org, body: bytes, **headers: str) -> int:
        signed = sign_webhook(secrets, message_id="m1", timestamp=now, body=body)
        path = f"/drill/receiver/{org.id}"
        return (
            Client()
            .post(path, body, content_type="application/json", headers={**signed, **headers})
            .status_code
        )

    good = json.dumps({"type": "lead.assigned", "data": {"handoff": str(handoff.id)}}).encode()
    assert send(acme, good) == 204
    assert send(acme, good) == 204  # the same message again is the same receipt
    assert send(acme, good, **{"webhook-signature": "v1,AAAA"}) == 401
    assert send(globex, good) == 401
    assert send(acme, b"[]") == 204
    assert send(acme, b"x" * 60_000) == 413
    stranger = json.dumps({"type": "lead.assigned", "data": {"handoff": str(uuid4())}}).encode()
    assert send(acme, stranger) == 204
    with acme.scope():
        assert DrillReceipt.objects.filter(kind="lead.assigned", handoff_id=handoff.id).count() == 1
        assert DrillReceipt.objects.count() == 1


def test_the_portals_own_webhook_is_nobodys_to_see_or_change(acme: Org, now: datetime) -> None:
    begin(acme, now)
    carry_on(acme, now, unreachable)
    with acme.scope():
        endpoint = WebhookEndpoint.objects.get(is_own=True)
    client = as_(acme.admin)
    assert str(endpoint.id) not in client.get("/webhooks").content.decode()
    assert client.get(f"/webhooks/{endpoint.id}").status_code == 404


def test_the_organisations_own_webhooks_hear_of_its_leads_as_test_leads(
    acme: Org, now: datetime, api_clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[dict[str, Any]] = []
    to_the_portal = WebhookChannel.send

    def send(self: WebhookChannel, parcel: Parcel, messages: Sequence[Rendered], at: datetime) -> Any:
        if parcel.address != "https://ours.example/hook":
            return to_the_portal(self, parcel, messages, at)
        heard.append(json.loads(body_of(messages[0])))
        return Sent()

    monkeypatch.setattr(WebhookChannel, "send", send)
    with acme.scope():
        WebhookEndpoint.objects.create(url="https://ours.example/hook", created_at=now)
    begin(acme, now)
    assert run(acme, now).passed is True
    assert {"lead.assigned", "timer.breached", "lead.moved"} <= {each["type"] for each in heard}
    assert {each["data"]["context"]["lead"]["test"] for each in heard} == {True}


def test_an_organisation_without_a_plan_drills_with_the_usual_leads(acme: Org, now: datetime) -> None:
    with acme.scope():
        assert [lead["kind"] for lead in plan_of(now).leads] == [
            "demo_request",
            "pricing_page",
            "contact_form",
        ]


@pytest.mark.django_db(transaction=True)
def test_several_who_write_the_first_plan_at_once_write_one() -> None:
    now = database_clock()
    org = make_org("acme", now=now)

    def write() -> None:
        with org.scope():
            change_plan(
                tenant=org.tenant,
                leads=[{"name": "A", "kind": "demo_request"}],
                seconds=20,
                weekday=None,
                minute=540,
                actor="system",
                now=now,
            )

    in_threads(*[write] * 6)
    with org.scope():
        assert DrillPlan.objects.count() == 1
