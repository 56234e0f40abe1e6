"""The routing page: rules in words, seats and fallback by form, and what is refused."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from routing.models import Decision, Pool, PoolSeat, RoutingSettings, RuleSetVersion
from tenants import services
from tenants.clock import database_clock
from tenants.models import AuditEntry, Member, RepProfile, Role
from tests.factories import Org
from tests.routing.conftest import make_handoffs
from tests.tenants.publications import second_admin

pytestmark = pytest.mark.django_db

CONTENT: dict[str, Any] = {
    "pools": [
        {
            "name": "Enterprise",
            "when": {"field": "account.employees", "op": "at_least", "value": 1000},
            "pool": "inbound",
        },
        {
            "name": "Partners",
            "when": {"field": "account.is_partner", "op": "equals", "value": True},
            "pool": "nowhere",
        },
        {"name": "The rest", "when": None, "pool": "inbound"},
    ],
    "priorities": [
        {
            "name": "Asked for a demo",
            "when": {"field": "sla.tier", "op": "equals", "value": "demo_request"},
            "priority": 17,
        }
    ],
    "horizon_minutes": 45,
}


def as_(member: Member) -> Client:
    client = Client()
    client.force_login(member.user)
    return client


def text_of(response: Any) -> str:
    """What a reader sees: tags out, white space folded."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def seat_of(org: Org, member: Member) -> PoolSeat:
    with org.scope():
        return PoolSeat.objects.get(member=member)


def add_rep(org: Org, name: str) -> Member:
    with org.scope():
        member = services.add_member(
            tenant=org.tenant, name=name, email=f"{name.lower()}@acme.example", role=Role.REP
        )
        services.set_rep_profile(member=member)
        return member


@pytest.mark.parametrize("role", ["admin", "manager", "marketing", "executive"])
def test_these_roles_read_it_and_only_an_admin_gets_forms(acme: Org, role: str) -> None:
    response = as_(getattr(acme, role)).get("/routing")
    assert response.status_code == 200
    page = response.content.decode()
    assert "Version 1, published" in page
    assert "by the set-up" in page
    assert "Rep1 Acme" in page
    assert ('action="/routing/settings"' in page) is (role == "admin")
    assert ('name="weight"' in page) is (role == "admin")


def test_a_rep_and_a_visitor_do_not(acme: Org) -> None:
    assert as_(acme.reps[0]).get("/routing").status_code == 403
    assert Client().get("/routing").status_code == 302


def test_the_rules_are_said_in_words_with_their_pools_priorities_and_horizon(acme: Org) -> None:
    with acme.scope():
        RuleSetVersion.objects.update(state="retired")
        RuleSetVersion.objects.create(
            number=2,
            state="published",
            content=CONTENT,
            created_at=database_clock(),
            created_by="system",
            published_at=database_clock(),
            published_by=f"member:{acme.admin.id}",
        )
    text = text_of(as_(acme.manager).get("/routing"))
    assert "Version 2, published" in text
    assert "by Ada Acme" in text
    assert re.search(r"1 Enterprise Employees [^>]*?1,?000[^>]*? goes to Inbound", text)
    assert "nowhere There is no such pool" in text
    assert "The rest Everyone else" in text
    assert re.search(r"Asked for a demo .*demo_request.* priority 17", text)
    assert "within 45 minutes" in text
    assert "at most 3 times. After that Fay Acme gets it." in text


def test_a_rule_shows_how_often_it_decided_about_real_leads_in_thirty_days(acme: Org) -> None:
    now = database_clock()
    with acme.scope():
        real = make_handoffs(acme, 1, now=now)[0]
        tried = make_handoffs(acme, 1, now=now, prefix="test", is_test=True)[0]
        for days, rule, handoff in (
            (1, "Everyone", real),
            (29, "Everyone", real),
            (31, "Everyone", real),
            (1, "", real),
            (1, "Another", real),
            (1, "Everyone", tried),
        ):
            Decision.objects.create(
                handoff=handoff,
                at=now - timedelta(days=days),
                trigger="intake",
                rule=rule,
                outcome="assigned",
                reason="weighted_round_robin",
                trace={},
            )
    assert "2 decisions in 30 days" in text_of(as_(acme.executive).get("/routing"))


