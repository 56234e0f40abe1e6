"""The pages and calls about shadow mode: switching it, and reading what would have happened."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from handoff.shadow import hold_back
from leads.models import Handoff, Lead
from sla.models import HeldBack
from tenants.models import AuditEntry, Member, Mode, Team, Tenant
from tenants.services import save_team, switch_mode
from tests.engine.test_shadow import second_team, switch
from tests.engine.test_sweep import minutes, sweep_at
from tests.factories import Org
from tests.handoff.conftest import browser, new_lead, owner_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def measured(acme: Org, now: datetime, at_hand: Callable[[datetime], None]) -> Lead:
    """A lead of Acme's team, which is in shadow, overdue since a minute."""
    switch(acme, Mode.SHADOW, now - minutes(1), acme.team)
    lead = new_lead(acme, now)
    sweep_at(acme, now + minutes(5))
    at_hand(now + minutes(6))
    return lead


def text(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, answer.content[:300]
    return " ".join(answer.content.decode().split())


def labels(member: Member) -> list[str]:
    nav = browser(member).get("/account").context["nav"]()
    return [item["label"] for group in nav for item in group["items"]]


# --- Switching ---


def test_an_admin_switches_a_team_and_it_says_who_and_when(acme: Org) -> None:
    client = browser(acme.admin)
    assert "Live from the beginning." in text(client, f"/teams/{acme.team.id}/mode")
    answer = client.post(f"/teams/{acme.team.id}/mode", {"mode": "shadow"})
    assert (answer.status_code, answer["Location"]) == (302, "/people")
    with acme.scope():
        team = Team.objects.get(id=acme.team.id)
        assert (team.mode, team.mode_by) == ("shadow", f"member:{acme.admin.id}")
        assert team.mode_since is not None
        entry = AuditEntry.objects.get(action="mode_switched")
        assert (entry.object_id, entry.before, entry.after) == (
            team.id,
            {"mode": "live"},
            {"mode": "shadow"},
        )
    page = text(client, f"/teams/{acme.team.id}/mode")
    assert "switched by Ada Acme." in page
    assert "Nothing is made up for" in page
    assert ">Shadow</a>" in text(client, "/people")
    assert "Nothing is sent and no lead is moved by itself." in text(client, f"/teams/{acme.team.id}")


def test_the_organisations_own_mode_is_switched_beside_the_teams(acme: Org, globex: Org) -> None:
    client = browser(acme.admin)
    client.post("/organisation/mode", {"mode": "shadow"})
    with acme.scope():
        assert Tenant.objects.get(id=acme.id).mode == "shadow"
        assert Team.objects.get(id=acme.team.id).mode == "live"
    with globex.scope():
        assert Tenant.objects.get(id=globex.id).mode == "live"


def test_switching_to_what_it_is_already_leaves_no_trace(acme: Org, now: datetime) -> None:
    with acme.scope():
        changed = switch_mode(tenant=acme.tenant, team=acme.team, mode=Mode.LIVE, actor="key:test", now=now)
        assert changed is False
        assert not AuditEntry.objects.filter(action="mode_switched").exists()
        assert Team.objects.get(id=acme.team.id).mode_since is None


def test_a_mode_that_does_not_exist_is_refused_beside_its_field(acme: Org) -> None:
    answer = browser(acme.admin).post(f"/teams/{acme.team.id}/mode", {"mode": "loud"})
    assert answer.status_code == 422
    assert "loud is not one of the available choices" in answer.content.decode()
    with acme.scope():
        assert Team.objects.get(id=acme.team.id).mode == "live"


@pytest.mark.parametrize("role", ["manager", "marketing", "executive"])
def test_only_an_admin_may_switch(acme: Org, role: str) -> None:
    client = browser(getattr(acme, role))
    for path in (f"/teams/{acme.team.id}/mode", "/organisation/mode"):
        assert client.post(path, {"mode": "shadow"}).status_code == 403
    with acme.scope():
        assert Team.objects.get(id=acme.team.id).mode == "live"


def test_saving_a_team_does_not_write_back_the_mode_that_was_read_before(acme: Org, now: datetime) -> None:
    with acme.scope():
        stale = Team.objects.get(id=acme.team.id)
        switch(acme, Mode.SHADOW, now, acme.team)
        save_team(
            tenant=acme.tenant,
            team=stale,
            name="Inbound north",
            manager=acme.manager,
            director=None,
            backup=None,
            calendar=None,
            actor="key:test",
            now=now,
        )
        team = Team.objects.get(id=acme.team.id)
        assert (team.name, team.mode) == ("Inbound north", "shadow")


# --- The page ---


def test_the_page_says_in_sentences_what_would_have_happened(acme: Org, measured: Lead) -> None:
    owner = owner_of(acme, measured).name
    page = text(browser(acme.admin), "/shadow")
    assert f"Would have told {owner} that the lead is theirs." in page
    assert f"Would have told {owner} that 50% of the time for first touch was used." in page
    assert "Would have told Mona Acme that 80% of the time for first touch was used." in page
    assert "Would have told Mona Acme that first touch was overdue." in page
    assert f"Would have moved the lead from {owner} to the next person in the pool." in page
    assert "Ruth Adeyemi" in page


def test_it_counts_by_team_and_by_recipient(acme: Org, measured: Lead) -> None:
    context = browser(acme.admin).get("/shadow").context
    (line,) = context["lines"]
    assert (line.name, line.in_shadow, line.warned, line.escalated, line.moved, line.messages) == (
        "Inbound",
        True,
        2,
        1,
        1,
        4,
    )
    owner = owner_of(acme, measured).name
    assert {(told.name, told.kind, told.count) for told in line.told} == {
        (owner, "lead.assigned", 1),
        (owner, "timer.reminder", 1),
        ("Mona Acme", "timer.warned", 1),
        ("Mona Acme", "timer.breached", 1),
    }


def test_who_was_away_and_whom_the_ladder_names_stands_in_the_sentence(
    acme: Org, measured: Lead, now: datetime
) -> None:
    with acme.scope():
        handoff = Handoff.objects.get(lead=measured)
        owner = {"handoff": handoff, "team": acme.team, "member": acme.reps[0], "at": now + minutes(5)}
        hold_back(
            [
                HeldBack(kind="away", event_id=handoff.id, moves="next", **owner),
                HeldBack(
                    kind="step",
                    event_id=acme.reps[1].id,
                    moves="next",
                    to_member=acme.reps[1],
                    target="decision",
                    percent=150,
                    raises=True,
                    **owner,
                ),
                HeldBack(
                    kind="step",
                    event_id=acme.reps[2].id,
                    moves="queue",
                    target="decision",
                    percent=150,
                    **owner,
                ),
                HeldBack(
                    kind="step", event_id=acme.admin.id, tells=True, target="decision", percent=80, **owner
                ),
            ]
        )
    page = text(browser(acme.admin), "/shadow")
    assert "Would have moved the lead from Rep1 Acme, who was away, to the next person in the pool." in page
    assert (
        "Would have moved the lead from Rep1 Acme to Rep2 Acme, or else to the next person in the pool."
        in page
    )
    assert "Would have raised its priority." in page
    assert "Would have taken the lead from Rep1 Acme and put it in the queue." in page
    assert "Would have told nobody: there is no manager and no fallback person to tell." in page


def test_a_manager_sees_the_teams_that_they_watch_and_no_others(
    acme: Org, measured: Lead, now: datetime
) -> None:
    team, _ = second_team(acme)
    switch(acme, Mode.SHADOW, now, team)
    switch(acme, Mode.SHADOW, now)
    with acme.scope():
        Team.objects.filter(id=team.id).update(manager=acme.admin)
    keys = [line.key for line in browser(acme.manager).get("/shadow").context["lines"]]
    assert keys == [str(acme.team.id)]
    assert browser(acme.manager).get(f"/shadow?team={team.id}").status_code == 404
    assert browser(acme.manager).get("/shadow?team=none").status_code == 400
    everything = browser(acme.admin).get("/shadow").context["lines"]
    assert [line.name for line in everything] == ["Inbound", "Outbound", "No team, no owner"]
    (line,) = browser(acme.admin).get(f"/shadow?team={team.id}").context["lines"]
    assert (line.name, line.warned) == ("Outbound", 0)


@pytest.mark.parametrize("role", ["rep", "marketing", "executive"])
def test_the_page_is_closed_to_other_roles(acme: Org, measured: Lead, role: str) -> None:
    member = acme.reps[0] if role == "rep" else getattr(acme, role)
    assert browser(member).get("/shadow").status_code == 403


def test_another_organisation_sees_nothing_of_it(acme: Org, globex: Org, measured: Lead) -> None:
    page = text(browser(globex.admin), "/shadow")
    assert "Nothing is in shadow mode" in page
    assert browser(globex.admin).get(f"/shadow?team={acme.team.id}").status_code == 404


def test_what_is_older_than_the_period_is_left_out(acme: Org, measured: Lead, now: datetime) -> None:
    with acme.scope():
        HeldBack.objects.filter(percent=50).update(at=now - timedelta(days=10))
    counts = [browser(acme.admin).get(f"/shadow?days={days}").context["lines"][0].warned for days in (7, 30)]
    assert counts == [1, 2]


@pytest.mark.parametrize("query", ["days=0", "days=367", "days=x", "team=x", "cursor=x"])
def test_a_question_that_makes_no_sense_is_refused(acme: Org, measured: Lead, query: str) -> None:
    assert browser(acme.admin).get(f"/shadow?{query}").status_code == 400


def test_the_rail_shows_the_way_only_while_there_is_something_to_see(
    acme: Org, globex: Org, now: datetime
) -> None:
    assert "Shadow mode" not in labels(acme.admin) + labels(acme.manager)
    switch(acme, Mode.SHADOW, now, acme.team)
    assert "Shadow mode" in labels(acme.admin)
    assert "Shadow mode" in labels(acme.manager)
    assert "Shadow mode" not in labels(acme.reps[0]) + labels(globex.admin) + labels(acme.marketing)
    went_live = datetime.now(now.tzinfo) - timedelta(days=29)
    switch(acme, Mode.LIVE, went_live, acme.team)
    assert "Shadow mode" in labels(acme.manager)  # what was held back is still to be read
    with acme.scope():
        Team.objects.filter(id=acme.team.id).update(mode_since=went_live - timedelta(days=2))
    assert "Shadow mode" not in labels(acme.admin) + labels(acme.manager)
    switch(acme, Mode.SHADOW, now)
    assert "Shadow mode" in labels(acme.admin)
    assert "Shadow mode" not in labels(acme.manager)  # what has no team is the admins'


def test_the_page_costs_the_same_for_few_and_for_many(acme: Org, measured: Lead, now: datetime) -> None:
    def queries() -> int:
        client = browser(acme.admin)
        client.get("/shadow")
        with CaptureQueriesContext(connection) as caught:
            assert client.get("/shadow").status_code == 200
        rig = ("SAVEPOINT", "RELEASE", "select set_config('app.tenant_id', ''")
        return len([query for query in caught if not query["sql"].startswith(rig)])

    few = queries()
    for number in range(14):
        new_lead(acme, now, f"p{number}@c{number}.example")
    sweep_at(acme, now + minutes(5))
    context = browser(acme.admin).get("/shadow").context
    assert len(context["held"]) == 50
    assert queries() == few <= 20
    older = browser(acme.admin).get(f"/shadow{context['following'].partition('/shadow')[2]}")
    assert [each.row.id for each in older.context["held"]] != [each.row.id for each in context["held"]]
    assert len(older.context["held"]) == 10  # fifteen leads: four things each


# --- Nobody waits for an alert ---


def test_inbox_lead_and_board_say_that_nobody_is_alerted(acme: Org, measured: Lead) -> None:
    owner = owner_of(acme, measured)
    inbox = text(browser(owner), "/inbox")
    assert "You are not alerted, and no lead moves by itself." in inbox
    lead = text(browser(owner), f"/leads/{measured.id}")
    assert "Shadow mode: the clocks are measured." in lead
    assert "Then it moves to the next person." not in lead + text(
        browser(owner), f"/leads/{measured.id}/clocks"
    )
    assert "only measured, in shadow mode. Live: manager warned." in lead
    assert "Mona Acme was not told: shadow mode." in lead
    assert "Mona Acme was told" not in lead
    board = text(browser(acme.manager), "/board")
    assert "Shadow mode: Inbound." in board
    assert 'href="/shadow"' in board


def test_of_a_live_team_no_page_speaks_of_shadow_mode(
    acme: Org, ruth: Lead, now: datetime, at_hand: Callable[[datetime], None]
) -> None:
    at_hand(now + minutes(1))
    team, _ = second_team(acme)
    switch(acme, Mode.SHADOW, now, team)
    with acme.scope():
        Team.objects.filter(id=team.id).update(manager=acme.admin)
    owner = owner_of(acme, ruth)
    for path in ("/inbox", f"/leads/{ruth.id}"):
        assert "Shadow mode" not in text(browser(owner), path)
    assert "Then it moves to the next person." in text(browser(owner), f"/leads/{ruth.id}/clocks")
    assert "Shadow mode:" not in text(browser(acme.manager), "/board")


def test_board_and_unrouted_list_say_so_of_leads_without_an_owner(acme: Org, now: datetime) -> None:
    manager = browser(acme.manager)
    assert "Shadow mode" not in text(manager, "/unrouted") + text(manager, "/board")
    switch(acme, Mode.SHADOW, now)
    assert "Shadow mode: nobody is alerted of leads without an owner." in text(manager, "/unrouted")
    assert "Shadow mode: leads without an owner." in text(manager, "/board")


# --- The API ---


def test_a_program_switches_a_team_and_the_organisation(acme: Org, client: Client) -> None:
    for path, name in ((f"teams/{acme.team.id}", "Inbound"), ("organisation", "Acme")):
        answer = client.patch(
            f"/api/v1/{path}", json.dumps({"mode": "shadow"}), "application/json", headers=acme.auth
        )
        assert answer.status_code == 200
        body = answer.json()
        assert (body["name"], body["mode"], body["mode_by"][:4]) == (name, "shadow", "key:")
        assert body["mode_since"]
        assert client.get(f"/api/v1/{path}", headers=acme.auth).json() == body
    (team,) = client.get("/api/v1/teams", headers=acme.auth).json()["results"]
    assert (team["name"], team["mode"]) == ("Inbound", "shadow")
    assert "switched by an API key." in text(browser(acme.admin), f"/teams/{acme.team.id}/mode")


@pytest.mark.parametrize(
    ("body", "path"),
    [({"mode": "loud"}, "/mode"), ({}, "/mode"), ({"mode": "live", "name": "X"}, "/name")],
)
def test_a_bad_body_is_refused_with_its_field(
    acme: Org, client: Client, body: dict[str, str], path: str
) -> None:
    answer = client.patch(
        f"/api/v1/teams/{acme.team.id}", json.dumps(body), "application/json", headers=acme.auth
    )
    assert answer.status_code == 400
    assert [error["path"] for error in answer.json()["errors"]] == [path]


def test_another_organisations_team_is_not_there(acme: Org, globex: Org, client: Client) -> None:
    path = f"/api/v1/teams/{acme.team.id}"
    assert client.get(path, headers=globex.auth).status_code == 404
    answer = client.patch(path, json.dumps({"mode": "shadow"}), "application/json", headers=globex.auth)
    assert answer.status_code == 404
    with acme.scope():
        assert Team.objects.get(id=acme.team.id).mode == "live"


def test_what_would_have_happened_is_read_page_by_page(
    acme: Org, globex: Org, client: Client, now: datetime
) -> None:
    at = datetime.now(now.tzinfo)
    switch(acme, Mode.SHADOW, now, acme.team)
    lead = new_lead(acme, now)
    sweep_at(acme, now + minutes(5))
    with acme.scope():
        HeldBack.objects.update(at=at)  # the API lives by the database's clock
    first = client.get("/api/v1/shadow?limit=3", headers=acme.auth).json()
    rest = client.get(first["next"], headers=acme.auth).json()
    rows = first["results"] + rest["results"]
    assert (len(first["results"]), len(rows), rest["next"]) == (3, 4, None)
    (breach,) = [row for row in rows if row["percent"] == 100]
    assert (breach["kind"], breach["lead"], breach["moves"], breach["moves_to"]) == (
        "step",
        str(lead.id),
        "next",
        None,
    )
    assert breach["team"] == {"id": str(acme.team.id), "name": "Inbound"}
    assert breach["told"] == [{"kind": "timer.breached", "member": str(acme.manager.id), "name": "Mona Acme"}]
    summary = client.get("/api/v1/shadow/summary", headers=acme.auth).json()
    (team,) = summary["teams"]
    assert (team["warnings"], team["escalations"], team["leads_moved"]) == (2, 1, 1)
    assert sum(told["count"] for told in team["messages"]) == 4
    assert client.get("/api/v1/shadow", headers=globex.auth).json()["results"] == []
    assert client.get("/api/v1/shadow/summary", headers=globex.auth).json()["teams"] == []
    assert client.get(f"/api/v1/shadow?team={acme.team.id}", headers=globex.auth).status_code == 404
    assert client.get("/api/v1/shadow?days=0", headers=acme.auth).status_code == 400


def test_the_timeline_over_the_api_marks_steps_in_shadow(acme: Org, client: Client, measured: Lead) -> None:
    items = client.get(f"/api/v1/leads/{measured.id}/timeline", headers=acme.auth).json()["results"]
    steps = [item["data"] for item in items if item["kind"] == "timer"]
    assert steps
    assert all(step["shadow"] for step in steps)


def test_somebody_without_a_team_goes_by_the_organisation(acme: Org, ruth: Lead, now: datetime) -> None:
    owner = owner_of(acme, ruth)
    with acme.scope():
        Member.objects.filter(id=owner.id).update(team=None)
    assert "Shadow mode" not in text(browser(owner), f"/leads/{ruth.id}")
    switch(acme, Mode.SHADOW, now)
    assert "Shadow mode" in text(browser(owner), f"/leads/{ruth.id}")
