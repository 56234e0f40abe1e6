"""Every KPI may have an owner and a target, and what they were is kept."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from reporting.kpis.catalog import CATALOG
from reporting.kpis.services import Wanted, set_owner, set_target
from reporting.kpis.targets import load_targets, owners_of
from reporting.models import CommitmentTarget, KpiOwner, KpiTarget
from tenants.models import AuditEntry, Member
from tests.commitments.scenes import promise
from tests.factories import Org
from tests.reporting.scenes import browser

pytestmark = pytest.mark.django_db


def form(**said: str) -> dict[str, str]:
    return {"target": "25", "valid_from": "2026-11-01", "why": "As agreed.", "instead_of": "", **said}


def test_an_admin_sets_a_target_and_both_versions_are_kept(in_acme: Org) -> None:
    client = browser(in_acme.admin)
    assert client.post("/kpis/close_rate/target", form()).status_code == 302
    first = KpiTarget.objects.get()
    later = form(target="30", why="More is possible.", instead_of=str(first.id))
    assert client.post("/kpis/close_rate/target", later).status_code == 302
    assert [row.target for row in KpiTarget.objects.order_by("set_at", "id")] == [25, 30]
    page = client.get("/kpis/close_rate").content.decode()
    assert "replaced before it was judged" in page
    assert "More is possible." in page
    assert in_acme.admin.name in page
    audited = AuditEntry.objects.filter(action="kpi.target_set").order_by("at", "id").last()
    assert audited is not None
    assert (audited.before["target"], audited.after["target"]) == ("25.00", "30")


def test_who_sets_what_somebody_else_set_meanwhile_is_told(in_acme: Org) -> None:
    client = browser(in_acme.admin)
    client.post("/kpis/deal_size/target", form(target="5000"))
    late = client.post("/kpis/deal_size/target", form(target="6000"))
    assert late.status_code == 409
    assert "Somebody set another target" in late.content.decode()
    assert KpiTarget.objects.count() == 1


def test_saying_again_what_is_set_changes_nothing(in_acme: Org) -> None:
    client = browser(in_acme.admin)
    client.post("/kpis/velocity/target", form(target="40.5"))
    row = KpiTarget.objects.get()
    again = client.post("/kpis/velocity/target", form(target="40.50", instead_of=str(row.id)), follow=True)
    assert "nothing changed" in again.content.decode()
    assert KpiTarget.objects.count() == 1


@pytest.mark.parametrize(
    ("kpi", "said", "words"),
    [
        ("close_rate", {"target": "101"}, "At most 100"),
        ("close_rate", {"target": "12.5"}, "A whole number"),
        ("close_rate", {"target": "0"}, "above 0"),
        ("deal_size", {"target": "1.234"}, "two digits"),
        ("deal_size", {"target": "NaN"}, "Enter a number"),
        ("close_rate", {"target": "1e308"}, "At most 100"),
        ("close_rate", {"target": "1E-999999"}, "A whole number"),
        ("deal_size", {"target": "1E+999999"}, "At most 999,999,999,999"),
        ("deal_size", {"target": "9" * 400}, "At most 999,999,999,999"),
        ("velocity", {"target": "9999"}, "At most 3,650"),
        ("close_rate", {"why": " "}, "required"),
        ("close_rate", {"valid_from": "2026-10-01"}, "Select a valid choice"),
    ],
)
def test_a_target_that_makes_no_sense_is_refused(
    in_acme: Org, kpi: str, said: dict[str, str], words: str
) -> None:
    answer = browser(in_acme.admin).post(f"/kpis/{kpi}/target", form(**said))
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not KpiTarget.objects.exists()


def test_a_number_that_a_commitment_promises_too_has_one_target(in_acme: Org, now: datetime) -> None:
    promise(in_acme, "mql_volume", 120, now=now, weekly_floor=25)
    client = browser(in_acme.admin)
    last = CommitmentTarget.objects.get()
    said = form(target="140", instead_of=str(last.id))
    assert client.post("/kpis/mql_volume/target", said).status_code == 302
    assert not KpiTarget.objects.exists()
    row = CommitmentTarget.objects.order_by("set_at", "id").last()
    assert row is not None
    assert (row.target, row.weekly_floor) == (140, 25)
    assert "140" in client.get("/commitments").content.decode()
    assert "/commitments/targets/mql_volume" in client.get("/kpis/mql_volume").content.decode()


def test_an_owner_is_named_replaced_and_taken_off_with_all_of_it_kept(in_acme: Org) -> None:
    client, rep = browser(in_acme.admin), in_acme.reps[0]
    assert "Nobody was named yet" in client.get("/kpis/close_rate").content.decode()
    for member in (rep, in_acme.manager):
        client.post("/kpis/close_rate/owner", {"member": str(member.id)})
    client.post("/kpis/close_rate/owner", {"member": ""})
    rows = KpiOwner.objects.order_by("set_at", "id")
    assert [row.member_id for row in rows] == [rep.id, in_acme.manager.id, None]
    page = client.get("/kpis/close_rate").content.decode()
    assert rep.name in page
    assert "Nobody owns it" in page
    assert AuditEntry.objects.filter(action="kpi.owner_set").count() == 3


def test_a_number_whose_owner_left_is_nobodys(in_acme: Org) -> None:
    client, rep = browser(in_acme.admin), in_acme.reps[0]
    client.post("/kpis/close_rate/owner", {"member": str(rep.id)})
    Member.objects.filter(id=rep.id).update(is_active=False)
    page = client.get("/kpis")
    assert "has left: nobody owns it now" in page.content.decode()
    assert page.context["unowned"] == 11
    refused = client.post("/kpis/velocity/owner", {"member": str(rep.id)})
    assert refused.status_code == 422


def test_only_admins_set_and_others_read(in_acme: Org) -> None:
    for member in (in_acme.marketing, in_acme.manager, in_acme.executive):
        client = browser(member)
        assert client.get("/kpis/close_rate").status_code == 200
        assert "Set the target" not in client.get("/kpis/close_rate").content.decode()
        assert client.post("/kpis/close_rate/target", form()).status_code == 403
        assert client.post("/kpis/close_rate/owner", {"member": ""}).status_code == 403
    assert browser(in_acme.reps[0]).get("/kpis/close_rate").status_code == 403
    assert browser(in_acme.admin).get("/kpis/luck").status_code == 404
    assert not KpiTarget.objects.exists()


def test_programs_name_owners_and_set_targets(acme: Org, globex: Org) -> None:
    def put(path: str, **body: Any) -> Any:
        address = f"/api/v1/kpis/{path}"
        return Client().put(address, body, content_type="application/json", headers=acme.auth)

    strange = put("close_rate/owner", member=str(globex.reps[0].id))
    assert (strange.status_code, strange.json()["errors"][0]["path"]) == (400, "/member")
    named = put("close_rate/owner", member=str(acme.manager.id)).json()
    assert named["owner"] == {"member": str(acme.manager.id), "has_left": False}
    said = {"target": "27", "valid_from": "2026-11-01", "why": "As agreed."}
    one = put("close_rate/target", **said, instead_of=None)
    assert one.status_code == 200, one.content
    assert one.json()["present"]["target"] == "27.00"
    late = put("close_rate/target", **{**said, "target": "30"}, instead_of=None)
    assert late.status_code == 409
    past = put("close_rate/target", **{**said, "valid_from": "2026-10-01"})
    assert past.json()["errors"][0] == {
        "path": "/valid_from",
        "message": "A month that is over is judged by the target that held then: choose this month or a later"
        " one.",
        "code": "past",
    }
    assert put("luck/target", **said).status_code == 404
    other = Client().get("/api/v1/kpis/close_rate", headers=globex.auth).json()
    assert (other["owner"]["member"], other["history"]) == (None, [])


def test_who_came_earlier_and_waited_for_another_is_the_last_to_name_the_owner(
    in_acme: Org, now: datetime
) -> None:
    kind, said = CATALOG["close_rate"], {"tenant": in_acme.tenant, "actor": "system"}
    set_owner(kind=kind, member_id=in_acme.manager.id, now=now, **said)
    assert set_owner(kind=kind, member_id=in_acme.marketing.id, now=now - timedelta(seconds=1), **said)
    assert owners_of(kind.key)[kind.key][0].member_id == in_acme.marketing.id


@pytest.mark.parametrize("kpi", ["close_rate", "mql_volume"])
def test_who_came_earlier_and_waited_for_another_is_the_last_to_set_the_target(
    in_acme: Org, now: datetime, kpi: str
) -> None:
    kind, month = CATALOG[kpi], now.date().replace(day=1)
    for target, at in ((20, now), (30, now - timedelta(seconds=1)), (25, now - timedelta(seconds=2))):
        wanted = Wanted(Decimal(target), month, "As agreed.", checks_last=False)
        assert set_target(tenant=in_acme.tenant, kind=kind, wanted=wanted, actor="system", now=at)
        targets = load_targets(in_acme.tenant.target_percent)
        assert targets.of(kind, month).target == targets.history(kind)[0].target == target
        assert targets.last(kind) == targets.of(kind, month).row_id
