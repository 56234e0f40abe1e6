"""Adoption: who of the people accountable looked at the numbers, and what was delivered to them."""

from __future__ import annotations

import pytest

from reporting.models import ReportView
from tests.factories import Org
from tests.reporting.scenes import browser

pytestmark = pytest.mark.django_db


def test_a_report_counts_once_a_person_and_day(in_acme: Org) -> None:
    for _ in range(2):
        browser(in_acme.manager).get("/compliance")
    browser(in_acme.manager).get("/funnel")
    browser(in_acme.manager).get("/funnel?period=wrong")
    found = ReportView.objects.values_list("member_id", "report")
    assert sorted(found) == [(in_acme.manager.id, "compliance"), (in_acme.manager.id, "funnel")]


def test_the_page_names_who_looked_and_who_did_not(in_acme: Org) -> None:
    browser(in_acme.manager).get("/compliance")
    page = browser(in_acme.executive).get("/adoption")
    rows = {row["name"]: row["reports"] for row in page.context["rows"]}
    assert rows[in_acme.manager.name] == ["Compliance (1 day)"]
    assert rows[in_acme.marketing.name] == []
    names = [row["name"] for row in page.context["rows"]]
    assert names.index(in_acme.manager.name) > names.index(in_acme.marketing.name)


def test_what_reps_look_at_is_not_kept_and_they_see_no_adoption(in_acme: Org) -> None:
    browser(in_acme.reps[0]).get("/compliance")
    assert not ReportView.objects.exists()
    for member in (in_acme.reps[0], in_acme.manager, in_acme.marketing):
        assert browser(member).get("/adoption").status_code == 403


def test_who_looked_comes_as_a_file_too(in_acme: Org) -> None:
    browser(in_acme.manager).get("/compliance")
    reader = browser(in_acme.executive)
    head, *rows = reader.get(reader.get("/adoption").context["csv_url"]).content.decode().splitlines()
    assert head.removeprefix("\ufeff").startswith("Person,Role,Reports opened")
    assert any(row.startswith(f"{in_acme.manager.name},Manager,Compliance (1 day)") for row in rows)
    assert reader.get("/adoption.xlsx").content[:2] == b"PK"
    assert browser(in_acme.manager).get("/adoption.csv").status_code == 403
