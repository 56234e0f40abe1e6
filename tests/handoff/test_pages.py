"""What people see and do in the browser, without any script."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import pytest
from django.test import Client

from feedback.models import Disposition
from handoff import pauses, services
from handoff.intake import receive_lead
from handoff.services import Actor
from handoff.sweep import sweep_tenant
from leads.incoming import CompanyIn, EngagementIn, LeadIn
from leads.models import Lead, Touch
from tenants.clock import fixed_clock
from tenants.models import Member, RepProfile
from tests.factories import Org, engaged
from tests.handoff.conftest import browser, handoff_of, new_lead, owner_of, someone_else, timer_of

pytestmark = pytest.mark.django_db
AtHand = Callable[[datetime], None]


def text_of(client: Client, path: str, **headers: str) -> str:
    answer = client.get(path, headers=headers)
    assert answer.status_code == 200, (path, answer.status_code)
    return answer.content.decode()


@pytest.fixture
def rep(acme: Org, ruth: Lead) -> Client:
    """Ruth's owner, logged in."""
    return browser(owner_of(acme, ruth))


# --- Inbox ---


def test_the_inbox_groups_by_urgency_and_sorts_by_due_time(acme: Org, now: datetime, at_hand: AtHand) -> None:
    with acme.scope():
        RepProfile.objects.exclude(member=acme.reps[0]).update(on_rotation=False)
    new_lead(acme, now - timedelta(minutes=58), "a@one.example", kind="pricing_page", first_name="Risk")
    new_lead(acme, now - timedelta(minutes=3), "b@two.example", first_name="Soon")
    new_lead(acme, now - timedelta(minutes=9), "c@three.example", first_name="Late")
    new_lead(acme, now - timedelta(minutes=1), "d@four.example", first_name="Sooner", kind="pricing_page")
    at_hand(now)
    page = text_of(browser(acme.reps[0]), "/inbox")
    queue = page[: page.index("sp-split-detail")]
    places = [
        queue.index(word) for word in ("Late Adeyemi", "Risk Adeyemi", "Soon Adeyemi", "Sooner Adeyemi")
    ]
    assert places == sorted(places)
    heads = [queue.index(f"<h2>{word}") for word in ("Overdue", "At risk", "On time")]
    assert heads[0] < places[0] < heads[1] < places[1] < heads[2] < places[2]
    assert "4 waiting for you" in queue
    assert 'data-sp-clock="up"' in queue


def test_the_inbox_shows_only_own_leads_and_its_list_alone_when_asked(
    acme: Org, ruth: Lead, rep: Client, at_hand: AtHand, later: datetime
) -> None:
    at_hand(later)
    assert "Ruth Adeyemi" in text_of(rep, "/inbox")
    other = browser(someone_else(acme, ruth))
    page = text_of(other, "/inbox")
    assert "Ruth" not in page
    assert "Nothing to decide" in page
    part = text_of(rep, "/inbox", **{"HX-Request": "true", "HX-Target": "queue"})
    assert "Ruth Adeyemi" in part
    assert "<html" not in part
    assert "sp-split-detail" not in part


def test_outside_hours_a_clock_stands_under_closed_hours_and_not_under_paused(
    acme: Org, ruth: Lead, rep: Client, at_hand: AtHand, now: datetime
) -> None:
    with acme.scope():
        services.log_touch(
            lead_id=ruth.id, kind="call", actor=Actor.person(owner_of(acme, ruth)), clock=fixed_clock(now)
        )
    at_hand(now.replace(hour=18))
    page = text_of(rep, "/inbox")
    assert "resumes Wed 09:00" in page
    assert "<h2>Closed hours</h2>" in page
    assert "<h2>Paused" not in page
    assert "Paused <small>0</small>" in page
    assert "No lead is paused" in text_of(rep, "/inbox?tab=paused")


def test_a_paused_lead_stands_under_paused_by_day_and_by_night(
    acme: Org, ruth: Lead, rep: Client, at_hand: AtHand, later: datetime
) -> None:
    with acme.scope():
        pauses.pause_lead(
            lead_id=ruth.id, reason="legal_check", actor=Actor.person(acme.manager), clock=fixed_clock(later)
        )
    for at in (later, later.replace(hour=18)):
        at_hand(at)
        page = text_of(rep, "/inbox")
        assert "<h2>Paused</h2>" in page
        assert "<h2>Closed hours" not in page
        assert "Paused <small>1</small>" in page
        assert "Ruth Adeyemi" in text_of(rep, "/inbox?tab=paused")


