"""A lead that waits: its clocks stand still, by the policy's rules, and go on with what they had left."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from core.errors import Conflict, NotOwner, ValidationFailed
from handoff import clocks, pauses, services
from handoff.intake import receive_lead
from handoff.services import Actor
from handoff.sweep import sweep_tenant
from leads.incoming import EngagementIn, LeadIn
from leads.models import Lead
from sla.auditor import audit_tenant
from sla.models import Pause, Timer
from sla.selectors import status_now
from sla.services import meet
from sla.status import Status
from tenants.clock import database_clock, fixed_clock
from tests.engine.scenes import fired
from tests.factories import Org
from tests.handoff.conftest import browser, handoff_of, new_lead, owner_of, someone_else, timer_of

pytestmark = pytest.mark.django_db


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


def boss() -> Actor:
    return Actor("key:boss", None, oversees=True)


def pause(org: Org, lead: Lead, at: datetime, actor: Actor | None = None, **said: Any) -> Pause:
    with org.scope():
        return pauses.pause_lead(
            lead_id=lead.id,
            reason=said.pop("reason", "waiting_for_lead"),
            actor=actor or Actor.person(owner_of(org, lead)),
            clock=fixed_clock(at),
            **said,
        )


def resume(org: Org, lead: Lead, at: datetime, actor: Actor | None = None) -> Pause:
    with org.scope():
        return pauses.resume_lead(
            lead_id=lead.id, actor=actor or Actor.person(owner_of(org, lead)), clock=fixed_clock(at)
        )


def sweep_at(org: Org, at: datetime) -> None:
    while sweep_tenant(org.id, clock=fixed_clock(at)).taken:
        pass


def nothing_is_amiss(org: Org, at: datetime) -> bool:
    with org.scope():
        return audit_tenant(now=at, full=True) == []


def test_a_pause_stops_both_clocks_and_a_resume_gives_them_the_time_they_had(
    acme: Org, ruth: Lead, now: datetime
) -> None:
    pause(acme, ruth, now + minutes(2))
    sweep_at(acme, now + minutes(30))
    for clock in ("owner", "company"):
        timer = timer_of(acme, ruth, "first_touch", clock)
        assert (timer.state, timer.paused_at, timer.next_at) == ("paused", now + minutes(2), None)
        with acme.scope():
            assert status_now(timer, now=now + minutes(30)) == Status.PAUSED
    ended = resume(acme, ruth, now + minutes(30))
    assert (ended.ended_at, ended.end_reason) == (now + minutes(30), "resumed")
    for clock in ("owner", "company"):
        timer = timer_of(acme, ruth, "first_touch", clock)
        assert (timer.state, timer.due_at, timer.generation) == ("running", now + minutes(33), 2)
    owner = timer_of(acme, ruth, "first_touch")
    assert (owner.next_at, owner.warn_at) == (now + minutes(30.5), now + minutes(32))
    assert nothing_is_amiss(acme, now + minutes(30))
    sweep_at(acme, now + minutes(34))
    with acme.scope():
        assert fired(handoff_of(acme, ruth))[:3] == [50, 80, 100]
    assert nothing_is_amiss(acme, now + minutes(34))


def test_a_pause_over_the_night_costs_only_its_working_time(acme: Org, now: datetime) -> None:
    lead = new_lead(acme, now, kind="contact_form")  # four hours from 10:00 in Berlin
    due_at = timer_of(acme, lead, "first_touch").due_at
    evening = datetime(2026, 11, 17, 16, 0, tzinfo=UTC)  # 17:00, half an hour before closing
    assert due_at < evening
    other = new_lead(acme, evening, email="ada@gnu.example", kind="contact_form")
    pause(acme, other, evening + minutes(15))
    resume(acme, other, datetime(2026, 11, 18, 8, 15, tzinfo=UTC))  # 09:15
    timer = timer_of(acme, other, "first_touch")
    # A quarter of an hour of each day was paused; a quarter had been used.
    assert timer.due_at == datetime(2026, 11, 18, 12, 0, tzinfo=UTC)


def test_an_answer_during_a_pause_is_in_time_and_leaves_out_the_pause(
    acme: Org, ruth: Lead, now: datetime
) -> None:
    pause(acme, ruth, now + minutes(2))
    with acme.scope():
        services.log_touch(
            lead_id=ruth.id,
            kind="call",
            actor=Actor.person(owner_of(acme, ruth)),
            clock=fixed_clock(now + minutes(40)),
        )
    timer = timer_of(acme, ruth, "first_touch")
    assert (timer.state, timer.business_seconds, timer.paused_seconds) == ("met", 120, 38 * 60)
    assert timer.wall_seconds == 40 * 60
    assert (timer.due_at, timer.paused_at) == (now + minutes(43), None)  # as late as the pause has made it


def test_a_pause_ends_by_itself_as_of_its_end_however_late_the_engine_is(
    acme: Org, ruth: Lead, now: datetime
) -> None:
    made = pause(acme, ruth, now + minutes(2), until=now + minutes(20))
    assert made.until == now + minutes(20)
    assert pauses.tenants_with_ended_pauses(now + minutes(19)) == []
    assert pauses.tenants_with_ended_pauses(now + minutes(60)) == [acme.id]
    assert pauses.end_pauses(acme.id, clock=fixed_clock(now + minutes(60))) == 1
    timer = timer_of(acme, ruth, "first_touch")
    assert (timer.state, timer.due_at) == ("running", now + minutes(23))
    with acme.scope():
        ended = Pause.objects.get()
    assert (ended.ended_at, ended.end_reason, ended.ended_by) == (now + minutes(20), "time_up", "engine")
    assert pauses.end_pauses(acme.id, clock=fixed_clock(now + minutes(61))) == 0


def test_without_an_end_it_lasts_as_long_as_the_policy_allows(acme: Org, ruth: Lead, now: datetime) -> None:
    assert pause(acme, ruth, now).until == datetime(2026, 11, 24, 9, 0, tzinfo=UTC)  # five business days


@pytest.mark.parametrize(
    ("said", "path"),
    [
        ({"reason": "lunch"}, "/reason"),
        ({"reason": "legal_check"}, "/reason"),  # a manager's to say
        ({"until": datetime(2026, 11, 17, 8, 0, tzinfo=UTC)}, "/until"),
        ({"until": datetime(2026, 11, 17, 9, 0, tzinfo=UTC)}, "/until"),  # now is no time to come
        ({"until": datetime(2026, 11, 25, 9, 0, tzinfo=UTC)}, "/until"),
        ({"note": "x" * 301}, "/note"),
    ],
)
def test_what_the_policy_does_not_allow_is_refused_at_its_place(
    acme: Org, ruth: Lead, now: datetime, said: dict[str, Any], path: str
) -> None:
    with pytest.raises(ValidationFailed) as refusal:
        pause(acme, ruth, now, **said)
    assert [error.path for error in refusal.value.field_errors] == [path]
    assert timer_of(acme, ruth, "first_touch").state == "running"


def test_a_pause_may_last_to_the_last_moment_that_the_policy_allows(
    acme: Org, ruth: Lead, now: datetime
) -> None:
    latest = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)  # five business days
    with pytest.raises(ValidationFailed):
        pause(acme, ruth, now, until=latest + timedelta(microseconds=1))
    assert pause(acme, ruth, now, until=latest).until == latest


def test_where_every_clock_is_answered_there_is_nothing_to_pause(
    acme: Org, ruth: Lead, now: datetime
) -> None:
    with acme.scope():
        for target in ("first_touch", "decision"):
            meet([handoff_of(acme, ruth).id], target, at=now + minutes(1), now=now + minutes(1))
    with pytest.raises(Conflict, match="No clock of this lead runs"):
        pause(acme, ruth, now + minutes(2))
    with acme.scope():
        assert not Pause.objects.exists()


def test_who_resumes_at_the_very_end_of_a_pause_finds_its_time_up(
    acme: Org, ruth: Lead, now: datetime
) -> None:
    pause(acme, ruth, now + minutes(2), until=now + minutes(20))
    ended = resume(acme, ruth, now + minutes(20))
    assert (ended.ended_at, ended.end_reason) == (now + minutes(20), "time_up")
    assert timer_of(acme, ruth, "first_touch").due_at == now + minutes(23)


def test_a_manager_may_pause_for_more_reasons_than_a_rep(acme: Org, ruth: Lead, now: datetime) -> None:
    assert (
        pause(acme, ruth, now, actor=Actor.person(acme.manager), reason="legal_check").name == "Legal check"
    )


def test_it_is_the_owners_to_pause_and_only_once(acme: Org, ruth: Lead, now: datetime) -> None:
    with pytest.raises(NotOwner):
        pause(acme, ruth, now, actor=Actor.person(someone_else(acme, ruth)))
    pause(acme, ruth, now)
    with pytest.raises(Conflict, match="paused already"):
        pause(acme, ruth, now + minutes(1))
    resume(acme, ruth, now + minutes(1))
    with pytest.raises(Conflict, match="not paused"):
        resume(acme, ruth, now + minutes(2))


def test_a_broken_clock_is_not_paused(acme: Org, ruth: Lead, now: datetime) -> None:
    pause(acme, ruth, now + minutes(6))  # the first touch was due a minute ago, and no sweep has looked
    assert timer_of(acme, ruth, "first_touch", "company").state == "running"
    assert timer_of(acme, ruth, "decision", "company").state == "paused"
    sweep_at(acme, now + minutes(7))
    assert timer_of(acme, ruth, "first_touch", "company").state == "breached"


def test_a_lead_that_comes_back_ends_its_own_pause(acme: Org, ruth: Lead, now: datetime) -> None:
    pause(acme, ruth, now + minutes(1))
    with acme.scope():
        receive_lead(
            item=LeadIn(
                email="ruth@okapi.example", engagements=(EngagementIn("email_reply", "", now + minutes(9)),)
            ),
            actor="key:test",
            clock=fixed_clock(now + minutes(9)),
        )
        assert Pause.objects.get().end_reason == "engaged"
    assert timer_of(acme, ruth, "first_touch").due_at == now + minutes(13)


def test_the_next_owner_has_not_agreed_to_wait(acme: Org, ruth: Lead, now: datetime) -> None:
    pause(acme, ruth, now + minutes(1))
    with acme.scope():
        services.reassign_lead(
            lead_id=ruth.id, why="Away.", actor=boss(), clock=fixed_clock(now + minutes(4))
        )
        assert Pause.objects.get().end_reason == "moved"
    assert timer_of(acme, ruth, "first_touch", "company").due_at == now + minutes(8)
    assert timer_of(acme, ruth, "first_touch").due_at == now + minutes(9)
    assert nothing_is_amiss(acme, now + minutes(4))


def test_a_handoff_that_ends_ends_its_pause(acme: Org, ruth: Lead, now: datetime) -> None:
    pause(acme, ruth, now + minutes(1))
    with acme.scope():
        services.reject_lead(
            lead_id=ruth.id,
            reason="wrong_title",
            actor=Actor.person(owner_of(acme, ruth)),
            clock=fixed_clock(now + minutes(5)),
        )
        assert Pause.objects.get().end_reason == "closed"
        assert not Timer.objects.filter(state="paused").exists()
    assert timer_of(acme, ruth, "decision").state == "met"
    assert nothing_is_amiss(acme, now + minutes(5))


def test_an_undone_touch_finds_the_clock_standing_as_before(acme: Org, ruth: Lead, now: datetime) -> None:
    pause(acme, ruth, now + minutes(2))
    actor = Actor.person(owner_of(acme, ruth))
    with acme.scope():
        touch = services.log_touch(
            lead_id=ruth.id, kind="call", actor=actor, clock=fixed_clock(now + minutes(10))
        )
        services.undo_touch(
            lead_id=ruth.id, touch_id=touch.id, actor=actor, clock=fixed_clock(now + minutes(10.1))
        )
    timer = timer_of(acme, ruth, "first_touch")
    assert (timer.state, timer.paused_at, timer.gaps) == ("paused", now + minutes(2), [])
    resume(acme, ruth, now + minutes(20))
    assert timer_of(acme, ruth, "first_touch").due_at == now + minutes(23)


# --- Page and API ---


def test_a_rep_pauses_and_resumes_on_the_page(acme: Org, now: datetime) -> None:
    lead = new_lead(acme, database_clock(), kind="contact_form")
    client = browser(owner_of(acme, lead))
    dialog = client.get(f"/leads/{lead.id}/pause").content.decode()
    assert "Waiting for the lead" in dialog
    assert "Legal check" not in dialog
    empty = client.post(f"/leads/{lead.id}/pause", {})
    assert empty.status_code == 422
    assert "Choose a reason." in empty.content.decode()
    assert client.post(f"/leads/{lead.id}/pause", {"reason": "waiting_for_lead"}).status_code == 302
    page = client.get(f"/leads/{lead.id}").content.decode()
    assert f'action="/leads/{lead.id}/resume"' in page
    assert "waiting for the lead, until" in page
    assert client.post(f"/leads/{lead.id}/resume").status_code == 302
    assert "Clocks go on" in client.get(f"/leads/{lead.id}").content.decode()


def test_a_program_pauses_and_resumes_over_the_api(acme: Org, globex: Org, now: datetime) -> None:
    lead = new_lead(acme, database_clock(), kind="contact_form")

    def post(path: str, body: dict[str, Any], org: Org = acme) -> Any:
        return Client().post(
            f"/api/v1/leads/{lead.id}/{path}",
            json.dumps(body),
            content_type="application/json",
            headers=org.auth,
        )

    paused = post("pause", {"reason": "waiting_for_lead", "note": "On holiday until Monday."})
    assert (paused.status_code, paused.json()["result"]) == (200, "paused")
    assert {timer["status"] for timer in paused.json()["timers"]} == {"paused"}
    again = post("pause", {"reason": "waiting_for_lead"})
    assert (again.status_code, again.json()["code"]) == (409, "conflict")
    bad = post("pause", {"reason": "lunch"})
    assert [error["path"] for error in bad.json()["errors"]] == ["/reason"]
    assert post("pause", {"reason": "waiting_for_lead"}, globex).status_code == 404
    assert post("resume", {}).json()["result"] == "resumed"
    assert post("resume", {}).status_code == 409


@pytest.mark.parametrize(("minute", "state"), [(22, "met"), (24, "breached")])
def test_an_answer_after_a_pause_whose_end_nobody_noticed_is_judged_as_if_it_had_been(
    acme: Org, ruth: Lead, now: datetime, minute: int, state: str
) -> None:
    """Paused from minute 2 to 20, three of five minutes left: due at 23, engine or no engine."""
    pause(acme, ruth, now + minutes(2), until=now + minutes(20))
    with acme.scope():
        services.log_touch(
            lead_id=ruth.id,
            kind="call",
            actor=Actor.person(owner_of(acme, ruth)),
            clock=fixed_clock(now + minutes(minute)),
        )
    for clock in ("owner", "company"):
        timer = timer_of(acme, ruth, "first_touch", clock)
        assert (timer.state, timer.due_at) == (state, now + minutes(23))
    with acme.scope():
        ended = Pause.objects.get()
    assert (ended.ended_at, ended.end_reason) == (now + minutes(20), "time_up")
    assert nothing_is_amiss(acme, now + minutes(minute))


def test_a_lead_closed_after_an_unnoticed_end_of_its_pause_has_broken_what_it_broke(
    acme: Org, ruth: Lead, now: datetime
) -> None:
    pause(acme, ruth, now + minutes(2), until=now + minutes(20))
    with acme.scope():
        services.reject_lead(
            lead_id=ruth.id,
            reason="wrong_title",
            actor=Actor.person(owner_of(acme, ruth)),
            clock=fixed_clock(now + minutes(30)),
        )
    timer = timer_of(acme, ruth, "first_touch")
    assert (timer.state, timer.breached_at) == ("breached", now + minutes(23))
    assert nothing_is_amiss(acme, now + minutes(30))


def test_a_paused_clock_keeps_what_it_had_left_and_counts_no_pause_as_used(
    acme: Org, ruth: Lead, now: datetime
) -> None:
    """Two of five minutes used when it was paused; so they are an hour later, and when it has gone on."""
    pause(acme, ruth, now + minutes(2), until=now + minutes(120))
    for at in (now + minutes(2), now + minutes(62)):
        timer = timer_of(acme, ruth, "first_touch", "owner")
        with acme.scope():
            shown = clocks.panel(timer, now=at)
            assert (clocks.read(timer, now=at).seconds, shown["unit"]) == (180, "3 min left")
        assert shown["used"] == 40
    with acme.scope():
        pauses.end_pauses(acme.id, clock=fixed_clock(now + minutes(120)))
    timer = timer_of(acme, ruth, "first_touch", "owner")
    with acme.scope():
        assert clocks.read(timer, now=now + minutes(121)).seconds == 120
        assert clocks.panel(timer, now=now + minutes(121))["used"] == 60
