"""Chosen leads move together: previewed, in one step; what changed meanwhile is left alone and said so."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from handoff import bulk
from handoff.moves import drain_unrouted
from handoff.services import Actor, accept_lead, claim_lead, log_touch
from leads.models import Assignment, Handoff, Lead
from routing.models import Decision, RepLoad
from tenants.clock import fixed_clock
from tenants.models import AuditEntry, Member, Team
from tests.factories import Org
from tests.handoff.conftest import browser, handoff_of, new_lead, owner_of
from tests.routing.test_rule_pages import text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def leads(acme: Org, now: datetime) -> list[Lead]:
    """Six leads, two for each rep."""
    return [new_lead(acme, now, f"person{number}@company{number}.example") for number in range(6)]


def call(org: Org, body: Any) -> tuple[int, dict[str, Any]]:
    answer = Client().post("/api/v1/leads/move", json.dumps(body), "application/json", headers=org.auth)
    return answer.status_code, answer.json()


def ids(leads: list[Lead]) -> list[str]:
    return [str(lead.id) for lead in leads]


def run(org: Org, leads: list[Lead], now: datetime, by: Member | None = None, **wish: Any) -> list[bulk.Line]:
    with org.scope():
        return bulk.move_leads(
            lead_ids=[lead.id for lead in leads],
            wish=bulk.Wish(why="Too many.", **wish),
            actor=Actor.person(by or org.manager),
            clock=fixed_clock(now),
        )


def test_leads_go_to_a_person_with_a_line_each_and_an_audit_entry_each(acme: Org, leads: list[Lead]) -> None:
    ann = acme.reps[0]
    status, body = call(acme, {"leads": ids(leads), "to": str(ann.id), "why": "She knows them."})
    assert status == 200
    assert body["counts"] == {"moved": 4, "left": 2}
    assert {line["reason"] for line in body["results"] if line["outcome"] == "left"} == {"same"}
    assert all(owner_of(acme, lead) == ann for lead in leads)
    with acme.scope():
        assert AuditEntry.objects.filter(action="reassigned", object_type="handoff").count() == 4
        assert Assignment.objects.filter(member=ann, reason__contains="She knows them.").count() == 4


def test_by_the_rules_nobody_gets_back_what_they_had(acme: Org, leads: list[Lead]) -> None:
    before = {lead.id: owner_of(acme, lead) for lead in leads}
    status, body = call(acme, {"leads": ids(leads), "why": "Again."})
    assert (status, body["counts"]) == (200, {"moved": 6})
    assert all(owner_of(acme, lead) != before[lead.id] for lead in leads)


def test_a_dry_run_says_the_same_and_writes_nothing(acme: Org, leads: list[Lead]) -> None:
    before = {lead.id: owner_of(acme, lead) for lead in leads}
    with acme.scope():
        decisions = Decision.objects.count()
    _, tried = call(acme, {"leads": ids(leads), "why": "Again.", "dry_run": True})
    assert tried["dry_run"] is True
    assert {lead.id: owner_of(acme, lead) for lead in leads} == before
    with acme.scope():
        assert Decision.objects.count() == decisions
    _, done = call(acme, {"leads": ids(leads), "why": "Again."})
    assert done["results"] == tried["results"]


def test_a_look_at_what_would_become_of_leads_locks_and_writes_nothing(
    acme: Org, leads: list[Lead], now: datetime
) -> None:
    with acme.scope():
        RepLoad.objects.filter(member=acme.reps[2]).delete()
        with CaptureQueriesContext(connection) as caught:
            lines = bulk.preview(
                lead_ids=[lead.id for lead in leads],
                wish=bulk.Wish(why="Too many."),
                actor=Actor.person(acme.manager),
                clock=fixed_clock(now + timedelta(minutes=1)),
            )
    assert bulk.tally(lines) == {"moved": 6}
    said = [" ".join(query["sql"].lower().split()) for query in caught.captured_queries]
    assert not [sql for sql in said if " for update" in sql or " for no key update" in sql]
    assert not [sql for sql in said if sql.startswith(("insert", "update", "delete", "lock"))]


def test_a_dry_run_is_right_of_waiting_leads_among_others_too(
    acme: Org, leads: list[Lead], now: datetime
) -> None:
    later = now + timedelta(minutes=1)
    run(acme, leads[1:3], later, offer=True)
    _, tried = call(acme, {"leads": ids(leads), "why": "Again.", "dry_run": True})
    _, done = call(acme, {"leads": ids(leads), "why": "Again."})
    assert done["results"] == tried["results"]
    assert {line["outcome"] for line in done["results"]} == {"moved"}


def test_what_was_answered_or_moved_since_it_was_looked_at_is_left_alone(
    acme: Org, leads: list[Lead], now: datetime
) -> None:
    later = now + timedelta(minutes=5)
    accepted, moved, *others = leads
    with acme.scope():
        accept_lead(
            lead_id=accepted.id, actor=Actor.person(owner_of(acme, accepted)), clock=fixed_clock(later)
        )
    run(acme, [moved], later)
    found = run(acme, leads, later + timedelta(minutes=1), seen_at=now + timedelta(minutes=1))
    assert [line.reason for line in found[:2]] == ["accepted", "changed_hands"]
    assert [line.outcome for line in found[2:]] == ["moved"] * len(others)


def test_untouched_only_leaves_alone_what_somebody_got_in_touch_with(
    acme: Org, leads: list[Lead], now: datetime
) -> None:
    touched = leads[0]
    with acme.scope():
        log_touch(
            lead_id=touched.id,
            kind="call",
            at=now,
            actor=Actor.person(owner_of(acme, touched)),
            clock=fixed_clock(now + timedelta(minutes=1)),
        )
    found = run(acme, leads, now + timedelta(minutes=2), untouched_only=True)
    assert found[0].reason == "touched"
    assert bulk.tally(found) == {"left": 1, "moved": 5}


def test_a_manager_moves_only_leads_of_their_teams(acme: Org, leads: list[Lead], now: datetime) -> None:
    other = leads[0]
    stranger = owner_of(acme, other)
    with acme.scope():
        team = Team.objects.create(name="Elsewhere")
        Member.objects.filter(id=stranger.id).update(team=team)
    found = run(acme, leads, now)
    theirs = [line for line in found if line.outcome == "left"]
    assert len(theirs) == 2
    assert {line.reason for line in theirs} == {"not_found"}
    assert owner_of(acme, other) == stranger


def test_another_organisations_leads_are_not_there(acme: Org, globex: Org, leads: list[Lead]) -> None:
    status, body = call(globex, {"leads": [*ids(leads[:1]), str(uuid4())], "why": "Mine."})
    assert status == 200
    assert [line["reason"] for line in body["results"]] == ["not_found", "not_found"]
    assert handoff_of(acme, leads[0]).owner_id is not None


def test_what_is_wrong_is_refused_at_its_place_and_nothing_moves(acme: Org, leads: list[Lead]) -> None:
    def place(body: dict[str, Any]) -> tuple[int, str]:
        status, said = call(acme, body)
        return status, said["errors"][0]["path"]

    assert place({"leads": [], "why": "So."}) == (400, "/leads")
    assert place({"leads": ids(leads)}) == (400, "/why")
    assert place({"leads": ids(leads), "why": "So.", "to": str(acme.marketing.id)}) == (400, "/to")
    assert place({"leads": ids(leads), "why": "So.", "to": str(acme.reps[0].id), "offer": True}) == (
        400,
        "/offer",
    )
    assert place({"leads": [str(uuid4()) for _ in range(501)], "why": "So."}) == (400, "/leads")
    status, _ = call(acme, {"leads": ids(leads), "why": "So.", "by": str(acme.reps[0].id)})
    assert status == 409


def test_leads_put_up_are_claimed_by_others_of_the_pool_and_after_a_while_the_turn_decides(
    acme: Org, leads: list[Lead], now: datetime
) -> None:
    first, second = leads[:2]
    had, also_had = owner_of(acme, first), owner_of(acme, second)
    later = now + timedelta(minutes=1)
    found = run(acme, [first, second], later, offer=True)
    assert [line.outcome for line in found] == ["offered", "offered"]
    assert handoff_of(acme, first).owner_id is None
    other = next(rep for rep in acme.reps if rep.id not in (had.id, also_had.id))
    assert "To claim" in text_of(browser(other).get("/inbox?tab=claim"))
    with acme.scope():
        claim_lead(lead_id=first.id, actor=Actor.person(other), clock=fixed_clock(later))
    assert owner_of(acme, first) == other
    drain_unrouted(acme.id, fixed_clock(later + timedelta(minutes=16)))
    assert owner_of(acme, second).id != also_had.id


def test_a_lead_that_nobody_could_claim_stays_where_it_is(
    acme: Org, leads: list[Lead], now: datetime
) -> None:
    with acme.scope():
        handoff = Handoff.objects.get(lead=leads[0])
        for hop, rep in enumerate(acme.reps, start=5):
            if rep.id != handoff.owner_id:
                Assignment.objects.create(
                    handoff=handoff, member=rep, hop=hop, started_at=now, ended_at=now, end_reason="breach"
                )
    (line,) = run(acme, leads[:1], now, offer=True)
    assert (line.outcome, line.reason) == ("stays", "pool_exhausted")
    assert handoff_of(acme, leads[0]).owner_id == handoff.owner_id


def test_a_step_costs_the_same_statements_for_few_and_for_many(acme: Org, now: datetime) -> None:
    def cost(count: int, prefix: str) -> int:
        made = [new_lead(acme, now, f"{prefix}{number}@{prefix}{number}.example") for number in range(count)]
        with CaptureQueriesContext(connection) as caught:
            run(acme, made, now + timedelta(minutes=1))
        return len(caught)

    cost(3, "warm")
    assert cost(3, "few") == cost(24, "many")


class TestPages:
    def test_a_manager_chooses_looks_and_moves(
        self, acme: Org, leads: list[Lead], now: datetime, at_hand: Callable[[datetime], None]
    ) -> None:
        at_hand(now)
        client = browser(acme.manager)
        assert "Move all that match (6)" in text_of(client.get("/leads"))
        page = client.post("/leads/move", {"lead": ids(leads[:3])})
        assert "Move 3 leads" in text_of(page)
        assert page.content.decode().count('name="lead"') == 3
        seen = page.context["form"].initial["seen_at"]
        sent = {"lead": ids(leads[:3]), "to": str(acme.reps[0].id), "why": "Her field.", "seen_at": seen}
        tried = client.post("/leads/move", {**sent, "do": "preview"})
        assert "As things stand now: 2 go on: 2 to " in text_of(tried)
        assert "Theirs already" in text_of(tried)
        assert sum(owner_of(acme, lead) == acme.reps[0] for lead in leads[:3]) == 1
        done = client.post("/leads/move", {**sent, "do": "move"})
        assert "Done, in one step." in text_of(done)
        moved = [row["said"] for row in done.context["rows"] if row["said"].startswith("from ")]
        assert moved, "who had it is said beside who has it"
        assert all(said.endswith(f" to {acme.reps[0].name}") for said in moved)
        assert all(owner_of(acme, lead) == acme.reps[0] for lead in leads[:3])

    def test_all_that_match_the_filter(self, acme: Org, leads: list[Lead]) -> None:
        client = browser(acme.manager)
        ann = owner_of(acme, leads[0])
        shown = text_of(client.get(f"/leads?owner={ann.id}"))
        assert "Move all that match (2)" in shown
        page = client.post("/leads/move", {"all": "1", "owner": str(ann.id)})
        assert "Move 2 leads" in text_of(page)

    def test_what_was_typed_stays_where_the_reason_is_missing(self, acme: Org, leads: list[Lead]) -> None:
        client = browser(acme.manager)
        sent = {"lead": ids(leads[:1]), "to": "claim", "why": "", "do": "move"}
        page = client.post("/leads/move", {**sent, "seen_at": "2026-11-17T09:00:00+00:00"})
        assert page.status_code == 422
        assert page.context["form"]["to"].value() == "claim"
        assert "Say why in a few words." in text_of(page)

    def test_a_rep_chooses_nothing(self, acme: Org, leads: list[Lead]) -> None:
        client = browser(acme.reps[0])
        assert "Move the chosen" not in text_of(client.get("/leads"))
        assert client.post("/leads/move", {"lead": ids(leads)}).status_code == 403

    def test_choosing_nothing_leads_back_with_a_word(self, acme: Org) -> None:
        client = browser(acme.manager)
        assert client.post("/leads/move")["Location"] == "/leads"
        assert client.get("/leads/move")["Location"] == "/leads"

    def test_the_board_leads_there_with_what_presses(
        self, acme: Org, leads: list[Lead], now: datetime, at_hand: Callable[[datetime], None]
    ) -> None:
        at_hand(now + timedelta(minutes=30))
        client = browser(acme.manager)
        page = client.get("/board")
        assert "Move several" in text_of(page)
        assert all(f'name="lead" value="{lead.id}"' in page.content.decode() for lead in leads)
        assert "Move several" not in text_of(browser(acme.marketing).get("/board"))