def test_accepted_leads_move_to_working_with_their_attempts(
    acme: Org, ruth: Lead, rep: Client, at_hand: AtHand, later: datetime
) -> None:
    actor = Actor.person(owner_of(acme, ruth))
    with acme.scope():
        services.log_touch(lead_id=ruth.id, kind="call", actor=actor, clock=fixed_clock(later))
        services.accept_lead(lead_id=ruth.id, actor=actor, clock=fixed_clock(later))
    at_hand(later)
    assert "Nothing to decide" in text_of(rep, "/inbox")
    working = text_of(rep, "/inbox?tab=working")
    assert "Ruth Adeyemi" in working
    assert "1 attempt" in working


def test_done_tells_what_became_of_the_clock(
    acme: Org, ruth: Lead, rep: Client, at_hand: AtHand, later: datetime
) -> None:
    actor = Actor.person(owner_of(acme, ruth))
    with acme.scope():
        services.log_touch(lead_id=ruth.id, kind="call", actor=actor, clock=fixed_clock(later))
        services.reject_lead(lead_id=ruth.id, reason="wrong_title", actor=actor, clock=fixed_clock(later))
    at_hand(later)
    page = text_of(rep, "/inbox?tab=done")
    assert "Met in 2 min" in page
    assert "Rejected 10:02" in page


# --- Who may open what ---


def test_who_may_open_a_lead(acme: Org, globex: Org, ruth: Lead) -> None:
    path = f"/leads/{ruth.id}"
    assert browser(owner_of(acme, ruth)).get(path).status_code == 200
    for member in (acme.manager, acme.admin, acme.marketing, acme.executive):
        assert browser(member).get(path).status_code == 200
    assert browser(someone_else(acme, ruth)).get(path).status_code == 404
    for member in (globex.admin, globex.manager, globex.reps[0]):
        answer = browser(member).get(path)
        assert answer.status_code == 404
        assert b"Ruth" not in answer.content
    assert Client().get(path).status_code == 302


def test_a_manager_of_another_team_sees_only_what_nobody_owns(acme: Org, ruth: Lead, now: datetime) -> None:
    with acme.scope():
        Member.objects.filter(id=acme.fallback.id).update(team=None)
    outsider = browser(acme.fallback)
    assert outsider.get(f"/leads/{ruth.id}").status_code == 404
    assert "Ruth" not in text_of(outsider, "/board")
    with acme.scope():
        RepProfile.objects.update(on_rotation=False)
    stray = new_lead(acme, now, "stray@nobody.example", first_name="Stray")
    assert outsider.get(f"/leads/{stray.id}").status_code == 200
    assert "Stray" in text_of(outsider, "/unrouted")


@pytest.mark.parametrize(
    "act", ["accept", "reject", "nurture", "touch", "hand-over", "reassign", "stage", "retry"]
)
def test_readers_and_strangers_cannot_act(acme: Org, globex: Org, ruth: Lead, act: str) -> None:
    said = {"reason": "wrong_title", "why": "x", "kind": "call", "to": ""}
    for member, status in ((acme.marketing, 403), (acme.executive, 403), (globex.manager, 404)):
        assert browser(member).post(f"/leads/{ruth.id}/{act}", said).status_code == status
    stranger = browser(someone_else(acme, ruth)).post(f"/leads/{ruth.id}/{act}", said)
    assert stranger.status_code in (403, 404)
    handoff = handoff_of(acme, ruth)
    assert (handoff.state, handoff.hops, handoff.accepted_at, handoff.first_touch_at) == (
        "open",
        0,
        None,
        None,
    )


# --- The lead's page ---


