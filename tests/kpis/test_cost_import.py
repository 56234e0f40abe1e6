"""Costs come in by a file, row by row, and can be corrected and removed."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from difflib import get_close_matches
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from reporting.kpis import cost_plan
from reporting.models import SourceCost
from tenants.models import AuditEntry, Tenant
from tests.commitments.scenes import drain, mql
from tests.factories import Org
from tests.reporting.scenes import browser
from web.pagination import write_cursor

pytestmark = pytest.mark.django_db

HEAD = "month,source,campaign,amount,currency\n"
IMPORT = "/kpis/costs/import"


@pytest.fixture
def scene(in_acme: Org, now: datetime) -> Org:
    """An MQL of Ads in September, and one of Web in October."""
    mql(in_acme, datetime(2026, 9, 15, 9, tzinfo=UTC), source="Google Ads")
    mql(in_acme, datetime(2026, 10, 15, 9, tzinfo=UTC), source="Web")
    drain(in_acme)
    return in_acme


def bring(org: Org, text: str | bytes, **said: str) -> Any:
    """The page after a file was chosen, or brought in."""
    client = browser(org.marketing)
    if "do" in said:
        return client.post(IMPORT, {"text": text, **said})
    data = text if isinstance(text, bytes) else text.encode()
    return client.post(IMPORT, {"file": SimpleUploadedFile("costs.csv", data)})


def amounts() -> dict[tuple[str, str, str], Decimal]:
    rows = SourceCost.objects.order_by("month", "source", "campaign")
    return {(f"{row.month:%Y-%m}", row.source, row.campaign): row.amount for row in rows}


def test_the_preview_says_what_each_row_does_and_writes_nothing(scene: Org) -> None:
    bring(scene, f"{HEAD}2026-09,Google Ads,,100,EUR\n2026-09,Web,,5,EUR\n", do="apply")
    answer = bring(
        scene,
        f"{HEAD}2026-09,Google Ads,,120.50,EUR\n2026-09,Web,,5,EUR\n2026-10,Web,Spring,7,EUR\n"
        "2026-10,Web,Spring,8,EUR\n2026-10,Web,,9,USD\n",
    )
    assert answer.status_code == 200
    assert answer.context["counts"] == {"new": 1, "replaces": 1, "there": 1, "wrong": 2, "with_a_note": 1}
    shown = {each["line"].line: each for each in answer.context["lines"]}
    assert shown[2]["words"] == "Replaces 100.00"
    assert "Line 4 says the same month" in shown[5]["line"].errors["source"]
    assert "Convert the amount" in shown[6]["line"].errors["currency"]
    assert amounts() == {("2026-09", "Google Ads", ""): 100, ("2026-09", "Web", ""): 5}
    assert "Bring it in" in answer.content.decode()


def test_a_wrong_row_keeps_all_out_unless_it_is_left_out(scene: Org) -> None:
    text = f"{HEAD}2026-09,Google Ads,,100,EUR\n2026-09,Web,,1e9,EUR\n"
    refused = bring(scene, text, do="apply")
    assert refused.status_code == 422
    assert "1 row is wrong; nothing was brought in." in refused.content.decode()
    assert amounts() == {}
    assert bring(scene, text, do="apply", leave_out_wrong="on").status_code == 302
    assert amounts() == {("2026-09", "Google Ads", ""): 100}


def test_sources_are_told_apart_from_those_that_leads_name(scene: Org) -> None:
    answer = bring(
        scene,
        f"{HEAD}2026-09,google  ads,,1,EUR\n2026-09,Googel Ads,,2,EUR\n2026-10,Google Ads,,3,EUR\n",
    )
    notes = {each["line"].line: each["line"].notes for each in answer.context["lines"]}
    assert notes[2] == ["Taken as 'Google Ads', as leads spell it."]
    assert "Did you mean 'Google Ads'?" in notes[3][0]
    assert "No MQL of October 2026 has this source" in notes[4][0]
    assert answer.context["counts"]["wrong"] == 0


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (f"{HEAD}2026-09,Caf\xe9,,1,EUR".encode("latin-1"), "characters that are not UTF-8"),
        (b"PK\x03\x04", "is no text"),
        (b"", "empty"),
        (HEAD.encode() + b"x" * 1_000_001, "larger than 1 MB"),
    ],
)
def test_a_file_that_is_not_read_is_refused_with_the_way_out(scene: Org, data: bytes, words: str) -> None:
    answer = bring(scene, data)
    assert answer.status_code == 422
    assert words in answer.content.decode()


def test_near_names_are_looked_for_once_a_name_and_for_twenty_of_them(
    scene: Org, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each look compares a name with thousands: a file of thousands of strange names would take minutes."""
    looked: list[str] = []

    def close(name: str, known: Any, n: int) -> list[str]:
        looked.append(name)
        return get_close_matches(name, known, n=n)

    monkeypatch.setattr(cost_plan, "get_close_matches", close)
    rows = [f"2026-10,Gogle Ads,{number},1,EUR" for number in range(30)]
    rows += [f"2026-10,Strange {number},,1,EUR" for number in range(30)]
    answer = bring(scene, HEAD + "\n".join(rows))
    notes = [each["line"].notes[0] for each in answer.context["lines"]]
    assert len(looked) == len(set(looked)) == 20
    assert sum("Did you mean 'Google Ads'?" in note for note in notes) == 30
    assert sum(note.startswith("No MQL ever came from this source") for note in notes) == 60


