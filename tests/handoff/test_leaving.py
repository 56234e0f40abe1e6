"""All leads of a person go on at once, and somebody leaves for good in one step: all of it, or nothing."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from core.errors import Conflict
from handoff.services import Actor, accept_lead
from leads.models import Account, Assignment, Handoff, Lead
from routing.models import Pool, PoolSeat, RepLoad, RoutingSettings
from tenants.clock import fixed_clock
from tenants.models import AuditEntry, Member, Role, Team
from tenants.services import change_member
from tests.factories import Org
from tests.handoff.conftest import browser, handoff_of, new_lead
from tests.threads import in_threads

pytestmark = pytest.mark.django_db


def call(org: Org, method: str, path: str, body: Any = None) -> tuple[int, dict[str, Any]]:
    data = b"" if body is None else json.dumps(body)
    answer = Client().generic(method, f"/api/v1/{path}", data, "application/json", headers=org.auth)
    return answer.status_code, answer.json()


def owned(org: Org, member: Member) -> int:
    with org.scope():
        return Handoff.objects.filter(owner=member, state="open").count()


@pytest.fixture
def leads(acme: Org, now: datetime) -> list[Lead]:
    """Six leads, two for each rep."""
    return [new_lead(acme, now, f"person{number}@company{number}.example") for number in range(6)]


def is_whole(org: Org) -> bool:
    """Whether loads say what is owned."""
    with org.scope():
        return all(
            load.open_leads == Handoff.objects.filter(owner=load.member_id, state="open").count()
            for load in RepLoad.objects.all()
        )


class TestHandingOn:
    def test_the_rules_share_them_out_and_nobody_gets_back_what_they_had(
        self, acme: Org, leads: list[Lead]
    ) -> None:
        one, *others = acme.reps
        status, body = call(acme, "POST", f"members/{one.id}/leads", {"why": "Too many."})
        assert (status, body["moved"], body["waiting"]) == (200, 2, 0)
        assert sum(body["to"].values()) == 2
        assert owned(acme, one) == 0
        assert sum(owned(acme, rep) for rep in others) == 6
        assert is_whole(acme)
        with acme.scope():
            assert Assignment.objects.filter(member=one, end_reason="reassigned").count() == 2

    def test_all_go_to_one_person_or_only_those_not_accepted(
        self, acme: Org, leads: list[Lead], now: datetime
    ) -> None:
        one, other, _ = acme.reps
        first = next(lead for lead in leads if handoff_of(acme, lead).owner_id == one.id)
        with acme.scope():
            accept_lead(lead_id=first.id, actor=Actor.person(one), clock=fixed_clock(now))
        said = {"why": "Away.", "to": other.email, "undecided_only": True}
        assert call(acme, "POST", f"members/{one.id}/leads", said)[1] == {
            "moved": 1,
            "to": {other.name: 1},
            "waiting": 0,
        }
        assert handoff_of(acme, first).owner_id == one.id

    @pytest.mark.parametrize(
        ("said", "place"),
        [
            ({"why": ""}, "/why"),
            ({"why": "x", "to": "nobody@acme.example"}, "/to"),
            ({"why": "x", "to": "SELF"}, "/to"),
            ({"why": "x", "to": "MARKETING"}, "/to"),
            ({"why": "x", "sooner": True}, "/sooner"),
        ],
    )
    def test_bad_input_moves_nothing(
        self, acme: Org, leads: list[Lead], said: dict[str, Any], place: str
    ) -> None:
        named = {"SELF": acme.reps[0].email, "MARKETING": acme.marketing.email}
        if "to" in said:
            said = {**said, "to": named.get(said["to"], said["to"])}
        status, body = call(acme, "POST", f"members/{acme.reps[0].id}/leads", said)
        assert (status, body["errors"][0]["path"]) == (400, place)
        assert owned(acme, acme.reps[0]) == 2

    def test_a_manager_moves_those_of_own_teams_alone(self, acme: Org, leads: list[Lead]) -> None:
        with acme.scope():
            acme.reps[0].team = Team.objects.create(name="Elsewhere")
            acme.reps[0].save(update_fields=["team"])
        said = {"why": "x", "by": acme.manager.email}
        status, body = call(acme, "POST", f"members/{acme.reps[0].id}/leads", said)
        assert (status, body["code"]) == (409, "not_owner")
        assert call(acme, "POST", f"members/{acme.reps[1].id}/leads", said)[0] == 200

    def test_by_the_page(self, acme: Org, leads: list[Lead]) -> None:
        manager, one = browser(acme.manager), acme.reps[0]
        page = manager.get(f"/people/{one.id}/leads").content.decode()
        assert "2, 2 not accepted yet" in page
        assert manager.post(f"/people/{one.id}/leads", {"to": "", "why": ""}).status_code == 422
        done = manager.post(
            f"/people/{one.id}/leads", {"to": str(acme.reps[1].id), "why": "Ill."}, follow=True
        )
        assert f"2 leads of {one.name} went on: 2 to {acme.reps[1].name}." in done.content.decode()

    def test_people_of_another_organisation_are_not_there(self, acme: Org, globex: Org) -> None:
        for path in ("leads", "departure"):
            status, _ = call(acme, "POST", f"members/{globex.reps[0].id}/{path}", {"why": "x"})
            assert status == 404


class TestLeavingForGood:
    def test_everything_that_they_held_is_passed_on_and_they_are_off(
        self, acme: Org, leads: list[Lead], now: datetime
    ) -> None:
        gone, heir = acme.fallback, acme.reps[2]
        with acme.scope():
            Team.objects.filter(id=acme.team.id).update(backup=gone)
            Account.objects.create(name="Okapi", domain="okapi.example", owner=gone, created_at=now)
            PoolSeat.objects.create(pool=acme.pool, member=gone)
        ruth = new_lead(acme, now + timedelta(minutes=1))
        with acme.scope():
            held = call(acme, "GET", f"members/{gone.id}/departure")[1]
        assert held["is_fallback"] is True
        assert held["needs_successor"] is True
        assert (held["pools"], held["teams"], held["accounts"]) == (["Inbound"], {"Inbound": ["backup"]}, 1)
        said = {"why": "Left us.", "successor": heir.email}
        status, body = call(acme, "POST", f"members/{gone.id}/departure", said)
        assert status == 200, body
        with acme.scope():
            assert not Member.objects.get(id=gone.id).is_active
            assert RoutingSettings.objects.get().fallback_id == heir.id
            assert Team.objects.get(id=acme.team.id).backup_id == heir.id
            assert Account.objects.get(domain="okapi.example").owner_id == heir.id
            assert not PoolSeat.objects.filter(member=gone).exists()
            assert AuditEntry.objects.filter(object_type="team", action="changed").exists()
        assert handoff_of(acme, ruth).owner_id != gone.id
        assert owned(acme, gone) == 0
        assert is_whole(acme)

    @pytest.mark.parametrize("leaves", ["manager", "backup"])
    def test_who_takes_over_a_team_is_not_their_own_backup(self, acme: Org, leaves: str) -> None:
        one, heir, _ = acme.reps
        stays = "backup" if leaves == "manager" else "manager"
        with acme.scope():
            Team.objects.filter(id=acme.team.id).update(**{leaves: one, stays: heir, "director": one})
        client = browser(acme.admin)
        said = {"to": "", "successor": str(heir.id), "why": "Left us."}
        looked = client.post(f"/people/{one.id}/departure", {**said, "do": "show"})
        assert "Nobody would be the backup of Inbound." in looked.content.decode()
        done = client.post(f"/people/{one.id}/departure", said, follow=True)
        assert "Nobody is the backup of Inbound now." in done.content.decode()
        with acme.scope():
            team = Team.objects.get(id=acme.team.id)
            assert (team.manager_id, team.backup_id, team.director_id) == (heir.id, None, heir.id)
            entry = AuditEntry.objects.filter(object_type="team", action="changed").latest("at")
            assert entry.after["backup"] is None

    def test_what_would_be_empty_is_said_before_it_is(self, acme: Org) -> None:
        one, heir, _ = acme.reps
        with acme.scope():
            Team.objects.filter(id=acme.team.id).update(backup=one)
        client = browser(acme.admin)
        page = f"/people/{one.id}/departure"
        assert "Show what happens" in client.get(page).content.decode()
        nobody = client.post(page, {"to": "", "successor": "", "why": "", "do": "show"}).content.decode()
        assert "Nobody would be the backup of Inbound." in nobody
        assert "(optional)" not in nobody
        said = {"to": "", "successor": str(heir.id), "why": "", "do": "show"}
        assert f"{heir.name} would take their place in Inbound." in client.post(page, said).content.decode()
        address = f"members/{one.id}/departure"
        assert call(acme, "GET", address)[1]["without_backup"] == ["Inbound"]
        assert call(acme, "GET", f"{address}?successor={heir.email}")[1]["without_backup"] == []
        status, body = call(acme, "GET", f"{address}?successor=nobody@acme.example")
        assert (status, body["errors"][0]["path"]) == (400, "/successor")

    def test_the_api_says_which_team_has_no_backup_any_more(self, acme: Org) -> None:
        one, heir, _ = acme.reps
        with acme.scope():
            Team.objects.filter(id=acme.team.id).update(manager=one, backup=heir)
        assert call(acme, "GET", f"members/{one.id}/departure?successor={heir.id}")[1]["without_backup"] == [
            "Inbound"
        ]
        said = {"why": "x", "successor": heir.email}
        status, body = call(acme, "POST", f"members/{one.id}/departure", said)
        assert (status, body["without_backup"]) == (200, ["Inbound"])

    def test_a_place_that_cannot_be_empty_needs_somebody(self, acme: Org, leads: list[Lead]) -> None:
        status, body = call(acme, "POST", f"members/{acme.fallback.id}/departure", {"why": "x"})
        assert (status, body["errors"][0]["path"]) == (400, "/successor")
        assert "catches what nobody takes" in body["detail"]

    def test_the_last_one_of_a_pool_is_followed_by_the_successor(self, acme: Org, leads: list[Lead]) -> None:
        with acme.scope():
            PoolSeat.objects.exclude(member=acme.reps[0]).delete()
        said = {"why": "x", "to": acme.reps[1].email}
        status, body = call(acme, "POST", f"members/{acme.reps[0].id}/departure", said)
        assert (status, "is the last one in Inbound" in body["detail"]) == (400, True)
        said["successor"] = acme.reps[1].email
        assert call(acme, "POST", f"members/{acme.reps[0].id}/departure", said)[0] == 200
        with acme.scope():
            assert [seat.member_id for seat in PoolSeat.objects.all()] == [acme.reps[1].id]

    def test_the_last_one_of_a_pool_is_not_switched_off_beside_it(self, acme: Org) -> None:
        with acme.scope():
            PoolSeat.objects.exclude(member=acme.reps[0]).delete()
        form = {"form": "person", "name": "Rep1", "role": "rep", "team": ""}
        refused = browser(acme.admin).post(f"/people/{acme.reps[0].id}", form)
        assert refused.status_code == 409
        assert "is the last one in Inbound, and leads are sent there" in refused.content.decode()
        assert "leave for good" in refused.content.decode()
        with acme.scope():
            assert Member.objects.get(id=acme.reps[0].id).is_active
            Member.objects.filter(id=acme.reps[1].id).update(is_active=False)
            pool = PoolSeat.objects.get().pool
            PoolSeat.objects.create(pool=pool, member=acme.reps[1])
        assert browser(acme.admin).post(f"/people/{acme.reps[0].id}", form).status_code == 409
        with acme.scope():
            PoolSeat.objects.create(pool=pool, member=acme.reps[2])
        assert browser(acme.admin).post(f"/people/{acme.reps[0].id}", form).status_code == 302

    def test_nor_the_last_one_of_a_pool_that_another_passes_leads_on_to(self, acme: Org) -> None:
        with acme.scope():
            inbound = PoolSeat.objects.first()
            assert inbound is not None
            spare = Pool.objects.create(slug="spare", name="Spare")
            PoolSeat.objects.create(pool=spare, member=acme.reps[0])
            Pool.objects.filter(id=inbound.pool_id).update(off_hours="overflow", overflow=spare)
        form = {"form": "person", "name": "Rep1", "role": "rep", "team": ""}
        refused = browser(acme.admin).post(f"/people/{acme.reps[0].id}", form)
        assert (refused.status_code, "last one in Spare" in refused.content.decode()) == (409, True)

    @pytest.mark.django_db(transaction=True)
    def test_two_who_are_switched_off_at_once_leave_somebody_in_the_pool(
        self, acme: Org, now: datetime
    ) -> None:
        with acme.scope():
            PoolSeat.objects.filter(member=acme.reps[2]).delete()
        refused: list[Member] = []

        def switch_off(member: Member) -> None:
            with acme.scope():
                try:
                    change_member(
                        member=member,
                        name=member.name,
                        role=Role.REP,
                        team=member.team,
                        is_active=False,
                        actor="m:test",
                        now=now,
                    )
                except Conflict:
                    refused.append(member)

        one, two, _ = acme.reps
        with acme.scope():
            first, second = (Member.objects.get(id=each.id) for each in (one, two))
        in_threads(lambda: switch_off(first), lambda: switch_off(second))
        assert len(refused) == 1
        with acme.scope():
            assert PoolSeat.objects.filter(member__is_active=True).count() == 1

    def test_a_lead_that_can_go_to_nobody_stops_all_of_it(self, acme: Org, now: datetime) -> None:
        ruth = new_lead(acme, now)
        gone = handoff_of(acme, ruth).owner
        assert gone is not None
        with acme.scope():
            PoolSeat.objects.exclude(member=gone).update(weight=0)
            RoutingSettings.objects.update(fallback=None)
            PoolSeat.objects.filter(member=gone).delete()
        status, body = call(acme, "POST", f"members/{gone.id}/departure", {"why": "x"})
        assert (status, body["open_leads"]) == (409, 1)
        with acme.scope():
            assert Member.objects.get(id=gone.id).is_active
        assert handoff_of(acme, ruth).owner_id == gone.id

    def test_only_an_admin_and_not_oneself(self, acme: Org) -> None:
        one = acme.reps[0]
        assert browser(acme.manager).get(f"/people/{one.id}/departure").status_code == 403
        said = {"why": "x", "by": acme.manager.email}
        assert call(acme, "POST", f"members/{one.id}/departure", said)[0] == 409

    def test_by_the_page(self, acme: Org, leads: list[Lead]) -> None:
        admin, one = browser(acme.admin), acme.reps[0]
        page = admin.get(f"/people/{one.id}/departure").content.decode()
        assert "2, 2 not accepted yet" in page
        assert "Inbound" in page
        done = admin.post(
            f"/people/{one.id}/departure", {"to": "", "successor": "", "why": "Left us."}, follow=True
        )
        assert f"2 leads of {one.name} went on" in done.content.decode()
        assert "inactive" in done.content.decode()
        assert admin.get(f"/people/{one.id}/departure").status_code == 404


class TestSeeingItFirst:
    @pytest.mark.parametrize("page", ["leads", "departure"])
    def test_who_would_get_them_is_shown_and_nothing_moves(
        self, acme: Org, leads: list[Lead], page: str
    ) -> None:
        one, other, _ = acme.reps
        client = browser(acme.admin)
        shown = client.post(f"/people/{one.id}/{page}", {"do": "show", "to": ""})
        assert shown.status_code == 200
        assert shown.context["summary"].startswith("2 go on: ")
        assert len(shown.context["lines"]) == 2
        assert owned(acme, one) == 2
        named = client.post(f"/people/{one.id}/{page}", {"do": "show", "to": str(other.id), "why": "Away"})
        assert named.context["summary"] == f"2 go on: 2 to {other.name}."
        assert 'value="Away"' in named.content.decode() or ">Away<" in named.content.decode()
        assert owned(acme, one) == 2

    def test_what_it_says_is_what_becomes_of_them(self, acme: Org, leads: list[Lead]) -> None:
        one = acme.reps[0]
        client = browser(acme.admin)
        shown = client.post(f"/people/{one.id}/leads", {"do": "show", "to": ""}).context["lines"]
        client.post(f"/people/{one.id}/leads", {"to": "", "why": "Away"})
        for row in shown:
            owner = handoff_of(acme, row["lead"]).owner
            assert owner is not None
            assert row["said"] == f"to {owner.name}"

    def test_who_holds_no_lead_is_said_to_hold_none_and_no_button_does_nothing(self, acme: Org) -> None:
        client, one = browser(acme.manager), acme.reps[0]
        page = client.get(f"/people/{one.id}/leads").content.decode()
        assert f"{one.name} holds none." in page
        assert "Move the leads" not in page
        assert "An admin does that in one step" in page
        own = browser(acme.admin).get(f"/people/{one.id}/departure").content.decode()
        assert "Show what happens" not in own
        assert "Pass on and switch off" in own

    def test_the_team_that_somebody_is_in_is_named(self, acme: Org) -> None:
        page = browser(acme.admin).get(f"/people/{acme.reps[0].id}/departure").content.decode()
        assert "member of Inbound" in page