def test_the_page_explains_the_lead(
    acme: Org, ruth: Lead, rep: Client, at_hand: AtHand, later: datetime
) -> None:
    at_hand(later)
    page = text_of(rep, f"/leads/{ruth.id}")
    for words in (
        "First touch · on time",
        "Accept or reject · on time",
        "Promised: first touch",
        "Due 10:05 CET.",
        "Then it moves to the next person",
        "Demo request",
        "It was your turn in Inbound",
        "Why they qualified",
        "was told by e-mail and in the app.",
        "Became MQL",
        'data-sp-key="a"',
        'data-sp-key="r"',
        'data-sp-key="l"',
        "Missing",
    ):
        assert words in page, words


def test_somebody_else_reads_whose_turn_it_was(acme: Org, ruth: Lead) -> None:
    other = Client()
    other.force_login(acme.admin.user, backend="tenants.auth.EmailBackend")
    page = text_of(other, f"/leads/{ruth.id}")
    assert page.count("It was their turn in Inbound") == 2  # under the reasons and in the timeline
    assert "your turn" not in page


def test_sla_only_leaves_out_what_the_lead_did(acme: Org, ruth: Lead, rep: Client) -> None:
    assert "Asked for a demo" in text_of(rep, f"/leads/{ruth.id}")
    only = text_of(rep, f"/leads/{ruth.id}?show=sla")
    assert "Asked for a demo" not in only
    assert "Assigned to" in only


def test_the_decision_names_everybody_and_why(acme: Org, ruth: Lead, rep: Client) -> None:
    page = text_of(rep, f"/leads/{ruth.id}/decision")
    for person in acme.reps:
        assert person.name in page
    assert "Comes later in the rotation" in page
    assert "Their turn in the pool" in page


def test_a_former_owner_reads_who_has_it_and_loses_nothing(
    acme: Org, ruth: Lead, rep: Client, at_hand: AtHand
) -> None:
    due = timer_of(acme, ruth, "first_touch").due_at
    moment = due + timedelta(seconds=5)
    sweep_tenant(acme.id, clock=fixed_clock(moment))
    new = owner_of(acme, ruth)
    at_hand(moment)
    page = text_of(rep, f"/leads/{ruth.id}")
    assert f"{new.name} owns this lead since 10:05" in page
    assert "sp-sticky-actions" not in page
    refused = rep.post(f"/leads/{ruth.id}/accept")
    assert refused.status_code == 409
    assert f"belongs to {new.name} since 17 Nov, 10:05 CET" in refused.content.decode()
    typed = rep.post(f"/leads/{ruth.id}/reject", {"reason": "wrong_title", "note": "All that I typed."})
    assert typed.status_code == 409
    assert "All that I typed." in typed.content.decode()
    assert f"belongs to {new.name}" in typed.content.decode()
    assert handoff_of(acme, ruth).state == "open"


def test_closed_leads_show_missed_for_good(acme: Org, ruth: Lead, rep: Client, at_hand: AtHand) -> None:
    due = timer_of(acme, ruth, "first_touch").due_at
    actor = Actor.person(owner_of(acme, ruth))
    with acme.scope():
        services.log_touch(
            lead_id=ruth.id, kind="call", actor=actor, clock=fixed_clock(due + timedelta(minutes=18))
        )
        services.reject_lead(
            lead_id=ruth.id, reason="wrong_title", actor=actor, clock=fixed_clock(due + timedelta(minutes=19))
        )
    at_hand(due + timedelta(days=1))
    page = text_of(rep, f"/leads/{ruth.id}")
    assert "First touch · missed" in page
    assert "Accept or reject · met" in page
    assert "Missed by 18 min" in text_of(rep, "/inbox?tab=done")


# --- Acts ---


def undo_path(client: Client, page: str) -> str:
    start = page.index('action="/leads/', page.index('id="sp-toasts"')) + len('action="')
    return page[start : page.index('"', start)]


def test_accept_by_a_plain_form_and_undo_by_another(
    acme: Org, ruth: Lead, rep: Client, at_hand: AtHand, later: datetime
) -> None:
    at_hand(later)
    went = rep.post(f"/leads/{ruth.id}/accept", {"next": "/inbox?tab=decide"}, follow=True)
    assert went.redirect_chain == [("/inbox?tab=decide", 302)]
    page = went.content.decode()
    assert "Ruth Adeyemi is accepted." in page
    assert handoff_of(acme, ruth).accepted_at == later
    at_hand(later + timedelta(seconds=7))
    rep.post(undo_path(rep, page))
    assert handoff_of(acme, ruth).accepted_at is None