def test_a_file_in_utf_16_is_read_as_its_mark_says(scene: Org) -> None:
    answer = bring(scene, f"{HEAD}2026-09,Café,,1,EUR\n".encode("utf-16"))
    assert answer.context["plan"].encoding == "UTF-16"
    assert answer.context["lines"][0]["source"] == "Café"


def test_costs_are_corrected_and_removed_and_every_change_is_kept(scene: Org) -> None:
    client = browser(scene.marketing)
    one = {"month": "2026-09", "source": "Google Ads", "campaign": "", "amount": "100"}
    assert client.post("/kpis/costs/set", one).status_code == 302
    assert client.post("/kpis/costs/set", {**one, "amount": "90.5"}).status_code == 302
    assert client.post("/kpis/costs/set", {**one, "campaign": "Brand"}).status_code == 302
    refused = client.post("/kpis/costs/set", {**one, "amount": "12,5", "month": "2027-01"})
    assert refused.status_code == 422
    assert "decimal comma" in refused.content.decode()
    assert "has not begun" in refused.content.decode()
    assert amounts() == {
        ("2026-09", "Google Ads", ""): Decimal("90.50"),
        ("2026-09", "Google Ads", "Brand"): 100,
    }
    brand = SourceCost.objects.get(campaign="Brand")
    form = client.get(f"/kpis/costs?month=2026-09&correct={brand.id}").context["form"]
    assert (form["campaign"].value(), form["amount"].value()) == ("Brand", "100.00")
    assert client.post(f"/kpis/costs/{brand.id}/remove").status_code == 302
    assert client.post("/kpis/costs/2026-09/remove").status_code == 302
    assert client.post("/kpis/costs/2026-09/remove").status_code == 404
    assert client.post("/kpis/costs/never/remove").status_code == 404
    assert amounts() == {}
    audited = AuditEntry.objects.filter(object_type="costs").order_by("at", "id")
    assert [entry.action for entry in audited] == ["costs.set"] * 3 + ["costs.removed"] * 2
    corrected = audited[1]
    assert corrected.before == {"month": "2026-09", "costs": {"Google Ads": "100.00 EUR"}}
    assert corrected.after == {"month": "2026-09", "costs": {"Google Ads": "90.50 EUR"}}


def test_executives_and_managers_read_costs_and_reps_see_nothing(scene: Org) -> None:
    bring(scene, f"{HEAD}2026-09,Google Ads,,100,EUR\n", do="apply")
    for member in (scene.executive, scene.manager):
        page = browser(member).get("/kpis/costs")
        assert page.status_code == 200
        assert "Import a file" not in page.content.decode()
        assert browser(member).get(IMPORT).status_code == 403
        assert browser(member).post("/kpis/costs/2026-09/remove").status_code == 403
    assert browser(scene.reps[0]).get("/kpis/costs").status_code == 403
    assert browser(scene.admin).get(IMPORT).status_code == 200
    assert len(amounts()) == 1


