"""Somebody is switched off while leads are being given to them: the leads never end with who is gone."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connections

from core.errors import Conflict
from handoff import bulk, moves
from handoff.services import Actor
from leads.models import Handoff
from tenants.clock import database_clock
from tenants.models import Member, Role
from tenants.services import change_member
from tests.factories import Org, make_org
from tests.handoff.conftest import new_lead, owner_of
from tests.threads import wait_until_somebody_waits

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def org(transactional_db: None) -> Org:
    return make_org("acme", now=database_clock(), hours="always")


class SwitchingOff:
    """Somebody is switched off on a connection of their own, once the leads are decided."""

    def __init__(self, org: Org, member: Member) -> None:
        self.org, self.member = org, member
        self.refusal = ""
        self.thread = threading.Thread(target=self.run)

    def run(self) -> None:
        try:
            with self.org.scope():
                change_member(
                    member=self.member,
                    name=self.member.name,
                    role=Role.REP,
                    team=self.member.team,
                    is_active=False,
                    actor="m:test",
                    now=database_clock(),
                )
        except Conflict as refusal:
            self.refusal = refusal.message
        finally:
            connections.close_all()

    def after(self, decide: Any) -> Any:
        def decided(*args: Any, **more: Any) -> Any:
            found = decide(*args, **more)
            self.thread.start()
            wait_until_somebody_waits()
            return found

        return decided


def test_a_lead_that_is_being_given_to_somebody_by_name_is_seen_when_they_are_switched_off(
    org: Org, monkeypatch: pytest.MonkeyPatch
) -> None:
    lead = new_lead(org, database_clock())
    with org.scope():
        owner = Handoff.objects.get().owner_id
        other = Member.objects.filter(id__in=[rep.id for rep in org.reps]).exclude(id=owner).first()
    assert other is not None
    rival = SwitchingOff(org, other)
    monkeypatch.setattr(moves, "route_batch", rival.after(moves.route_batch))
    with org.scope():
        lines = bulk.move_leads(
            lead_ids=[lead.id],
            wish=bulk.Wish(why="x", to=other.id),
            actor=Actor.person(org.admin),
            clock=database_clock,
        )
    rival.thread.join()
    assert [line.member_id for line in lines] == [other.id]
    assert "still owns 1 open lead" in rival.refusal
    assert owner_of(org, lead).is_active


def test_so_is_one_that_the_rules_give_them(org: Org, monkeypatch: pytest.MonkeyPatch) -> None:
    rivals: list[SwitchingOff] = []
    decide = moves.route_batch

    def decided(*args: Any, **more: Any) -> Any:
        found = decide(*args, **more)
        chosen = next(outcome.member_id for outcome in found if outcome.member_id)
        rivals.append(SwitchingOff(org, next(rep for rep in org.reps if rep.id == chosen)))
        rivals[0].thread.start()
        wait_until_somebody_waits()
        return found

    monkeypatch.setattr(moves, "route_batch", decided)
    lead = new_lead(org, database_clock())
    rivals[0].thread.join()
    assert "still owns 1 open lead" in rivals[0].refusal
    assert owner_of(org, lead).is_active