def test_an_admin_adds_a_seat_and_the_person_joins_at_the_mean(acme: Org) -> None:
    newcomer = add_rep(acme, "Nora")
    with acme.scope():
        Pool.objects.update(counters={str(rep.id): 100 * at for at, rep in enumerate(acme.reps)})
    response = as_(acme.admin).post(
        f"/routing/pools/{acme.pool.id}/seats", {"member": str(newcomer.id), "weight": "2"}
    )
    assert (response.status_code, response["Location"]) == (302, "/routing")
    seat = seat_of(acme, newcomer)
    assert (seat.pool_id, seat.weight) == (acme.pool.id, 2)
    with acme.scope():
        assert str(newcomer.id) not in Pool.objects.get().counters  # so the rotation takes the mean
        entry = AuditEntry.objects.get(object_type="poolseat")
    assert (entry.action, entry.object_id, entry.actor) == ("added", seat.id, f"member:{acme.admin.id}")
    assert entry.after == {"pool": str(acme.pool.id), "member": str(newcomer.id), "weight": 2}


@pytest.mark.parametrize("who", ["seated", "inactive", "without_hours", "foreign", "unknown", "no_id", ""])
def test_who_cannot_be_seated_is_refused_at_the_field(acme: Org, globex: Org, who: str) -> None:
    inactive = add_rep(acme, "Ida")
    with acme.scope():
        Member.objects.filter(id=inactive.id).update(is_active=False)
    member = {
        "seated": acme.reps[0].id,
        "inactive": inactive.id,
        "without_hours": acme.marketing.id,
        "foreign": globex.reps[0].id,
        "unknown": uuid.uuid4(),
        "no_id": "x' or 1=1",
        "": "",
    }[who]
    response = as_(acme.admin).post(
        f"/routing/pools/{acme.pool.id}/seats", {"member": str(member), "weight": "1"}
    )
    assert response.status_code == 422
    assert "Not saved" in response.content.decode()
    with acme.scope():
        assert PoolSeat.objects.count() == 3
        assert not AuditEntry.objects.filter(object_type="poolseat").exists()


@pytest.mark.parametrize("weight", ["0", "101", "-1", "", "x", "1.5", "9" * 40])
def test_a_weight_outside_its_bounds_is_refused(acme: Org, weight: str) -> None:
    newcomer, seat = add_rep(acme, "Nora"), seat_of(acme, acme.reps[0])
    client = as_(acme.admin)
    changed = client.post(f"/routing/seats/{seat.id}/weight", {"weight": weight})
    assert changed.status_code == 422
    assert 'aria-invalid="true"' in changed.content.decode()
    added = client.post(
        f"/routing/pools/{acme.pool.id}/seats", {"member": str(newcomer.id), "weight": weight}
    )
    assert added.status_code == 422
    with acme.scope():
        assert set(PoolSeat.objects.values_list("weight", flat=True)) == {1}
        assert PoolSeat.objects.count() == 3


def test_an_admin_changes_a_weight_and_turns_taken_stay_counted(acme: Org) -> None:
    seat = seat_of(acme, acme.reps[0])
    with acme.scope():
        Pool.objects.update(counters={str(acme.reps[0].id): 7})
    client = as_(acme.admin)
    for _ in range(2):  # the second time nothing changes, so nothing is written
        assert client.post(f"/routing/seats/{seat.id}/weight", {"weight": "3"}).status_code == 302
    assert seat_of(acme, acme.reps[0]).weight == 3
    with acme.scope():
        assert Pool.objects.get().counters == {str(acme.reps[0].id): 7}
        entry = AuditEntry.objects.get(object_type="poolseat")
    assert (entry.before["weight"], entry.after["weight"]) == (1, 3)