def test_the_file_of_costs_is_brought_in_again_without_a_change(scene: Org) -> None:
    bring(scene, f'{HEAD}2026-09,=Ads,,100,EUR\n2026-10,Web,"Spring, late",5.25,EUR\n', do="apply")
    file = browser(scene.executive).get("/kpis/costs.csv").content
    answer = bring(scene, file)
    assert answer.context["counts"]["there"] == 2
    assert browser(scene.executive).get("/kpis/costs.xlsx").content[:2] == b"PK"


def test_costs_of_another_currency_are_kept_and_count_nowhere(scene: Org) -> None:
    bring(scene, f"{HEAD}2026-09,Google Ads,,100,EUR\n", do="apply")
    Tenant.objects.filter(id=scene.id).update(currency="USD")
    page = browser(scene.executive).get("/kpis/costs").content.decode()
    assert "counts nowhere: amounts are told in USD" in page
    answer = bring(scene, f"{HEAD}2026-09,Google Ads,,110,USD\n")
    (line,) = answer.context["lines"]
    assert line["words"] == "Replaces"
    assert "Replaces 100.00 EUR." in line["line"].notes


def test_programs_see_bring_in_and_remove_costs(acme: Org, globex: Org) -> None:
    def call(method: str, path: str, org: Org = acme, **body: Any) -> Any:
        client = getattr(Client(), method)
        if method == "get":
            return client(f"/api/v1/{path}", headers=org.auth)
        return client(f"/api/v1/{path}", body, content_type="application/json", headers=org.auth)

    text = f"{HEAD}2026-09,Ads,,100,EUR\n2026-09,Web,,-1,EUR\n"
    seen = call("post", "kpis/costs", csv=text).json()
    assert seen["applied"] is False
    assert [row["status"] for row in seen["rows"]] == ["new", "wrong"]
    assert "not below 0" in seen["rows"][1]["errors"]["amount"]
    refused = call("post", "kpis/costs", csv=text, apply=True)
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["path"] == "/rows/1"
    assert call("get", "kpis/costs").json()["results"] == []
    assert call("post", "kpis/costs", csv=text, apply=True, leave_out_wrong=True).json()["counts"]["new"] == 1
    (row,) = call("get", "kpis/costs?month=2026-09").json()["results"]
    assert (row["source"], row["amount"], row["counts"]) == ("Ads", "100.00", True)
    assert call("get", "kpis/costs", globex).json()["results"] == []
    assert call("delete", "kpis/costs/2026-09", globex).status_code == 404
    assert call("post", "kpis/costs", csv="a,b").json()["errors"][0]["path"] == "/csv"
    assert call("delete", "kpis/costs/2026-09").json() == {"removed": 1}
    assert call("delete", "kpis/costs/2026-9").status_code == 404


def test_programs_page_through_costs(scene: Org) -> None:
    lines = [f"2026-{month:02},Ads,{campaign},5,EUR\n" for month in (8, 9) for campaign in ("A", "B")]
    bring(scene, HEAD + "".join(lines), do="apply")
    seen, address = [], "/api/v1/kpis/costs?limit=1"
    while address:
        page = Client().get(address, headers=scene.auth).json()
        seen += [(row["month"], row["campaign"]) for row in page["results"]]
        address = page["next"]
    assert len(seen) == 4
    assert set(seen) == {(month, each) for month in ("2026-08", "2026-09") for each in ("A", "B")}
    assert [month for month, _ in seen] == ["2026-09", "2026-09", "2026-08", "2026-08"]
    odd = write_cursor(["2026-09", str(uuid4())])
    assert Client().get(f"/api/v1/kpis/costs?cursor={odd}", headers=scene.auth).status_code == 400
