"""Ninety days of a CRM as it exports them: leads, their changes of status, and what was done with them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command

from core.errors import ValidationFailed
from integrations.csv_import import Report, import_file
from integrations.mappings import load_mapping, parse_mapping
from leads.models import Handoff, ImportedCycle, Lead, StageChange
from reporting.facts import drain_tenant
from reporting.leaks.rows import behind
from reporting.leaks.settings import LeakTerms
from reporting.models import HandoffFact
from reporting.selectors import Question
from tests.factories import Org

CRM = Path(__file__).parents[3] / "shared" / "data" / "crm-exports"
needs_exports = pytest.mark.skipif(
    not CRM.exists(), reason="the CRM exports are not beside this checkout: nothing was compared"
)
pytestmark = pytest.mark.django_db


@pytest.fixture
def bring(acme: Org, now: datetime, tmp_path: Path):
    def run(mapping: str, text: str, *, join: str | None = None, name: str = "") -> Report:
        path, second = tmp_path / (name or f"{mapping}.csv"), tmp_path / "join.csv"
        path.write_text(text)
        if join is not None:
            second.write_text(join)
        return import_file(
            path,
            tenant=acme.tenant,
            mapping=load_mapping(mapping),
            now=now,
            join=None if join is None else second,
        )

    return run


LEADS = "Id,Email,Status,CreatedDate,LastModifiedDate,OwnerId\n" + "\n".join(
    f"00Q{each},l{each}@okapi.example,Working - Contacted,2026-01-05T09:00:00Z,2026-03-01T09:00:00Z,005A"
    for each in (1, 2)
)
CHANGES = """Id,IsDeleted,LeadId,CreatedById,CreatedDate,Field,OldValue,NewValue
1,false,00Q1,005A,2026-01-09T09:00:00Z,Status,Open - Not Contacted,Working - Contacted
2,false,00Q1,005A,2026-01-06T09:00:00Z,Status,New,Open - Not Contacted
3,false,00Q1,005A,2026-02-09T09:00:00Z,Status,Nurture,Working - Contacted
4,false,00Q1,005A,2026-01-07T09:00:00Z,Owner,005A,005B
5,false,00Q9,005A,2026-01-07T09:00:00Z,Status,New,Open - Not Contacted
6,false,00Q2,005A,2026-01-07T09:00:00Z,Status,New,On the beach
"""
TASKS = """Id,WhoId,Status,IsClosed,IsDeleted,ActivityDate,CompletedDateTime
1,00Q1,Completed,true,false,2026-01-08,2026-01-08T10:30:00Z
2,00Q1,Completed,true,false,2026-01-12,2026-01-12T10:30:00Z
3,00Q1,Not Started,false,false,2026-01-06,
4,00Q1,Completed,true,true,2026-01-06,2026-01-06T10:30:00Z
5,00Q2,Completed,true,false,2026-01-09,
6,003X,Completed,true,false,2026-01-09,
"""


def test_salesforce_changes_date_each_stage_by_its_first_and_go_before_the_leads_row(
    acme: Org, bring
) -> None:
    assert bring("salesforce", LEADS).created == 2
    report = bring("salesforce_lead_history", CHANGES)
    assert (report.updated, report.left_out, report.failed) == (2, 2, 1)  # the later of two is no news
    assert "On the beach" in report.errors[0].message
    with acme.scope():
        handoff = Handoff.objects.get(lead__email="l1@okapi.example")
        assert handoff.started_at == datetime(2026, 1, 6, 9, tzinfo=UTC)  # not the day it was created
        assert handoff.accepted_at == datetime(2026, 1, 9, 9, tzinfo=UTC)
        steps = StageChange.objects.filter(lead=handoff.lead_id).order_by("at").values_list("new", "at")
        assert [new for new, _ in steps] == ["mql", "sal"]
    # Again, in any order, nothing changes.
    assert bring("salesforce", LEADS).updated == 0
    assert bring("salesforce_lead_history", CHANGES).updated == 0


def test_salesforce_tasks_that_were_done_are_the_first_touch_and_the_attempts(acme: Org, bring) -> None:
    bring("salesforce", LEADS)
    report = bring("salesforce_activities", TASKS)
    assert (report.updated, report.left_out, report.failed) == (3, 3, 0)
    with acme.scope():
        first, second = ImportedCycle.objects.order_by("handoff__lead__email").select_related("handoff")
        assert first.handoff.first_touch_at == datetime(2026, 1, 8, 10, 30, tzinfo=UTC)
        assert (len(first.touched_at), "first_touch_at" in first.days_only) == (2, False)
        assert (len(second.touched_at), "first_touch_at" in second.days_only) == (1, True)


def test_hubspot_property_history_and_engagements_joined_with_their_contacts(acme: Org, bring) -> None:
    bring(
        "hubspot",
        "Record ID,Email,Lifecycle Stage,Create Date\n"
        "501,a@okapi.example,Sales Qualified Lead,2026-01-05 09:00\n",
    )
    history = (
        "contact_id,timestamp,source,name,value\n"
        "501,2026-01-06 09:00:00.5,CRM_UI,lifecyclestage,marketingqualifiedlead\n"
        "501,2026-01-06 09:00:00.5,CRM_UI,jobtitle,Boss\n"
        "501,2026-01-12 09:00:00,CRM_UI,lifecyclestage,salesqualifiedlead\n"
    )
    report = bring("hubspot_lifecycle_history", history)
    assert (report.updated, report.left_out, report.failed) == (2, 1, 0)
    calls = (
        "engagement_id,property_hs_createdate,property_hs_timestamp,type\n"
        "7,2026-01-09 09:00,2026-01-07 10:15:00,CALL\n"
    )
    contacts = "contact_id,engagement_id,engagement_type\n501,7,CALL\n999,7,CALL\n"
    report = bring("hubspot_engagements", calls, join=contacts)
    assert (report.updated, report.left_out, report.failed) == (1, 1, 0)
    with acme.scope():
        handoff = Handoff.objects.get()
        assert handoff.started_at == datetime(2026, 1, 6, 9, 0, 0, 500_000, tzinfo=UTC)
        assert handoff.sql_at == datetime(2026, 1, 12, 9, tzinfo=UTC)
        assert handoff.first_touch_at == datetime(2026, 1, 7, 10, 15, tzinfo=UTC)


def test_two_files_are_asked_for_where_the_mapping_joins_them(acme: Org, bring) -> None:
    with pytest.raises(ValidationFailed, match="needs a second file"):
        bring("hubspot_engagements", "engagement_id,start_time\n7,2026-01-05\n")
    with pytest.raises(ValidationFailed, match="joins no second file"):
        bring("salesforce", LEADS, join=LEADS)
    with pytest.raises(ValidationFailed, match="Both files need"):
        bring("hubspot_engagements", "engagement,start_time\n7,2026-01-05\n", join="contact_id,x\n1,2\n")
    with pytest.raises(ValidationFailed, match="tells rows by"):
        bring("salesforce_lead_history", "LeadId,CreatedDate,NewValue\n00Q1,2026-01-05,Open\n")


@pytest.mark.parametrize(
    ("setting", "path"),
    [
        ({"only": {"Field": "Status"}}, "/only"),
        ({"only": ["Field"]}, "/only"),
        ({"unknown": "shrug"}, "/unknown"),
        ({"changes": True}, "/changes"),
        ({"join": 7}, "/join"),
    ],
)
def test_a_bad_setting_of_rows_names_its_place(setting: dict, path: str) -> None:
    with pytest.raises(ValidationFailed) as refusal:
        parse_mapping({"columns": {"Mail": "email"}, **setting}, name="test")
    assert [error.path for error in refusal.value.field_errors] == [path]


@needs_exports
def test_the_exports_of_a_warehouse_are_read_by_their_own_headers(acme: Org, now: datetime) -> None:
    def read(mapping: str, file: str, join: str | None = None) -> Report:
        return import_file(
            CRM / file,
            tenant=acme.tenant,
            mapping=load_mapping(mapping),
            now=now,
            join=None if join is None else CRM / join,
        )

    lead = read("salesforce", "salesforce/fivetran_sf_lead_data.csv")
    assert (lead.created, lead.failed) == (1, 0)
    with acme.scope():
        found = Lead.objects.get()
        assert (found.email, found.stage) == ("h@gmail.com", "opportunity")
        assert found.created_at == datetime(2019, 11, 11, 17, 23, 34, tzinfo=UTC)
    # Their tasks, events, calls and histories are about people whom the leads' file does not have.
    for mapping, file, join, rows in (
        ("salesforce_activities", "salesforce/fivetran_sf_task_data.csv", None, 10),
        ("salesforce_activities", "salesforce/fivetran_sf_event_data.csv", None, 10),
        ("hubspot_lifecycle_history", "hubspot/fivetran_contact_property_history_data.csv", None, 100),
        (
            "hubspot_engagements",
            "hubspot/fivetran_engagement_call_data.csv",
            "hubspot/fivetran_engagement_contact_data.csv",
            1,
        ),
    ):
        report = read(mapping, file, join)
        assert (report.left_out, report.failed, report.updated) == (rows, 0, 0), file


def test_what_was_converted_there_counts_as_an_opportunity_in_reports(acme: Org, bring) -> None:
    converted = LEADS.replace("Working - Contacted", "Closed - Converted")
    bring("salesforce", converted)
    bring("salesforce_lead_history", CHANGES)
    with acme.scope():
        drain_tenant(acme.id)
        assert {fact.opportunity_at for fact in HandoffFact.objects.all()} == {
            datetime(2026, 3, 1, 9, tzinfo=UTC)
        }


def test_activities_of_a_file_are_the_attempts_that_reports_count(acme: Org, bring) -> None:
    bring("salesforce", LEADS)
    # One before the lead was created, and so before it was handed over.
    bring("salesforce_activities", TASKS + "7,00Q1,Completed,true,false,,2026-01-02T10:30:00Z\n")
    with acme.scope():
        drain_tenant(acme.id)
        facts = HandoffFact.objects.order_by("-touches")
        assert [fact.touches for fact in facts] == [2, 1]
        # An export names the last owner, and not when a lead first had one.
        assert [(fact.assigned_at, fact.member_id is None) for fact in facts] == [(None, False)] * 2
        assert facts[0].first_touch_at == datetime(2026, 1, 8, 10, 30, tzinfo=UTC)


def test_a_file_without_activities_says_nothing_of_too_few_attempts(acme: Org, bring, now: datetime) -> None:
    bring("salesforce", LEADS)
    question = Question(zone=ZoneInfo("UTC"), first=date(2026, 1, 1), last=date(2026, 3, 31))
    terms = LeakTerms().terms
    with acme.scope():
        drain_tenant(acme.id)
        assert HandoffFact.objects.filter(decision="accepted", touches=0).count() == 2
        assert not behind(question, {"attempts": "few"}, terms=terms, now=now).exists()
    bring("salesforce_activities", TASKS)
    with acme.scope():
        drain_tenant(acme.id)
        assert behind(question, {"attempts": "few"}, terms=terms, now=now).count() == 2


def test_an_owner_whose_lead_only_the_changes_hand_over_is_put_down_by_the_leads_again(
    acme: Org, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {
        "salesforce": LEADS.replace("Working - Contacted", "Nurture"),
        "salesforce_lead_history": CHANGES,
    }

    def bring_in(mapping: str) -> str:
        path = tmp_path / f"{mapping}.csv"
        path.write_text(files[mapping].replace("On the beach", "Nurture"))
        call_command("import_leads", str(path), tenant="acme", mapping=mapping)
        return capsys.readouterr().out

    bring_in("salesforce")
    assert "Imported handoffs without an owner: 1." in bring_in("salesforce_lead_history")
    bring_in("salesforce")
    assert "without an owner" not in bring_in("salesforce_lead_history")
    with acme.scope():
        assert Handoff.objects.get().owner.name == "Former 005A"
