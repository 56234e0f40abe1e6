"""The agreement as a PDF and over the API: to be read by whoever was not there."""

import pytest
from django.test import Client

from reporting.agreement.models import Agreement
from tenants.models import Member, Tenant
from tests.agreement.conftest import browser, sign, sign_both
from tests.factories import Org
from tests.pdfs import text_of

pytestmark = pytest.mark.django_db


def pdf(org: Org, path: str = "/agreement.pdf") -> bytes:
    answer = browser(org.reps[0]).get(path)
    assert answer["Content-Type"] == "application/pdf"
    return answer.content


def api(org: Org, path: str = ""):
    return Client().get(f"/api/v1/agreement{path}", headers=org.auth)


def test_the_file_has_everything_and_who_signed_in_their_own_letters(acme: Org) -> None:
    with acme.scope():
        Member.objects.filter(id=acme.marketing.id).update(name="Łucja Żółć")
        Member.objects.filter(id=acme.manager.id).update(name="Иван Петров")
    sign_both(acme)
    text = text_of(pdf(acme))
    for said in (
        "Agreement between marketing and sales",
        "Version 1, in force since 17 Nov 2026",
        "What makes an MQL",
        "within 5 minutes of working time",
        "At 80% of the time the manager is warned.",
        "At least 85%",
        "Marketing Łucja Żółć Marketing 17 Nov 2026, 10:00 CET",
        "Sales Иван Петров Manager 17 Nov 2026, 10:00 CET",
        "Page 1 of",
    ):
        assert said in text, said


def test_before_anybody_signs_the_file_says_so(acme: Org) -> None:
    text = text_of(pdf(acme))
    assert "Not signed yet" in text
    assert "Nobody has signed this." in text


def test_the_same_version_is_the_same_file_whatever_is_configured_later(acme: Org) -> None:
    first = sign_both(acme)
    path = f"/agreement/versions/{first.id}/file"
    before = pdf(acme, path)
    assert before == pdf(acme)
    with acme.scope():
        Tenant.objects.filter(id=acme.id).update(target_percent=90)
    assert pdf(acme, path) == before
    changed = text_of(pdf(acme))
    assert "Changed since version 1 was signed" in changed
    assert "At least 90%" in changed
    assert "Nobody has signed this." in changed


def test_a_program_reads_how_the_agreement_stands(acme: Org) -> None:
    before = api(acme).json()
    assert (before["state"], before["in_force"], before["open"], before["readers"]) == (
        "not_signed",
        None,
        None,
        None,
    )
    sign(acme.marketing, "marketing")
    assert api(acme).json()["open"]["signatures"][0]["member"]["name"] == "Mark Acme"
    sign(acme.manager, "sales")
    signed = api(acme).json()
    assert (signed["state"], signed["changes"], signed["recalibration_due"]) == ("signed", [], "2027-02-17")
    assert [each["side"] for each in signed["in_force"]["signatures"]] == ["marketing", "sales"]
    assert signed["digest"] == signed["in_force"]["digest"]
    assert len(signed["readers"]["read"]) == 2
    assert {each["name"] for each in signed["readers"]["not_read"]} >= {"Rep1 Acme", "Ada Acme"}
    with acme.scope():
        Tenant.objects.filter(id=acme.id).update(target_percent=90)
    changed = api(acme).json()
    assert changed["state"] == "changed"
    (change,) = changed["changes"]
    assert (change["section"], change["title"]) == ("numbers", "Numbers that both are held to")
    assert "Sales, target: At least 85% of first touches are made in time" in change["gone"]
    assert "Sales, target: At least 90% of first touches are made in time" in change["come"]
    assert len(change["gone"]) == len(change["come"])


def test_versions_are_listed_and_read_in_full(acme: Org) -> None:
    first = sign_both(acme)
    with acme.scope():
        Tenant.objects.filter(id=acme.id).update(target_percent=90)
    sign_both(acme)
    listed = api(acme, "/versions?limit=1").json()
    assert [(each["number"], each["state"]) for each in listed["results"]] == [(2, "in_force")]
    assert Client().get(listed["next"], headers=acme.auth).json()["results"][0]["number"] == 1
    full = api(acme, f"/versions/{first.id}").json()
    assert (full["number"], full["state"]) == (1, "replaced")
    numbers = next(each for each in full["sections"] if each["slug"] == "numbers")
    assert numbers["promise"]["target_percent"] == 85


def test_a_key_cannot_sign_and_sees_nobody_elses(acme: Org, globex: Org) -> None:
    theirs = sign_both(globex)
    assert api(acme, f"/versions/{theirs.id}").status_code == 404
    assert api(acme, "/versions").json()["results"] == []
    for path in ("", "/versions", f"/versions/{theirs.id}"):
        assert Client().post(f"/api/v1/agreement{path}", {}, headers=acme.auth).status_code == 405
    assert Client().post("/agreement/sign", {"side": "sales"}, headers=acme.auth).status_code == 302
    with acme.scope():
        assert not Agreement.objects.exists()


def test_a_key_without_the_scope_is_refused(acme: Org, now) -> None:
    from tenants.services import create_api_key

    with acme.scope():
        _, key = create_api_key(tenant=acme.tenant, name="Leads", scopes=["leads:read"], now=now)
    refused = Client().get("/api/v1/agreement", headers={"Authorization": f"Bearer {key}"})
    assert refused.status_code == 403
