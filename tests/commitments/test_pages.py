"""Commitments as people see them."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from reporting.models import CommitmentNote, CommitmentTarget
from tenants.models import AuditEntry
from tests.commitments.scenes import drain, mql, promise
from tests.factories import Org
from tests.reporting.scenes import browser

pytestmark = pytest.mark.django_db

DAYS = [datetime(2026, 11, day, 9, tzinfo=UTC) for day in (10, 11, 12, 13)]


@pytest.fixture
def scene(in_acme: Org, now: datetime) -> Org:
    """Eight MQLs of November: two answered in each way, one incomplete; two of September that became SQL."""
    promise(in_acme, "mql_volume", 20, now=now, weekly_floor=3)
    for day in DAYS:
        mql(in_acme, day, answer="accepted", touched=day + timedelta(hours=1), source="Partner")
        mql(in_acme, day, answer="rejected", reason="bad_contact_data", reachable=day != DAYS[0])
        mql(in_acme, day - timedelta(days=45), sql_after=9)
    drain(in_acme)
    return in_acme


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def test_the_page_tells_both_sides_with_their_lights(scene: Org) -> None:
    answer = browser(scene.executive).get("/commitments")
    assert answer.status_code == 200
    said = text_of(answer.content.decode())
    assert "MQLs a month 8" in said
    assert "Acceptance rate 50% 4 of 8" in said
    assert "Acting on feedback Nothing was counted in this month." in said
    assert "11.1 of 21 business days have passed" in said
    assert "Set the target" not in said
    assert "Add note" not in said


def test_on_a_phone_the_target_stands_below_the_number(scene: Org) -> None:
    page = browser(scene.executive).get("/commitments").content.decode()
    assert '<small class="sp-only-phone">Target 20, 3 a week</small>' in page
    assert '<small class="sp-only-phone">No target set</small>' in page
    assert '<th scope="col" class="sp-num sp-side">Target</th>' in page, "its column is for wider screens"


def test_every_number_leads_to_as_many_leads(scene: Org) -> None:
    client = browser(scene.admin)
    mql(scene, DAYS[-1], closed=DAYS[-1] + timedelta(minutes=5))  # its clocks are called off
    drain(scene)
    page = client.get("/commitments").content.decode()
    assert "not due yet or called off" in page
    links = re.findall(r'<a href="(/(?:funnel|compliance)/leads\?[^"]+)">(?:<b>)?([\d,]+)', page)
    assert len(links) > 15
    for address, number in links:
        listed = client.get(address.replace("&amp;", "&"))
        assert listed.status_code == 200
        assert listed.context["count"] == int(number.replace(",", "")), address


@pytest.mark.parametrize("month", ["2026-11", "2026-10", "2025-01", "2027-02"])
def test_any_month_has_a_page_and_a_file(scene: Org, month: str) -> None:
    client = browser(scene.marketing)
    assert client.get(f"/commitments?month={month}").status_code == 200
    file = client.get(f"/commitments.csv?month={month}").content.decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(file)))
    assert len(rows) == 11
    assert {row["Month"] for row in rows} == {month}
    assert client.get(f"/commitments.xlsx?month={month}").status_code == 200


@pytest.mark.parametrize("month", ["2026-13", "november", "1999-01", "2026-1"])
def test_a_month_that_is_none_is_refused(scene: Org, month: str) -> None:
    assert browser(scene.marketing).get(f"/commitments?month={month}").status_code == 400


def test_an_empty_organisation_has_a_page(acme: Org) -> None:
    assert browser(acme.admin).get("/commitments").status_code == 200


def test_a_rep_has_no_page(scene: Org) -> None:
    client = browser(scene.reps[0])
    for path in ("", ".csv", "/targets/mql_volume", "/calculator"):
        assert client.get(f"/commitments{path}").status_code == 403


def test_the_page_costs_as_many_queries_however_much_there_is(scene: Org, now: datetime) -> None:
    client = browser(scene.manager)
    client.get("/commitments")
    with CaptureQueriesContext(
        connection,
    ) as few:
        client.get("/commitments")
    for number in range(20):
        mql(scene, DAYS[number % 4], source=f"Source {number}", answer="accepted")
    promise(scene, "acceptance", 60, now=now)
    drain(scene)
    with CaptureQueriesContext(connection) as many:
        client.get("/commitments")
    assert len(many) <= len(few)
    assert len(many) <= 20


# --- Targets ------------------------------------------------------------------------------------------------


def set_by(client: Client, commitment: str, **said: object) -> int:
    body = {"target": 40, "valid_from": "2026-11-01", "why": "Agreed on Monday.", **said}
    return client.post(f"/commitments/targets/{commitment}", body).status_code


def test_a_side_sets_its_own_targets_and_admins_set_all(acme: Org) -> None:
    marketing, manager, admin = browser(acme.marketing), browser(acme.manager), browser(acme.admin)
    assert set_by(marketing, "acceptance") == 302
    assert set_by(manager, "acceptance") == 403
    assert set_by(manager, "first_touch") == 302
    assert set_by(marketing, "first_touch") == 403
    assert set_by(admin, "decision") == 302
    assert set_by(browser(acme.executive), "decision") == 403
    with acme.scope():
        rows = CommitmentTarget.objects.values_list("commitment", "target", "set_by")
        assert set(rows) == {
            ("acceptance", 40, f"member:{acme.marketing.id}"),
            ("first_touch", 40, f"member:{acme.manager.id}"),
            ("decision", 40, f"member:{acme.admin.id}"),
        }
        audited = AuditEntry.objects.filter(action="commitment.target_set").order_by("at", "id")
        assert [entry.after["commitment"] for entry in audited] == ["acceptance", "first_touch", "decision"]
        assert audited[1].before == {"commitment": "first_touch", "target": 85}


@pytest.mark.parametrize(
    ("commitment", "said", "field"),
    [
        ("acceptance", {"target": 0}, "target"),
        ("acceptance", {"target": 101}, "target"),
        ("acceptance", {"why": " "}, "why"),
        ("acceptance", {"valid_from": "2026-10-01"}, "valid_from"),
        ("mql_volume", {"weekly_floor": 41}, "weekly_floor"),
        ("mql_volume", {"target": "many"}, "target"),
    ],
)
def test_what_cannot_be_promised_is_refused_at_its_field(
    acme: Org, commitment: str, said: dict[str, object], field: str
) -> None:
    body = {"target": 40, "valid_from": "2026-11-01", "why": "Agreed.", **said}
    answer = browser(acme.admin).post(f"/commitments/targets/{commitment}", body)
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    with acme.scope():
        assert not CommitmentTarget.objects.exists()


def test_who_comes_second_is_told_what_was_set_meanwhile(acme: Org) -> None:
    client = browser(acme.admin)
    seen = client.get("/commitments/targets/acceptance").context["form"].initial["instead_of"] or ""
    assert set_by(client, "acceptance", target=50, instead_of=seen) == 302
    assert set_by(client, "acceptance", target=60, instead_of=seen) == 409
    page = client.get("/commitments/targets/acceptance")
    assert "Agreed on Monday." in page.content.decode()
    with acme.scope():
        assert [row.target for row in CommitmentTarget.objects.all()] == [50]


def test_the_same_again_changes_nothing(acme: Org, now: datetime) -> None:
    with acme.scope():
        assert promise(acme, "acceptance", 50, now=now)
        assert promise(acme, "acceptance", 50, now=now) is None
        assert promise(acme, "acceptance", None, now=now)
        assert CommitmentTarget.objects.count() == 2


def test_the_database_lets_nobody_change_what_was_promised(acme: Org, now: datetime) -> None:
    from django.db import ProgrammingError, transaction

    with acme.scope():
        promise(acme, "acceptance", 50, now=now)
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            CommitmentTarget.objects.update(target=10)


def test_an_unknown_commitment_is_not_there(acme: Org) -> None:
    assert browser(acme.admin).get("/commitments/targets/more-of-all").status_code == 404


def test_filters_of_other_reports_are_said_to_change_nothing_here(acme: Org) -> None:
    client = browser(acme.admin)
    page = client.get("/commitments?month=2026-11&by=source&period=7d").content.decode()
    assert "The address has period, by, which nothing here goes by" in page
    assert "which nothing here goes by" not in client.get("/commitments?month=2026-11&by=").content.decode()
    for ending in ("csv", "xlsx"):
        refused = client.get(f"/commitments.{ending}?month=2026-11&by=source")
        assert refused.status_code == 400
        assert "they go by month= alone" in refused.content.decode()


# --- Notes --------------------------------------------------------------------------------------------------


def test_both_sides_write_notes_that_stay(scene: Org) -> None:
    body = {"commitment": "acceptance", "text": "The fair brought many students."}
    answer = browser(scene.marketing).post("/commitments/notes?month=2026-11", body)
    assert answer.status_code == 302
    page = text_of(browser(scene.executive).get("/commitments").content.decode())
    assert f"Acceptance rate : The fair brought many students. {scene.marketing.name}" in page
    assert browser(scene.executive).post("/commitments/notes", body).status_code == 403
    for wrong in ({"text": " "}, {"commitment": "none"}, {"text": "x" * 1_001}):
        assert browser(scene.manager).post("/commitments/notes", {**body, **wrong}).status_code == 422
    assert browser(scene.manager).post("/commitments/notes?month=2027-01", body).status_code == 422
    assert CommitmentNote.objects.count() == 1


# --- The calculator -----------------------------------------------------------------------------------------


def test_a_pipeline_target_says_how_many_mqls_it_takes(acme: Org) -> None:
    client = browser(acme.marketing)
    address = "/commitments/calculator?pipeline=600000&value=24000&conversion=12.5"
    answer = client.get(address)
    assert answer.context["number"] == 200
    form = client.get(answer.context["use_url"]).context["form"]
    assert form.initial["target"] == "200"
    assert "600,000" in form.initial["why"]


def test_without_data_the_calculator_asks_for_what_it_cannot_know(acme: Org) -> None:
    answer = browser(acme.marketing).get("/commitments/calculator?pipeline=600000")
    assert answer.status_code == 422
    assert set(answer.context["form"].errors) == {"value", "conversion"}
    assert "number" not in answer.context


def test_the_calculator_reads_value_and_conversion_from_the_data(in_acme: Org, now: datetime) -> None:
    from decimal import Decimal

    from leads.models import Handoff, Opportunity

    for number in range(8):
        mql(in_acme, now - timedelta(days=100))
        if number < 2:
            handoff = Handoff.objects.latest("id")
            Opportunity.objects.create(
                lead=handoff.lead,
                handoff=handoff,
                name="Deal",
                amount=Decimal(10_000 * (number + 1)),
                currency="EUR",
                opened_at=now - timedelta(days=90 - number),
                updated_at=now,
            )
    mql(in_acme, now - timedelta(days=5))
    drain(in_acme)
    answer = browser(in_acme.marketing).get("/commitments/calculator?pipeline=60000")
    inputs = answer.context["inputs"]
    assert (inputs.value, inputs.valued, inputs.opportunities) == (Decimal(15_000), 2, 2)
    assert (inputs.conversion.count, inputs.conversion.base, inputs.conversion.left_out) == (2, 8, 1)
    assert answer.context["number"] == 16


def test_no_number_of_mqls_makes_up_for_a_conversion_of_nothing(in_acme: Org, now: datetime) -> None:
    mql(in_acme, now - timedelta(days=100))
    drain(in_acme)
    answer = browser(in_acme.marketing).get("/commitments/calculator?pipeline=60000&value=100")
    assert answer.status_code == 422
    assert "None of 1 MQLs became an opportunity" in answer.content.decode()


def test_imported_mqls_may_have_become_opportunities_that_no_file_names(in_acme: Org, now: datetime) -> None:
    for is_history in (True, True, False):
        mql(in_acme, now - timedelta(days=100), is_history=is_history)
    drain(in_acme)
    answer = browser(in_acme.marketing).get("/commitments/calculator?pipeline=60000&value=100")
    assert "None of 3 MQLs became an opportunity (2 were imported" in answer.content.decode()
    assert answer.context["inputs"].imported == 2
