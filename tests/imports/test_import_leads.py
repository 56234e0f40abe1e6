"""`manage.py import_leads`: what a file may be like, what is said about bad rows, and what never happens."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from core.errors import Conflict, ValidationFailed
from handoff.intake import receive_lead
from integrations import csv_import
from integrations.csv_import import Report, import_file
from integrations.mappings import load_mapping, parse_mapping, shipped
from integrations.models import ImportRun
from leads.incoming import EngagementIn, LeadIn
from leads.models import (
    Account,
    Assignment,
    Engagement,
    Handoff,
    ImportedCycle,
    Lead,
    LeadExternalId,
    StageChange,
)
from leads.services import open_handoffs
from notifications.models import OutboxMessage
from reporting.facts import drain_tenant
from reporting.models import TargetFact
from sla.models import Timer
from tenants.clock import fixed_clock
from tenants.models import AuditEntry, Member, Team, User
from tests.factories import Org

CRM = Path(__file__).parents[3] / "shared" / "data" / "crm-exports"

pytestmark = pytest.mark.django_db

HEAD = "external_id,email,first_name,stage,mql_at,won_at,owner_email,source,employees\n"


@pytest.fixture
def write(tmp_path: Path):
    def make(text: str | bytes, name: str = "leads.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return make


def run(org: Org, path: Path, now: datetime, *, mapping: object = None, **options: object) -> Report:
    used = load_mapping("slaportal") if mapping is None else parse_mapping(mapping, name="test")
    return import_file(path, tenant=org.tenant, mapping=used, now=now, **options)  # type: ignore[arg-type]


def counts(org: Org) -> list[int]:
    with org.scope():
        tables = (Lead, LeadExternalId, Handoff, StageChange, Assignment, Account, Member, ImportRun)
        return [table.objects.count() for table in tables]


def test_a_row_becomes_a_lead_with_its_dated_history(acme: Org, write, now: datetime) -> None:
    path = write(
        "external_id,email,first_name,last_name,phone,company,employees,source,owner_email,created_at,mql_at,"
        "first_touch_at,sal_at,sql_at,lost_at\n"
        "7,Ann@Okapi.example,Ann,Ek,+49 30 123456,Okapi,120,Webinar,rep1@acme.example,2026-01-02,"
        "2026-01-05T10:00:00,2026-01-05T11:00:00+01:00,2026-01-06,2026-01-09,2026-02-01\n"
    )
    report = run(acme, path, now)
    assert (report.created, report.updated, report.failed) == (1, 0, 0)
    with acme.scope():
        lead = Lead.objects.get()
        assert (lead.email, lead.full_name, lead.stage, lead.search_name) == (
            "ann@okapi.example",
            "Ann Ek",
            "lost",
            "ann ek",
        )
        assert lead.created_at == datetime(2026, 1, 1, 23, tzinfo=UTC)  # midnight in Berlin
        assert (lead.account.domain, lead.account.employees) == ("okapi.example", 120)
        assert lead.owner_id is None
        handoff = Handoff.objects.get()
        assert (handoff.state, handoff.outcome, handoff.is_history, handoff.source) == (
            "closed",
            "lost",
            True,
            "Webinar",
        )
        assert handoff.started_at == datetime(2026, 1, 5, 9, tzinfo=UTC)
        assert handoff.first_touch_at == datetime(2026, 1, 5, 10, tzinfo=UTC)
        assert handoff.accepted_at == datetime(2026, 1, 5, 23, tzinfo=UTC)
        assert handoff.owner_id == acme.reps[0].id
        span = Assignment.objects.get()
        assert (span.member_id, span.ended_at) == (acme.reps[0].id, handoff.closed_at)
        steps = list(StageChange.objects.order_by("at").values_list("old", "new"))
        assert steps == [("", "mql"), ("mql", "sal"), ("sal", "sql"), ("sql", "lost")]
        assert set(StageChange.objects.values_list("actor", flat=True)) == {
            f"import:{ImportRun.objects.get().id}"
        }
        assert AuditEntry.objects.get(action="imported").after["created"] == 1


def test_history_is_never_acted_on(acme: Org, write, now: datetime) -> None:
    run(acme, write(HEAD + "1,a@x.example,A,mql,2026-11-16,,rep1@acme.example,Web,\n"), now)
    with acme.scope():
        assert Timer.objects.count() == OutboxMessage.objects.count() == Engagement.objects.count() == 0
        assert Handoff.objects.filter(state="open").count() == 0


@pytest.mark.parametrize("stage", ["mql", "sql", "won", "nurture"])
def test_who_comes_in_again_gets_a_live_handoff(acme: Org, write, now: datetime, stage: str) -> None:
    run(acme, write(HEAD + f"1,a@x.example,A,{stage},2026-10-01,,,Web,\n"), now)
    with acme.scope():
        item = LeadIn(email="a@x.example", engagements=(EngagementIn("demo_request"),))
        receive_lead(item=item, actor="system", clock=fixed_clock(now))
        live = Handoff.objects.get(is_history=False)
        assert (live.number, live.state, live.started_at) == (2, "open", now)
        assert live.owner_id in {rep.id for rep in acme.reps}
        assert Lead.objects.get().stage == "mql"


def test_bad_rows_are_told_by_line_and_field_and_the_others_land(acme: Org, write, now: datetime) -> None:
    path = write(
        HEAD
        + '1,a@x.example,"Two\nlines",mql,2026-11-01,,,,\n'
        + "2,not an address,B,mql,2026-11-01,,,,\n"
        + "\n"
        + "3,c@x.example,C,dancing,,,,,\n"
        + "4,d@x.example,D,mql,01.11.2026,,,,\n"
        + "5,e@x.example,E,mql,2026-11-01,,,,many\n"
        + "6,f@x.example,E,mql,2026-11-01,,,,1_000\n"
        + ",,F,mql,2026-11-01,,,,\n"
        + "7,g@x.example,G,mql,2031-01-01,,,,\n"
        + "8,h@x.example\n"
        + f"9,i@x.example,{'I' * 81},,,,,,\n"
        + "10,j@x.example,J,mql,2026-11-01,,,,\n"
    )
    report = run(acme, path, now)
    assert [(error.line, error.field) for error in report.errors] == [
        (4, "email"),
        (6, "stage"),
        (7, "mql_at"),
        (8, "company_employees"),
        (9, "company_employees"),
        (10, "email"),
        (11, "mql_at"),
        (12, ""),
        (13, "first_name"),
    ]
    assert (report.created, report.failed) == (2, 9)
    with acme.scope():
        assert sorted(Lead.objects.values_list("email", flat=True)) == ["a@x.example", "j@x.example"]
        assert len(ImportRun.objects.get().errors) == 9


def test_a_dry_run_writes_nothing_and_says_the_same(acme: Org, write, now: datetime) -> None:
    path = write(
        HEAD
        + "1,a@x.example,A,won,2026-11-01,2026-11-02,gone@acme.example,Web,5\n"
        + "1,a@x.example,A,won,2026-11-01,2026-11-03,gone@acme.example,Web,5\n"
        + "2,nobody,,,,,,,\n"
    )
    before, users = counts(acme), User.objects.count()
    dry = run(acme, path, now, dry_run=True, batch=1)
    assert counts(acme) == before
    assert User.objects.count() == users
    real = run(acme, path, now, batch=1)
    assert (dry.created, dry.updated, dry.failed) == (real.created, real.updated, real.failed) == (1, 1, 1)
    assert dry.errors == real.errors


def test_importing_again_makes_no_duplicates(acme: Org, write, now: datetime) -> None:
    path = write(
        HEAD
        + "".join(
            f"{n},p{n}@x{n}.example,P,won,2026-10-01,2026-11-01,old@x.example,Web,\n" for n in range(30)
        )
    )
    run(acme, path, now, batch=7)
    before = counts(acme)
    report = run(acme, path, now, batch=7)
    assert (report.created, report.updated, report.unchanged) == (0, 0, 30)
    assert counts(acme)[:-1] == before[:-1]


@pytest.mark.parametrize(
    "row",
    [
        "1,a@x.example,Anna,mql,2026-10-01,,,,\n",  # the lead
        "1,a@x.example,A,won,2026-10-01,2026-11-01,,,\n",  # its stage
        "1,a@x.example,A,mql,2026-10-01,,new@x.example,,\n",  # its owner
        "2,a@x.example,A,mql,2026-10-01,,,,\n",  # another outside id
    ],
)
def test_what_a_later_file_changes_counts_as_updated(acme: Org, write, now: datetime, row: str) -> None:
    first = HEAD + "1,a@x.example,A,mql,2026-10-01,,,,\n9,b@x.example,B,mql,2026-10-01,,,,\n"
    run(acme, write(first), now)
    report = run(acme, write(HEAD + row + "9,b@x.example,B,mql,2026-10-01,,,,\n"), now)
    assert (report.created, report.updated, report.unchanged) == (0, 1, 1)


def test_a_broken_off_run_goes_on_where_it_stopped(acme: Org, write, now: datetime) -> None:
    rows = "".join(f"{n},p{n}@x.example,P,mql,2026-10-01,,,Web,\n" for n in range(10)) + "x,nobody,,,,,,,\n"
    path = write(HEAD + rows)

    def die(report: Report, rows: int) -> None:
        if report.rows == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(acme, path, now, batch=3, progress=die)
    with acme.scope():
        assert (ImportRun.objects.get().rows_done, Lead.objects.count()) == (6, 6)
    report = run(acme, path, now, batch=3)
    assert (report.skipped, report.rows) == (6, 5)
    assert (report.created, report.failed) == (10, 1)
    with acme.scope():
        only = ImportRun.objects.get()
        assert (only.rows_done, only.created, only.failed) == (11, 10, 1)
        assert only.finished_at == now


def test_a_second_process_at_the_same_file_stops(acme: Org, write, now: datetime) -> None:
    path = write(HEAD + "".join(f"{n},p{n}@x.example,P,mql,2026-10-01,,,,\n" for n in range(4)))

    def meddle(report: Report, rows: int) -> None:
        with acme.scope():
            ImportRun.objects.update(rows_done=4)

    with pytest.raises(Conflict):
        run(acme, path, now, batch=2, progress=meddle)


def test_an_unknown_owner_becomes_a_former_member_who_cannot_come_in(acme: Org, write, now: datetime) -> None:
    mapping = {
        "external_system": "crm",
        "columns": {
            "id": "external_id",
            "mql": "mql_at",
            "owner": "owner_ref",
            "mail": "owner_email",
            "name": "owner_name",
        },
    }
    path = write(
        "id,mql,owner,mail,name\n"
        "1,2026-10-01,005A,,Gone Person\n"
        "2,2026-10-01,005A,,Gone Person\n"
        "3,2026-10-01,,Left@Acme.example,\n"
        "4,2026-10-01,,,Rep2 Acme\n"
        "5,2026-10-01,,,\n"
    )
    run(acme, path, now, mapping=mapping)
    with acme.scope():
        owners = list(
            Handoff.objects.order_by("lead__external_ids__external_id").values_list("owner__name", flat=True)
        )
        assert owners == ["Gone Person", "Gone Person", "Left@Acme.example", "Rep2 Acme", None]
        former = Member.objects.filter(is_active=False)
        assert {
            (member.role, member.user.is_active, member.user.has_usable_password()) for member in former
        } == {("rep", False, False)}
        assert former.get(name="Gone Person").email.endswith(".invalid")
        assert not User.objects.filter(email="left@acme.example").exists()


def test_a_live_lead_keeps_what_it_has(acme: Org, write, now: datetime) -> None:
    with acme.scope():
        lead = Lead.objects.create(
            email="a@x.example", first_name="Anna", stage="mql", created_at=now, updated_at=now
        )
        open_handoffs([lead], now=now)
    run(acme, write(HEAD + "1,a@x.example,Ann,won,2025-01-01,2025-02-01,,Old source,\n"), now)
    with acme.scope():
        lead.refresh_from_db()
        assert (lead.first_name, lead.stage, lead.source) == ("Anna", "mql", "Old source")
        states = list(Handoff.objects.order_by("number").values_list("is_history", "state"))
        assert states == [(False, "open"), (True, "closed")]


def test_the_second_file_updates_by_the_outside_id_only(acme: Org, write, now: datetime) -> None:
    run(acme, write(HEAD + "1,a@x.example,A,mql,2026-10-01,,,Web,\n"), now)
    mapping = {
        "external_system": "history",
        "update_only": True,
        "time_zone": "UTC",
        "columns": {"lead": "external_id", "won": "won_at", "sdr": "owner_ref"},
    }
    path = write("lead,won,sdr\n1,2026-11-01 02:00:00,S1\nunknown,2026-11-01,S1\n", "deals.csv")
    report = run(acme, path, now, mapping=mapping)
    assert [(error.line, error.field) for error in report.errors] == [(3, "external_id")]
    with acme.scope():
        handoff = Handoff.objects.get()
        assert (handoff.outcome, handoff.closed_at) == ("won", datetime(2026, 11, 1, 2, tzinfo=UTC))
        assert handoff.started_at == datetime(2026, 9, 30, 22, tzinfo=UTC)
        assert Lead.objects.get().stage == "won"
    # The first file again knows of no deal, and takes none away.
    run(acme, write(HEAD + "1,a@x.example,A,mql,2026-10-01,,,Web,\n"), now)
    with acme.scope():
        assert (Handoff.objects.get().outcome, Lead.objects.get().stage) == ("won", "won")


def test_two_rows_of_one_person_build_on_each_other(acme: Org, write, now: datetime) -> None:
    path = write(
        HEAD + "1,a@x.example,A,mql,2026-10-01,,,,\n1,,,won,,2026-11-01,,,\n,a@x.example,Ann,,,,,,\n"
    )
    report = run(acme, path, now)
    assert (report.created, report.updated) == (1, 2)
    with acme.scope():
        assert (Lead.objects.get().stage, Lead.objects.get().first_name) == ("won", "Ann")
        assert Handoff.objects.count() == 1


def test_id_and_email_of_two_leads_are_refused(acme: Org, write, now: datetime) -> None:
    path = write(HEAD + "1,a@x.example,,,,,,,\n2,b@x.example,,,,,,,\n1,b@x.example,,,,,,,\n")
    report = run(acme, path, now)
    assert [(error.line, error.field) for error in report.errors] == [(4, "email")]


def test_another_organisation_gets_its_own_copy(acme: Org, globex: Org, write, now: datetime) -> None:
    path = write(HEAD + "1,a@x.example,A,won,2026-10-01,2026-11-01,gone@x.example,Web,\n")
    for org in (acme, globex):
        assert run(org, path, now).created == 1
    with globex.scope():
        assert Lead.objects.count() == 1


# --- How a file is written ---


@pytest.mark.parametrize(
    "content",
    [
        (HEAD + "1,ö@x.example,Zoë,,,,,,\n").encode("utf-8"),
        (HEAD + "1,ö@x.example,Zoë,,,,,,\n").encode("utf-8-sig"),
        (HEAD + "1,ö@x.example,Zoë,,,,,,\n").encode("utf-16"),
        (HEAD + "1,ö@x.example,Zoë,,,,,,\n").encode("utf-32"),
        (HEAD + "1,ö@x.example,Zoë,,,,,,\n").replace(",", ";").encode(),
        (HEAD + "1,ö@x.example,Zoë,,,,,,\n").replace(",", "\t").replace("\n", "\r\n").encode(),
        (HEAD.upper() + '"1","ö@x.example","Zoë",,,,,,\n').encode(),
    ],
    ids=["utf-8", "bom", "utf-16", "utf-32", "semicolon", "tab", "quoted"],
)
def test_encodings_and_delimiters_are_found(acme: Org, write, now: datetime, content: bytes) -> None:
    report = run(acme, write(content), now)
    assert (report.created, report.errors) == (1, [])
    with acme.scope():
        assert Lead.objects.get().first_name == "Zoë"


@pytest.mark.parametrize("encoding", ["hex", "rot13", "nonsense", "a\x00b"])
def test_what_is_no_encoding_of_text_is_refused_by_name(
    acme: Org, write, now: datetime, encoding: str
) -> None:
    with pytest.raises(CommandError, match="names an unknown encoding"):
        call_command(
            "import_leads", write(HEAD), tenant=acme.tenant.slug, mapping="slaportal", encoding=encoding
        )


def test_utf_16_that_says_no_order_of_bytes_is_refused(acme: Org, write, now: datetime) -> None:
    path = write((HEAD + "1,a@x.example,Ann,,,,,,\n").encode("utf-16-le"))
    with pytest.raises(CommandError, match="is not written in utf-16"):
        call_command("import_leads", path, tenant=acme.tenant.slug, mapping="slaportal", encoding="utf-16")


def test_a_head_that_is_no_csv_is_refused(acme: Org, write, now: datetime) -> None:
    with pytest.raises(ValidationFailed, match="Line 1 of the file is no CSV"):
        run(acme, write(f'"{"a" * 200_000}",email\n'.encode()), now)


def test_what_a_file_is_written_in_is_not_guessed(acme: Org, write, now: datetime) -> None:
    path = write((HEAD + "1,a@x.example,Ann,,,,,,\n2,o@x.example,Zoë,,,,,,\n").encode("cp1252"))
    with pytest.raises(ValidationFailed, match="Line 3 has characters that are not UTF-8") as refused:
        run(acme, path, now)
    assert "--encoding cp1252" in refused.value.message
    with acme.scope():
        assert not Lead.objects.exists()
    told = io.StringIO()
    call_command(
        "import_leads", path, tenant=acme.tenant.slug, mapping="slaportal", encoding="cp1252", stdout=told
    )
    assert "The file was read as CP1252." in told.getvalue()
    with acme.scope():
        assert Lead.objects.get(email="o@x.example").first_name == "Zoë"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("name,city\nA,B\n", "No column says who a row is"),
        ("", "No column says who a row is"),
        ("email,email\na@x.example,b@x.example\n", "two columns"),
        ("email\n" + "x" * 200_000 + "\n", "no CSV"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_whole(
    acme: Org, write, now: datetime, content: str, said: str
) -> None:
    with pytest.raises(ValidationFailed, match=said):
        run(acme, write(content), now)


def test_too_many_rows_are_refused_before_anything_is_written(
    acme: Org, write, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_import, "MAX_ROWS", 2)
    with pytest.raises(ValidationFailed, match="3 rows"):
        run(acme, write(HEAD + "1,,,,,,,,\n2,,,,,,,,\n3,,,,,,,,\n"), now)
    assert counts(acme)[-1] == 0


# --- Mappings ---


@pytest.mark.parametrize(
    ("content", "path"),
    [
        ([], ""),
        ({}, "/columns"),
        ({"columns": {"a": "email"}, "colour": 1}, "/colour"),
        ({"columns": {"a": "shoe_size"}}, "/columns/a"),
        ({"columns": {"a": []}}, "/columns/a"),
        ({"columns": {"a": "first_name"}}, "/columns"),
        ({"columns": {"a": "external_id"}}, "/external_system"),
        ({"columns": {"a": "email"}, "values": {"stage": {"New": "fresh"}}}, "/values/stage/New"),
        ({"columns": {"a": "email"}, "constants": {"shoe_size": "1"}}, "/constants/shoe_size"),
        ({"columns": {"a": "email"}, "time_zone": "Mars"}, "/time_zone"),
        ({"columns": {"a": "email"}, "dates": "iso"}, "/dates"),
        ({"columns": {"a": "email"}, "time_zone": "M" * 5_000}, "/time_zone"),
        ({"columns": {"a": "email"}, "delimiter": "::"}, "/delimiter"),
        ({"columns": {"a": "email"}, "encoding": ["utf-8"]}, "/encoding"),
        ({"columns": {"a": "email"}, "values": {"score": "x"}}, "/values/score"),
    ],
)
def test_a_bad_mapping_names_the_place(content: object, path: str) -> None:
    with pytest.raises(ValidationFailed) as caught:
        parse_mapping(content, name="test")
    assert path in [error.path for error in caught.value.field_errors] or path == ""


def test_the_shipped_mappings_load() -> None:
    assert shipped() == [
        "hubspot",
        "hubspot_engagements",
        "hubspot_lifecycle_history",
        "salesforce",
        "salesforce_activities",
        "salesforce_lead_history",
        "slaportal",
    ]
    for name in shipped():
        assert load_mapping(name).columns


@pytest.mark.skipif(
    not CRM.exists(), reason="the CRM exports are not beside this checkout: none was imported"
)
def test_a_real_salesforce_export_is_understood(acme: Org, now: datetime) -> None:
    path = CRM / "salesforce" / "Lead.csv"
    with path.open(newline="", encoding="utf-8-sig") as stream:
        told = list(csv.DictReader(stream))
    assert told
    report = import_file(path, tenant=acme.tenant, mapping=load_mapping("salesforce"), now=now)
    # Records that share an e-mail are one person, who then has several ids.
    people = {row["Email"].lower() or row["Id"] for row in told}
    assert (report.created, report.created + report.updated, report.failed) == (len(people), len(told), 0)
    with acme.scope():
        named = dict(LeadExternalId.objects.values_list("external_id", "lead__email"))
        assert named == {row["Id"]: row["Email"].lower() for row in told}
        assert set(Lead.objects.values_list("last_name", flat=True)) <= {row["LastName"] for row in told}


@pytest.mark.skipif(
    not CRM.exists(), reason="the CRM exports are not beside this checkout: none was imported"
)
def test_a_real_hubspot_export_is_refused_for_its_hashed_addresses_only(acme: Org, now: datetime) -> None:
    path = CRM / "hubspot" / "fivetran_contact_data.csv"
    report = import_file(path, tenant=acme.tenant, mapping=load_mapping("hubspot"), now=now)
    assert report.rows > 0
    assert {error.field for error in report.errors} == {"email"}


# --- The command ---


def command(path: Path, **options: object) -> str:
    out = io.StringIO()
    call_command(
        "import_leads", str(path), stdout=out, **{"tenant": "acme", "mapping": "slaportal", **options}
    )
    return out.getvalue()


def test_the_command_tells_what_it_did(acme: Org, write) -> None:
    path = write(HEAD + "1,a@x.example,A,mql,2026-10-01,,,,\n")
    assert "Would be: 1 leads created" in command(path, dry_run=True)
    assert "1 leads created, 0 updated, 0 unchanged, 0 rows refused." in command(path)
    assert "0 leads created, 0 updated, 1 unchanged, 0 rows refused." in command(path)


def test_the_command_fails_where_rows_were_refused(acme: Org, write) -> None:
    path = write(HEAD + "1,nobody,A,mql,2026-10-01,,,,\n")
    with pytest.raises(CommandError, match="1 rows were not imported") as caught:
        command(path)
    assert caught.value.returncode == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"tenant": "nobody"}, "no active organisation"),
        ({"mapping": "pipedrive"}, "There is no mapping"),
    ],
)
def test_the_command_refuses_what_it_does_not_know(
    acme: Org, write, options: dict[str, str], said: str
) -> None:
    with pytest.raises(CommandError, match=said):
        command(write(HEAD), **options)


def test_the_command_takes_a_mapping_from_a_file(acme: Org, write, tmp_path: Path) -> None:
    mapping = tmp_path / "mine.json"
    mapping.write_text(json.dumps({"columns": {"Mail": "email"}, "constants": {"source": "Fair"}}))
    command(write("Mail\na@x.example\n"), mapping=str(mapping))
    with acme.scope():
        assert Lead.objects.get().source == "Fair"


@pytest.mark.parametrize("length", [81, 250, 300, 5_000])
def test_the_command_says_which_name_is_too_long(acme: Org, write, tmp_path: Path, length: int) -> None:
    mapping = tmp_path / ("m" * length + ".json")
    if length <= 250:
        mapping.write_text(json.dumps({"columns": {"Mail": "email"}}))
    said = "has at most 80 characters" if length <= 250 else "There is no mapping"
    with pytest.raises(CommandError, match=said):
        command(write("Mail\na@x.example\n"), mapping=str(mapping))
    with pytest.raises(CommandError, match="There is no file"):
        command(tmp_path / ("x" * 300))


RECORDED = "external_id,mql_at,first_touch_at,first_touch_due_at,decided_at,decision_due_at,sal_at,owner_name"


@pytest.mark.parametrize(
    ("row", "first_touch", "decision"),
    [
        # In time to the second; a second late.
        ("a,2026-01-05T09:00,2026-01-05T10:00,2026-01-05T10:00,,,,", "met", None),
        ("b,2026-01-05T09:00,2026-01-05T10:00:01,2026-01-05T10:00,,,,", "missed", None),
        # Never, and due before the import; due after it.
        ("c,2026-01-05T09:00,,2026-01-05T10:00,,,,", "missed", None),
        ("d,2026-01-05T09:00,,2030-01-05T10:00,,,,", "cancelled", None),
        # A day is in time where it was over by then, late where it had not begun, else nobody knows.
        ("e,2026-01-05,2026-01-06,2026-01-07T10:00,,,,", "met", None),
        ("f,2026-01-05,2026-01-08,2026-01-07T10:00,,,,", "missed", None),
        ("g,2026-01-05,2026-01-07,2026-01-07T10:00,,,,", "cancelled", None),
        # Due on a day: by its end.
        ("h,2026-01-05,2026-01-07,2026-01-07,,,,", "met", None),
        # A decision by what was decided, else by acceptance.
        ("i,2026-01-05T09:00,,,2026-01-06T09:00,2026-01-06T10:00,,", None, "met"),
        ("j,2026-01-05T09:00,,,,2026-01-06T10:00,2026-01-06T11:00,", None, "missed"),
    ],
)
def test_a_recorded_deadline_is_judged_by_what_the_file_says(
    acme: Org, write, now: datetime, row: str, first_touch: str | None, decision: str | None
) -> None:
    assert run(acme, write(f"{RECORDED}\n{row}\n"), now, mapping=RECORDED_AS).failed == 0
    with acme.scope():
        drain_tenant(acme.id)
        told = dict(TargetFact.objects.values_list("target", "verdict"))
        assert (told.get("first_touch"), told.get("decision")) == (first_touch, decision)
        assert not TargetFact.objects.exclude(business_seconds=None).exists()
        assert not TargetFact.objects.filter(closed_at=None).exists()  # nothing left to do about it
        assert not Timer.objects.exists()


RECORDED_AS = {
    "external_system": "old",
    "columns": {name: name for name in RECORDED.split(",")},
}


def test_activities_add_up_and_the_first_from_mql_on_is_the_first_touch(
    acme: Org, write, now: datetime
) -> None:
    run(acme, write("external_id,mql_at\n7,2026-01-05T09:00:00Z\n"), now)
    touches = {
        "external_system": "history",
        "update_only": True,
        "columns": {"lead": "external_id", "at": "touched_at"},
    }
    calls = write(
        "lead,at\n7,2026-01-06T12:00:00Z\n7,2026-01-02T12:00:00Z\n7,2026-01-05T10:00:00Z\n"
        "7,2026-01-05T10:00:00Z\n8,2026-01-05T10:00:00Z\n",
        "calls.csv",
    )
    report = run(acme, calls, now, mapping=touches)
    assert (report.updated, report.unchanged, [error.field for error in report.errors]) == (
        3,
        1,
        ["external_id"],
    )
    again = run(acme, calls, now, mapping=touches)
    assert (again.updated, again.unchanged) == (0, 4)
    with acme.scope():
        cycle = ImportedCycle.objects.get()
        assert len(cycle.touched_at) == 3
        assert cycle.files == ["leads.csv", "calls.csv"]
        assert cycle.handoff.first_touch_at == datetime(2026, 1, 5, 10, tzinfo=UTC)


def test_a_former_owner_is_put_into_an_existing_team_only(acme: Org, write, now: datetime) -> None:
    with acme.scope():
        Team.objects.create(tenant=acme.tenant, name="Field")
    mapping = {
        "external_system": "old",
        "columns": {"id": "external_id", "mql": "mql_at", "who": "owner_name", "team": "owner_team"},
    }
    text = "id,mql,who,team\n1,2026-01-05,Fay,field\n2,2026-01-05,Noa,Nowhere\n3,2026-01-05,Rep One,field\n"
    run(acme, write(text), now, mapping=mapping)
    with acme.scope():
        teams = dict(Member.objects.filter(name__in=["Fay", "Noa"]).values_list("name", "team__name"))
        assert teams == {"Fay": "Field", "Noa": None}
        assert not Team.objects.filter(name="Nowhere").exists()


@pytest.mark.parametrize("date", ["0001-01-02", "1899-12-30", "1900-01-01T00:00:00Z", "1970-01-01"])
def test_a_date_that_a_crm_writes_for_never_is_refused(
    in_acme: Org, write: Any, now: datetime, date: str
) -> None:
    """One row of the year 1 would have reports rebuilt through twenty centuries."""
    rows = f"1,old@x.example,Olga,sal,{date},,,Web,\n2,new@x.example,Nora,sal,2000-01-01,,,Web,\n"
    path = write(HEAD + rows)
    report = run(in_acme, path, now)
    assert (report.created, report.failed) == (1, 1)
    assert "before 2000" in report.errors[0].message
    assert Handoff.objects.get().lead.email == "new@x.example"


def test_the_command_names_the_columns_that_it_read_and_those_that_it_left_out(
    acme: Org, write: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "Email,First Name,Status,CreatedDate\na@okapi.example,Ann,Working,2026-01-05T09:00:00Z\n"
    call_command("import_leads", str(write(text)), tenant="acme", mapping="salesforce", dry_run=True)
    told = capsys.readouterr().out
    assert "4 columns were read: Email, First Name, Status, CreatedDate." in told
    assert "left out" not in told
    # The same file by the mapping of another CRM is read in part; that is seen before anything is written.
    call_command("import_leads", str(write(text)), tenant="acme", mapping="hubspot", dry_run=True)
    told = capsys.readouterr().out
    assert "2 columns were read: Email, First Name." in told
    assert "2 columns were left out: Status, CreatedDate." in told
    assert "nobody becomes an MQL by this file: is this its mapping?" in told
    # Accounts have an id and the day on which they were made, too.
    accounts = write("Id,Name,CreatedDate\n001A,Okapi,2026-01-05T09:00:00Z\n")
    call_command("import_leads", str(accounts), tenant="acme", mapping="salesforce", dry_run=True)
    assert "nobody becomes an MQL by this file: is this its mapping?" in capsys.readouterr().out