def test_after_an_act_nobody_is_sent_to_another_site(acme: Org, ruth: Lead, rep: Client) -> None:
    for evil in ("https://evil.example/", "//evil.example", "javascript:alert(1)"):
        path = rep.post(
            f"/leads/{ruth.id}/touch", {"kind": "sms", "at": "2026-11-17T10:00", "next": evil}
        ).url
        assert urlsplit(path).netloc == ""
        assert path == f"/leads/{ruth.id}"


def test_logging_a_touch_accepts_in_the_same_step_and_undoes_both(
    acme: Org, ruth: Lead, rep: Client, at_hand: AtHand, later: datetime
) -> None:
    at_hand(later)
    form = text_of(rep, f"/leads/{ruth.id}/touch")
    assert 'value="2026-11-17T10:02"' in form
    assert "Accept the lead too" in form
    said = {
        "kind": "call",
        "at": "2026-11-17T10:02",
        "outcome": "Talked",
        "note": "Wants a demo.",
        "accept": "on",
    }
    page = rep.post(f"/leads/{ruth.id}/touch", said, follow=True).content.decode()
    assert "Call logged, Ruth Adeyemi is accepted." in page
    handoff = handoff_of(acme, ruth)
    assert (handoff.first_touch_at, handoff.accepted_at) == (later, later)
    at_hand(later + timedelta(seconds=5))
    rep.post(undo_path(rep, page))
    handoff = handoff_of(acme, ruth)
    assert (handoff.first_touch_at, handoff.accepted_at) == (None, None)


def test_a_touch_of_the_future_is_refused_in_the_form_and_nothing_is_half_done(
    acme: Org, ruth: Lead, rep: Client, at_hand: AtHand, later: datetime
) -> None:
    at_hand(later)
    said = {"kind": "call", "at": "2026-11-17T11:30", "note": "Kept text.", "accept": "on"}
    answer = rep.post(f"/leads/{ruth.id}/touch", said)
    assert answer.status_code == 422
    assert "cannot lie in the future" in answer.content.decode()
    assert "Kept text." in answer.content.decode()
    assert handoff_of(acme, ruth).accepted_at is None
    with acme.scope():
        assert Touch.objects.count() == 0


def test_a_back_dated_touch_in_the_form_counts_from_when_it_was_made(
    acme: Org, ruth: Lead, rep: Client, at_hand: AtHand, now: datetime
) -> None:
    at_hand(now + timedelta(minutes=4, seconds=50))
    rep.post(f"/leads/{ruth.id}/touch", {"kind": "email", "at": "2026-11-17T10:00"})
    assert handoff_of(acme, ruth).first_touch_at == now
    assert timer_of(acme, ruth, "first_touch").business_seconds == 0


def test_rejecting_needs_a_reason_and_other_a_note(acme: Org, ruth: Lead, rep: Client) -> None:
    path = f"/leads/{ruth.id}/reject"
    page = text_of(rep, path)
    assert "Wrong title" in page
    assert "required for Other" in page
    nothing = rep.post(path, {})
    assert nothing.status_code == 422
    assert "Choose a reason." in nothing.content.decode()
    other = rep.post(path, {"reason": "other", "note": ""})
    assert other.status_code == 422
    assert "needs a note" in other.content.decode()
    assert handoff_of(acme, ruth).state == "open"
    done = rep.post(path, {"reason": "other", "note": "Sells to us."}, follow=True)
    assert "Marketing sees your reason" in done.content.decode()
    with acme.scope():
        assert Disposition.objects.get().note == "Sells to us."


def test_a_dialog_answers_htmx_with_itself_and_success_with_a_redirect(
    acme: Org, ruth: Lead, rep: Client
) -> None:
    path, htmx = f"/leads/{ruth.id}/reject", {"HX-Request": "true", "HX-Target": "sp-modal"}
    dialog = text_of(rep, f"{path}?next=/inbox", **htmx)
    assert dialog.lstrip().startswith("<dialog")
    assert f'hx-post="{path}"' in dialog
    refused = rep.post(path, {}, headers=htmx)
    assert refused.status_code == 422
    assert refused.content.decode().lstrip().startswith("<dialog")
    done = rep.post(path, {"reason": "wrong_title"}, headers=htmx)
    assert (done.status_code, done["HX-Redirect"]) == (200, "/inbox")


