"""Pools are set up on their page and over the API: what is kept, and what is refused with the way out."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from routing.models import Pool, PoolSeat, RoutingSettings
from tenants.models import AuditEntry, Member
from tests.factories import Org

pytestmark = pytest.mark.django_db


def as_(member: Member) -> Client:
    client = Client()
    client.force_login(member.user)
    return client


def call(org: Org, method: str, path: str, body: Any = None) -> tuple[int, dict[str, Any]]:
    answer = Client().generic(
        method,
        f"/api/v1/{path}",
        b"" if body is None else json.dumps(body),
        "application/json",
        headers=org.auth,
    )
    return answer.status_code, answer.json() if answer.content else {}


def places(body: dict[str, Any]) -> dict[str, str]:
    return {error["path"]: error["message"] for error in body["errors"]}


def pool_id(org: Org, slug: str) -> str:
    with org.scope():
        return str(Pool.objects.get(slug=slug).id)


def form(**said: Any) -> dict[str, Any]:
    """The form of a pool as a browser sends it."""
    usual = {
        "name": "Enterprise",
        "strategy": "least_loaded",
        "off_hours": "assign",
        "overflow": "",
        "calendar": "",
        "absence_turns": "1",
        "is_active": "on",
    }
    return {**usual, **said}


class TestPage:
    def test_an_admin_adds_a_pool_and_it_is_on_the_routing_page_in_words(self, acme: Org) -> None:
        admin = as_(acme.admin)
        done = admin.post(
            "/routing/pools/new",
            form(owner_first="on", off_hours="overflow", overflow=str(acme.pool.id)),
            follow=True,
        )
        page = " ".join(done.content.decode().split())
        assert "Enterprise is there." in page
        assert "Leads go to the account's owner first, then to whoever has most room below their limit." in (
            page.replace("&#x27;", "'")
        )
        assert "While nobody is at work or everybody is full, Inbound is asked." in page
        with acme.scope():
            made = Pool.objects.get(slug="enterprise")
            assert (made.strategy, made.owner_first, made.overflow_id) == ("least_loaded", True, acme.pool.id)
            assert AuditEntry.objects.get(object_id=made.id).after["strategy"] == "least_loaded"

    def test_its_settings_are_shown_and_changed(self, acme: Org) -> None:
        admin = as_(acme.admin)
        address = f"/routing/pools/{acme.pool.id}"
        assert 'value="Inbound"' in admin.get(address).content.decode()
        done = admin.post(address, form(name="First line", strategy="claim", absence_turns="0"))
        assert (done.status_code, done["Location"]) == (302, "/routing")
        with acme.scope():
            pool = Pool.objects.get(id=acme.pool.id)
        assert (pool.name, pool.slug, pool.strategy, pool.absence_turns) == (
            "First line",
            "inbound",
            "claim",
            0,
        )

    @pytest.mark.parametrize(
        ("said", "message"),
        [
            ({"name": " "}, "This field is required"),
            ({"name": "inbound"}, "Another pool is called so"),
            ({"strategy": "by-luck"}, "Select a valid choice"),
            ({"absence_turns": "-1"}, "At least 0."),
            ({"off_hours": "overflow"}, "Choose the pool that is asked"),
            ({"calendar": "5c0e3a8e-0000-4000-8000-000000000000"}, "Select a valid choice"),
        ],
    )
    def test_what_is_wrong_is_said_at_its_field_and_what_was_typed_stays(
        self, acme: Org, said: dict[str, str], message: str
    ) -> None:
        refused = as_(acme.admin).post("/routing/pools/new", form(**{"absence_turns": "7", **said}))
        page = refused.content.decode()
        assert refused.status_code == 422
        assert message in page
        assert 'value="7"' in page or "absence_turns" in said
        with acme.scope():
            assert Pool.objects.count() == 1

    def test_a_pool_that_the_rules_need_is_not_switched_off(self, acme: Org) -> None:
        refused = as_(acme.admin).post(f"/routing/pools/{acme.pool.id}", form(is_active=""))
        assert refused.status_code == 409
        assert "publish rules without it first" in refused.content.decode()

    @pytest.mark.parametrize("who", ["manager", "marketing", "executive"])
    def test_only_an_admin_sets_pools_up(self, acme: Org, who: str) -> None:
        client = as_(getattr(acme, who))
        assert client.get("/routing/pools/new").status_code == 403
        assert client.post(f"/routing/pools/{acme.pool.id}", form()).status_code == 403
        assert "Settings" not in client.get("/routing").content.decode()


class TestApi:
    def test_a_pool_with_its_people_from_nothing(self, acme: Org, globex: Org) -> None:
        status, made = call(acme, "POST", "pools", {"name": "Night rota", "off_hours": "hold"})
        assert (status, made["slug"], made["seats"]) == (201, "night-rota", [])
        status, seat = call(acme, "POST", f"pools/{made['id']}/seats", {"member": acme.reps[0].email})
        assert (status, seat["member"]["id"], seat["weight"]) == (201, str(acme.reps[0].id), 1)
        assert call(acme, "PATCH", f"seats/{seat['id']}", {"weight": 3})[1]["weight"] == 3
        status, listed = call(acme, "GET", "pools")
        assert [pool["slug"] for pool in listed["results"]] == ["inbound", "night-rota"]
        assert call(acme, "DELETE", f"seats/{seat['id']}")[0] == 204
        with acme.scope():
            assert not PoolSeat.objects.filter(pool_id=made["id"]).exists()
        assert call(globex, "GET", f"pools/{made['id']}")[0] == 404
        assert call(globex, "PATCH", f"pools/{made['id']}", {"name": "Mine"})[0] == 404

    @pytest.mark.parametrize(
        ("said", "place"),
        [
            ({"name": ""}, "/name"),
            ({"name": "x" * 81}, "/name"),
            ({"name": "X", "slug": "Not So"}, "/slug"),
            ({"name": "X", "slug": "inbound"}, "/slug"),
            ({"name": "X", "strategy": "luck"}, "/strategy"),
            ({"name": "X", "absence_turns": 21}, "/absence_turns"),
            ({"name": "X", "off_hours": "overflow"}, "/overflow"),
            ({"name": "X", "calendar": "5c0e3a8e-0000-4000-8000-000000000000"}, "/calendar"),
            ({"name": "X", "colour": "red"}, "/colour"),
        ],
    )
    def test_bad_input_is_refused_at_its_place(self, acme: Org, said: dict[str, Any], place: str) -> None:
        status, body = call(acme, "POST", "pools", said)
        assert (status, list(places(body))) == (400, [place])

    def test_pools_that_pass_leads_on_make_no_circle(self, acme: Org) -> None:
        chain = [pool_id(acme, "inbound")]
        for name in ("Second", "Third"):
            body = {"name": name, "off_hours": "overflow", "overflow": chain[-1]}
            chain.append(call(acme, "POST", "pools", body)[1]["id"])
            call(acme, "POST", f"pools/{chain[-1]}/seats", {"member": acme.reps[0].email})
        for overflow, message in [
            (chain[0], "A pool cannot pass leads on to itself."),
            (
                chain[2],
                "That is a circle: Inbound to Third to Second to Inbound. Choose one that ends elsewhere.",
            ),
        ]:
            body = {"off_hours": "overflow", "overflow": overflow}
            status, refused = call(acme, "PATCH", f"pools/{chain[0]}", body)
            assert (status, places(refused)) == (400, {"/overflow": message})

    def test_another_organisations_pool_or_calendar_is_none_of_ours(self, acme: Org, globex: Org) -> None:
        theirs = {"off_hours": "overflow", "overflow": pool_id(globex, "inbound")}
        assert call(acme, "PATCH", f"pools/{pool_id(acme, 'inbound')}", theirs)[0] == 400
        calendar = str(globex.tenant.calendar_id)
        assert call(acme, "PATCH", f"pools/{pool_id(acme, 'inbound')}", {"calendar": calendar})[0] == 400

    def test_a_pool_that_another_passes_leads_on_to_stays_on(self, acme: Org) -> None:
        made = call(acme, "POST", "pools", {"name": "Rota"})[1]
        call(acme, "POST", f"pools/{made['id']}/seats", {"member": acme.reps[0].email})
        call(
            acme,
            "PATCH",
            f"pools/{pool_id(acme, 'inbound')}",
            {"off_hours": "overflow", "overflow": made["id"]},
        )
        status, body = call(acme, "PATCH", f"pools/{made['id']}", {"is_active": False})
        assert (status, body["detail"]) == (409, "Inbound passes leads on to Rota: change that first.")

    def test_leads_do_not_pass_on_to_a_pool_in_which_nobody_sits(self, acme: Org) -> None:
        inbound = f"pools/{pool_id(acme, 'inbound')}"
        made = call(acme, "POST", "pools", {"name": "Rota"})[1]
        passes = {"off_hours": "overflow", "overflow": made["id"]}
        status, refused = call(acme, "PATCH", inbound, passes)
        message = "Nobody active sits in Rota: add a person to it first, or choose another."
        assert (status, places(refused)) == (400, {"/overflow": message})
        call(acme, "POST", f"pools/{made['id']}/seats", {"member": acme.reps[0].email})
        assert call(acme, "PATCH", inbound, passes)[0] == 200
        with acme.scope():
            PoolSeat.objects.filter(pool_id=made["id"]).delete()
        assert call(acme, "PATCH", inbound, {"absence_turns": 3})[0] == 200

    def test_a_pool_to_pass_on_to_that_would_not_be_asked_is_not_dropped_silently(self, acme: Org) -> None:
        inbound = pool_id(acme, "inbound")
        made = call(acme, "POST", "pools", {"name": "Rota"})[1]
        for method, path, body in (
            ("PATCH", f"pools/{inbound}", {"overflow": made["id"]}),
            ("PATCH", f"pools/{inbound}", {"overflow": made["id"], "off_hours": "hold"}),
            ("POST", "pools", {"name": "Third", "overflow": inbound}),
        ):
            status, refused = call(acme, method, path, body)
            assert (status, list(places(refused))) == (400, ["/overflow"])
        assert call(acme, "PATCH", f"pools/{inbound}", {"overflow": None})[0] == 200

    def test_null_empties_what_may_be_empty(self, acme: Org) -> None:
        address = f"pools/{pool_id(acme, 'inbound')}"
        hours = {"calendar": str(acme.tenant.calendar_id)}
        assert call(acme, "PATCH", address, hours)[1]["calendar"] == hours["calendar"]
        assert call(acme, "PATCH", address, {"absence_turns": 2})[1]["calendar"] == hours["calendar"]
        assert call(acme, "PATCH", address, {"calendar": None})[1]["calendar"] is None
        assert call(acme, "PATCH", address, {"name": None})[0] == 400
        call(acme, "PATCH", "routing/settings", {"breaches_in_a_row": 3})
        assert call(acme, "PATCH", "routing/settings", {"max_hops": 4})[1]["breaches_in_a_row"] == 3
        status, body = call(acme, "PATCH", "routing/settings", {"breaches_in_a_row": None})
        assert (status, body["breaches_in_a_row"]) == (200, None)

    def test_what_catches_the_rest_is_read_and_changed(self, acme: Org) -> None:
        assert call(acme, "GET", "routing/settings")[1]["fallback"]["name"] == acme.fallback.name
        status, body = call(acme, "PATCH", "routing/settings", {"max_hops": 5, "breaches_in_a_row": 3})
        assert (status, body["max_hops"], body["breaches_in_a_row"]) == (200, 5, 3)
        status, body = call(acme, "PATCH", "routing/settings", {"breaches_in_a_row": 1})
        assert (status, list(places(body))) == (400, ["/breaches_in_a_row"])
        assert call(acme, "PATCH", "routing/settings", {"fallback": acme.marketing.email})[0] == 400
        with acme.scope():
            assert RoutingSettings.objects.get().fallback_id == acme.fallback.id


def test_a_name_that_is_taken_is_said_once(acme: Org) -> None:
    answer = as_(acme.admin).post("/routing/pools/new", form(name="Inbound"))
    assert answer.status_code == 422
    assert answer.context["form"].errors == {"name": ["Another pool is called so."]}