def test_seats_are_removed_but_not_the_last_one_that_the_rules_need(acme: Org) -> None:
    client = as_(acme.admin)
    first, second, last = (seat_of(acme, rep) for rep in acme.reps)
    for seat in (first, second):
        assert client.post(f"/routing/seats/{seat.id}/remove").status_code == 302
    refused = client.post(f"/routing/seats/{last.id}/remove")
    assert refused.status_code == 409
    assert "the last one in Inbound" in refused.content.decode()
    assert client.post(f"/routing/seats/{first.id}/remove").status_code == 404
    with acme.scope():
        assert list(PoolSeat.objects.values_list("id", flat=True)) == [last.id]
        assert AuditEntry.objects.filter(object_type="poolseat", action="removed").count() == 2
        RuleSetVersion.objects.update(state="retired")
    assert client.post(f"/routing/seats/{last.id}/remove").status_code == 302


def test_who_is_inactive_does_not_keep_a_pool_alive(acme: Org) -> None:
    with acme.scope():
        Member.objects.filter(id__in=[rep.id for rep in acme.reps[1:]]).update(is_active=False)
    client = as_(acme.admin)
    assert client.post(f"/routing/seats/{seat_of(acme, acme.reps[0]).id}/remove").status_code == 409
    assert client.post(f"/routing/seats/{seat_of(acme, acme.reps[1]).id}/remove").status_code == 302


def test_an_admin_names_the_fallback_person_and_the_limit(acme: Org) -> None:
    rep = acme.reps[1]
    response = as_(acme.admin).post("/routing/settings", {"fallback": str(rep.id), "max_hops": "0"})
    assert response.status_code == 302
    with acme.scope():
        found = RoutingSettings.objects.get()
        entry = AuditEntry.objects.get(object_type="routingsettings")
    assert (found.fallback_id, found.max_hops) == (rep.id, 0)
    before = {"fallback": str(acme.fallback.id), "max_hops": 3, "breaches_in_a_row": None}
    assert (entry.before, entry.after) == (before, {**before, "fallback": str(rep.id), "max_hops": 0})
    assert "does not move within its pool: Rep2 Acme gets it." in text_of(as_(acme.manager).get("/routing"))


def test_settings_are_made_where_there_are_none(acme: Org) -> None:
    with acme.scope():
        RoutingSettings.objects.all().delete()
    client = as_(acme.admin)
    assert "no active fallback person is named" in text_of(client.get("/routing"))
    sent = {"fallback": str(acme.reps[0].id), "max_hops": "10"}
    assert client.post("/routing/settings", sent).status_code == 302
    with acme.scope():
        assert RoutingSettings.objects.get().max_hops == 10


@pytest.mark.parametrize(
    "change",
    [
        {"fallback": "marketing"},
        {"fallback": "foreign"},
        {"fallback": "inactive"},
        {"fallback": ""},
        {"max_hops": "11"},
        {"max_hops": "-1"},
        {"max_hops": ""},
    ],
    ids=str,
)
def test_wrong_settings_are_refused(acme: Org, globex: Org, change: dict[str, str]) -> None:
    with acme.scope():
        Member.objects.filter(id=acme.reps[2].id).update(is_active=False)
    people = {
        "marketing": str(acme.marketing.id),  # has no hours: owns no leads
        "foreign": str(globex.reps[0].id),
        "inactive": str(acme.reps[2].id),
    }
    sent = {"fallback": str(acme.reps[0].id), "max_hops": "3", **change}
    sent["fallback"] = people.get(sent["fallback"], sent["fallback"])
    response = as_(acme.admin).post("/routing/settings", sent)
    assert response.status_code == 422
    assert "Not saved" in response.content.decode()
    with acme.scope():
        assert RoutingSettings.objects.get().fallback_id == acme.fallback.id