@pytest.mark.parametrize(
    ("wanted", "led_to"),
    [
        ("/inbox\r\nA: b", "/leads/{id}"),
        ("/inbox?\x00", "/leads/{id}"),
        ("//evil.example", "/leads/{id}"),
        ("/board?q=Zoë", "/board?q=Zo%C3%AB"),
    ],
)
def test_an_act_of_htmx_leads_to_a_clean_path_whatever_was_asked_for(
    ruth: Lead, rep: Client, wanted: str, led_to: str
) -> None:
    done = rep.post(f"/leads/{ruth.id}/accept", {"next": wanted}, headers={"HX-Request": "true"})
    assert (done.status_code, done["HX-Redirect"]) == (200, led_to.format(id=ruth.id))


def test_nurture_and_stage_by_form(
    acme: Org, ruth: Lead, rep: Client, at_hand: AtHand, later: datetime
) -> None:
    at_hand(later)
    rep.post(f"/leads/{ruth.id}/accept")
    assert "SQL" in text_of(rep, f"/leads/{ruth.id}/stage")
    rep.post(f"/leads/{ruth.id}/stage", {"to": "sql"})
    assert handoff_of(acme, ruth).lead.stage == "sql"
    refused = rep.post(f"/leads/{ruth.id}/nurture", {"reason": "not_evaluating", "until": "2026-11-17"})
    assert refused.status_code == 422
    assert "a day to come" in refused.content.decode()
    rep.post(f"/leads/{ruth.id}/nurture", {"reason": "not_evaluating", "until": "2027-01-04"})
    assert handoff_of(acme, ruth).outcome == "nurture"


def test_handing_over_by_form(acme: Org, ruth: Lead, rep: Client, at_hand: AtHand, later: datetime) -> None:
    at_hand(later)
    other = someone_else(acme, ruth)
    page = text_of(rep, f"/leads/{ruth.id}/hand-over")
    assert other.name in page
    assert "0 open" in page
    assert owner_of(acme, ruth).name not in page[page.index("<fieldset") : page.index("</fieldset")]
    refused = rep.post(f"/leads/{ruth.id}/hand-over", {"to": str(other.id), "why": ""})
    assert refused.status_code == 422
    done = rep.post(
        f"/leads/{ruth.id}/hand-over", {"to": str(other.id), "why": "Speaks Polish."}, follow=True
    )
    assert f"goes to {other.name}." in done.content.decode()
    assert owner_of(acme, ruth).id == other.id


# --- Watching ---


def test_the_board_shows_load_absence_and_what_presses(
    acme: Org, ruth: Lead, at_hand: AtHand, now: datetime
) -> None:
    from tenants.services import add_leave

    with acme.scope():
        add_leave(member=acme.reps[2], starts_at=now, ends_at=now + timedelta(days=2))
        RepProfile.objects.update(cap_open=4)
    manager = browser(acme.manager)
    at_hand(now + timedelta(minutes=4, seconds=30))
    page = text_of(manager, "/board")
    assert "out until Thu 10:00" in page
    assert f'?owner={acme.reps[0].id}">1</a> of 4' in page
    at_risk = page[page.index("<h2>At risk") :]
    assert "Ruth Adeyemi" in at_risk
    assert f"/leads/{ruth.id}/reassign" in at_risk
    at_hand(now + timedelta(minutes=6))
    part = text_of(manager, "/board", **{"HX-Request": "true", "HX-Target": "board"})
    assert "<html" not in part
    assert "<h2>Overdue" in part


@pytest.mark.parametrize("path", ["/board", "/unrouted", "/needs-data"])
def test_reps_do_not_watch_others(acme: Org, ruth: Lead, path: str) -> None:
    assert browser(owner_of(acme, ruth)).get(path).status_code == 403


def test_an_unrouted_lead_is_assigned_or_tried_again(acme: Org, now: datetime, at_hand: AtHand) -> None:
    with acme.scope():
        RepProfile.objects.update(on_rotation=False)
    stray = new_lead(acme, now)
    at_hand(now + timedelta(minutes=2))
    manager = browser(acme.manager)
    page = text_of(manager, "/unrouted")
    assert "Nobody in the pool is available" in page
    assert "2 min" in page
    again = manager.post(f"/leads/{stray.id}/retry", follow=True)
    assert "goes to Fay Acme" in again.content.decode() or "Still nobody" in again.content.decode()
    with acme.scope():
        RepProfile.objects.update(on_rotation=True)
    said = {"to": str(acme.reps[1].id), "why": "Yours."}
    manager.post(f"/leads/{stray.id}/reassign", said)
    assert owner_of(acme, stray).id == acme.reps[1].id
    assert "Every open lead has an owner" in text_of(manager, "/unrouted")


def test_needs_data_says_what_is_missing(acme: Org, now: datetime) -> None:
    with acme.scope():
        type(acme.criteria).objects.filter(id=acme.criteria.id).update(
            content={**acme.criteria.content, "required": ["email", "phone", "account.employees"]}
        )
    from leads.criteria import _compiled

    _compiled.cache_clear()
    lead = new_lead(acme, now)
    _compiled.cache_clear()
    page = text_of(browser(acme.marketing), "/needs-data")
    assert lead.full_name in page
    assert "Phone and Employees" in page
    assert "Qualified, and not handed over" in text_of(browser(acme.marketing), f"/leads/{lead.id}")


@pytest.mark.parametrize(
    "text", ["ruth@okapi.example", "RUTH", "ruth ade", "Ade", "Okapi", "okapi.example", "hs-77"]
)
def test_search_finds_by_what_people_know(acme: Org, now: datetime, text: str) -> None:
    lead = new_lead(acme, now, external_system="hubspot", external_id="hs-77")
    new_lead(acme, now, "omar@northgate.example", first_name="Omar", last_name="Haddad")
    page = browser(acme.admin).get("/search", {"q": text}).content.decode()
    assert f"/leads/{lead.id}" in page
    assert "Omar" not in page
    assert (
        f"/leads/{lead.id}"
        not in browser(someone_else(acme, lead)).get("/search", {"q": text}).content.decode()
    )


@pytest.mark.parametrize("text", ["", "x", "%", "_%", "nobody@nowhere.example", "ru%th"])
def test_search_for_nothing_finds_nothing(acme: Org, ruth: Lead, text: str) -> None:
    answer = browser(acme.admin).get("/search", {"q": text})
    assert answer.status_code == 200
    assert "Ruth" not in answer.content.decode()


def test_the_list_of_leads_is_filtered_by_stage(acme: Org, ruth: Lead, globex: Org) -> None:
    admin = browser(acme.admin)
    assert "Ruth Adeyemi" in text_of(admin, "/leads?stage=mql")
    assert "No lead like this" in text_of(admin, "/leads?stage=won")
    assert "Ruth" not in text_of(browser(globex.admin), "/leads")


def test_a_long_list_of_what_is_enough_is_counted_and_kept_to_be_opened(
    acme: Org, now: datetime, at_hand: AtHand
) -> None:
    with acme.scope():
        acme.criteria.state = "retired"
        acme.criteria.save()
        countries = ["AT", "BE", "CH", "DE", "DK", "FR", "NL"]
        kinds = ["demo_request", "pricing_page", "contact_form", "live_chat"]
        type(acme.criteria).objects.create(
            number=2,
            state="published",
            content={
                "rule": {"any": [engaged(kind) for kind in kinds]},
                "fit": {"field": "lead.country", "op": "one_of", "value": countries},
                "required": [],
            },
            created_at=acme.criteria.created_at,
            created_by="system",
        )
        said = LeadIn(
            email="ann@heron.example",
            company=CompanyIn(domain="heron.example", country="DE"),
            engagements=(EngagementIn("live_chat", "", now),),
        )
        lead = receive_lead(item=said, actor="key:test", clock=fixed_clock(now)).lead
    at_hand(now)
    page = text_of(browser(acme.admin), f"/leads/{lead.id}")
    assert "<b>Live chat</b><br>Any one of 4 is enough" in page
    assert "<b>Country: DE (Germany)</b><br>One of 7" in page
    assert page.index("See all 4") < page.index("Pricing page at least once")