@pytest.mark.parametrize("role", ["manager", "marketing", "executive", "rep"])
def test_nobody_else_changes_anything(acme: Org, role: str) -> None:
    client = as_(acme.reps[0] if role == "rep" else getattr(acme, role))
    seat = seat_of(acme, acme.reps[0])
    for path, data in (
        ("settings", {"fallback": str(acme.reps[0].id), "max_hops": "1"}),
        (f"pools/{acme.pool.id}/seats", {"member": str(acme.fallback.id), "weight": "1"}),
        (f"seats/{seat.id}/weight", {"weight": "5"}),
        (f"seats/{seat.id}/remove", {}),
    ):
        assert client.post(f"/routing/{path}", data).status_code == 403
    with acme.scope():
        assert PoolSeat.objects.count() == 3
        assert RoutingSettings.objects.get().max_hops == 3
        assert not AuditEntry.objects.filter(object_type__in=["poolseat", "routingsettings"]).exists()


def test_another_organisations_pool_and_seat_are_not_there(acme: Org, globex: Org) -> None:
    client, theirs = as_(acme.admin), seat_of(globex, globex.reps[0])
    sent = {"member": str(acme.fallback.id), "weight": "1"}
    for pool_id in (globex.pool.id, uuid.uuid4()):
        assert client.post(f"/routing/pools/{pool_id}/seats", sent).status_code == 404
    for seat_id in (theirs.id, uuid.uuid4()):
        assert client.post(f"/routing/seats/{seat_id}/weight", {"weight": "5"}).status_code == 404
        assert client.post(f"/routing/seats/{seat_id}/remove").status_code == 404
    assert seat_of(globex, globex.reps[0]).weight == 1
    assert "Globex" not in client.get("/routing").content.decode()


def test_people_off_rotation_and_inactive_ones_are_marked(acme: Org) -> None:
    with acme.scope():
        RepProfile.objects.filter(member=acme.reps[0]).update(on_rotation=False, weight=2)
        Member.objects.filter(id=acme.reps[1].id).update(is_active=False)
    text = text_of(as_(acme.manager).get("/routing"))
    assert "Rep1 Acme Off rotation · own weight × 2" in text
    assert "Rep2 Acme Inactive" in text
    assert "Rep3 Acme Takes turns" in text
    with acme.scope():
        Pool.objects.update(strategy="claim")
    text = text_of(as_(acme.manager).get("/routing"))
    assert "Leads go to whoever claims them first." in text
    assert "Rep3 Acme May claim" in text
    assert "Takes turns" not in text


def test_rules_that_make_no_sense_any_more_leave_the_page_standing(acme: Org) -> None:
    with acme.scope():
        content = {"pools": [{"name": "X", "when": {"field": "gone", "op": "is_true"}, "pool": "inbound"}]}
        RuleSetVersion.objects.create(
            number=2, state="published", content=content, created_at=database_clock(), created_by="system"
        )
    response = as_(acme.manager).get("/routing")
    assert response.status_code == 200
    assert "cannot be read any more" in response.content.decode()


def test_before_anything_is_published_the_page_says_so(acme: Org) -> None:
    with acme.scope():
        RuleSetVersion.objects.update(state="draft")
    assert "Without a rule that matches" in as_(acme.manager).get("/routing").content.decode()


def test_the_page_costs_the_same_for_any_number_of_pools_and_people(acme: Org) -> None:
    client = as_(acme.admin)
    client.get("/routing")
    with CaptureQueriesContext(connection) as few:
        client.get("/routing")
    assert len(few) <= 22
    with acme.scope():
        for number in range(12):
            member = add_rep(acme, f"P{number}")
            pool = Pool.objects.create(slug=f"pool-{number}", name=f"Pool {number}")
            for one in (member, acme.reps[0]):
                PoolSeat.objects.create(pool=pool, member=one)
    with CaptureQueriesContext(connection) as many:
        client.get("/routing")
    assert len(many) == len(few)


def test_an_admin_turns_the_second_approval_of_the_rules_on_beside_them(acme: Org) -> None:
    second_admin(acme)
    client = as_(acme.admin)
    assert "second approval off" in client.get("/routing").content.decode()
    done = client.post("/second-approval", {"kind": "routing", "on": "yes"}, follow=True)
    assert done.redirect_chain[-1][0] == "/routing"
    assert "second approval on" in done.content.decode()
    assert "second approval" not in as_(acme.manager).get("/routing").content.decode()
