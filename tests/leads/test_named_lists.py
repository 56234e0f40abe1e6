"""Named lists: kept by hand or from a file, asked about by rules, and kept as long as a rule asks."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from core.errors import Conflict, ValidationFailed
from handoff.intake import receive_lead
from leads.account_facts import Who, lists_of
from leads.account_names import add_name
from leads.criteria_drafts import publish_criteria
from leads.criteria_preview import preview_criteria
from leads.forms import CriteriaForm
from leads.incoming import CompanyIn, EngagementIn, LeadIn
from leads.list_csv import decode, read_table
from leads.list_import import import_list, plan_import
from leads.list_plan import ListPlan
from leads.models import Account, CriteriaVersion, DataWait, Lead, ListEntry, NamedList
from leads.named_lists import add_entries, change_list, create_list, read_entry, remove_list
from leads.plain import PlainCriteria, plain_form_of
from leads.upsert import upsert_leads
from routing.models import Decision, RuleSetVersion
from tenants.clock import fixed_clock
from tenants.models import AuditEntry
from tests.factories import Org

pytestmark = pytest.mark.django_db


def made(now: datetime, *entries: str, name: str = "Rivals") -> NamedList:
    found = create_list(name=name, purpose="competitors", actor="a", now=now)
    if entries:
        add_entries(list_id=found.id, texts=entries, actor="a", now=now)
    return found


def on_list(slug: str) -> dict[str, Any]:
    return {"field": "lead.lists", "op": "contains", "value": [slug]}


def excluding(org: Org, slug: str) -> dict[str, Any]:
    return {**org.criteria.content, "exclude": [{"name": "Rivals", "when": on_list(slug)}]}


def who(email: str = "", company: str = "", account: Account | None = None) -> Who:
    if account is None:
        return Who(email, company, None, "", "")
    return Who(email, company, account.id, account.name, account.domain)


@pytest.mark.parametrize(
    ("text", "kind", "key"),
    [
        ("Acme.COM", "domain", "d:acme.com"),
        ("https://www.acme.com/x", "domain", "d:acme.com"),
        ("@mail.acme.com", "domain", "d:mail.acme.com"),
        ("Ann@Acme.com", "email", "e:ann@acme.com"),
        ("Heron Freight GmbH", "company", "n:heron freight"),
        ("Müller", "company", "n:muller"),
    ],
)
def test_an_entry_is_told_by_how_it_is_written(text: str, kind: str, key: str) -> None:
    found = read_entry(text)
    assert (found.kind, found.key) == (kind, key)


@pytest.mark.parametrize("text", ["gmail.com", "https://www.gmail.com/", "@GMAIL.com"])
def test_a_domain_where_anybody_gets_an_address_is_refused_at_its_place(
    in_acme: Org, now: datetime, text: str
) -> None:
    found = made(now)
    with pytest.raises(ValidationFailed) as refused:
        add_entries(list_id=found.id, texts=["rival.example", text], actor="a", now=now)
    (error,) = refused.value.field_errors
    assert (error.path, error.code) == ("/entries/1", "free_mail")
    assert "stands for none of them" in error.message
    (line,) = planned(found, f"domain\n{text}\n", now).lines
    assert line.status == "wrong"
    assert read_entry("ann@gmail.com").key == "e:ann@gmail.com"


@pytest.mark.parametrize("text", ["", "  ", "a@b", "---", "x" * 300])
def test_what_is_no_entry_is_refused(text: str) -> None:
    with pytest.raises(ValidationFailed):
        read_entry(text)


def test_somebody_is_on_a_list_by_address_domain_account_or_company(in_acme: Org, now: datetime) -> None:
    made(now, "rival.example", "ann@kestrel.example", "Wren Ltd")
    made(now, "uni.example", name="Students")
    heron = Account.objects.create(name="Heron", domain="heron.example", created_at=now)
    add_name(account_id=heron.id, domain="rival.example", actor="a", now=now)
    assert lists_of(
        [
            who("bob@rival.example"),
            who("bob@mail.rival.example"),
            who("ann@kestrel.example"),
            who("bob@kestrel.example"),
            who("bob@gmail.com", "WREN GmbH"),
            who("bob@gmail.com", account=heron),
            who("eve@alumni.uni.example", "Wren"),
            who(),
        ]
    ) == [["rivals"], ["rivals"], ["rivals"], [], ["rivals"], ["rivals"], ["rivals", "students"], []]


def test_a_lead_on_an_exclusion_list_never_qualifies(in_acme: Org, now: datetime) -> None:
    found = made(now, "rival.example")
    publish_criteria(excluding(in_acme, found.slug), based_on=1, actor="a", now=now)

    def arrives(email: str) -> bool:
        item = LeadIn(email=email, engagements=(EngagementIn("demo_request", "", now),))
        return receive_lead(item=item, actor="a", clock=fixed_clock(now)).handoff is not None

    assert not arrives("ann@rival.example")
    assert arrives("ann@heron.example")
    shown = preview_criteria(in_acme.criteria.content, now=now)
    assert (shown.before, shown.after) == (1, 2)
    assert "Rivals" in shown.changed[0].reasons[0]


def test_lists_are_read_in_as_many_statements_for_two_leads_as_for_two_hundred_and_only_where_asked(
    in_acme: Org, now: datetime
) -> None:
    found = made(now, "rival.example")

    def cost(many: int, host: str) -> tuple[int, int]:
        items = [
            LeadIn(email=f"p{n}@{host}{n}.example", company=CompanyIn(name=f"{host} {n}"))
            for n in range(many)
        ]
        with CaptureQueriesContext(connection) as asked:
            upsert_leads(items, now=now)
        return len(asked), sum("leads_listentry" in each["sql"] for each in asked)

    cost(2, "warm")
    plain, none = cost(2, "a")
    publish_criteria(excluding(in_acme, found.slug), based_on=1, actor="a", now=now)
    cost(2, "warm-two")
    few, many = cost(2, "b"), cost(200, "c")
    assert none == 0
    assert few == many == (plain + 2, 1)


def test_a_list_that_a_rule_asks_about_is_kept_and_says_where(in_acme: Org, now: datetime) -> None:
    found = made(now, "rival.example")
    publish_criteria(excluding(in_acme, "RIVALS"), based_on=1, actor="a", now=now)
    with pytest.raises(Conflict, match=r"qualification criteria, version 2 \(in force\)"):
        remove_list(list_id=found.id, actor="a", now=now)
    change_list(list_id=found.id, name="Competitors", purpose="competitors", actor="a", now=now)
    publish_criteria({**in_acme.criteria.content}, based_on=2, actor="a", now=now)
    remove_list(list_id=found.id, actor="a", now=now)
    assert NamedList.objects.count() == ListEntry.objects.count() == 0
    assert set(AuditEntry.objects.filter(object_type="list").values_list("action", flat=True)) == {
        "list.create",
        "list.add",
        "list.change",
        "list.remove",
    }


def test_criteria_that_name_no_list_are_not_put_in_force(in_acme: Org, now: datetime) -> None:
    with pytest.raises(ValidationFailed) as refused:
        publish_criteria(excluding(in_acme, "rivals"), based_on=1, actor="a", now=now)
    (error,) = refused.value.field_errors
    assert (error.path, error.code) == ("/exclude/0/when/value/0", "unknown_list")
    assert CriteriaVersion.objects.count() == 1


def test_names_are_given_once(in_acme: Org, now: datetime) -> None:
    made(now)
    for name, purpose in (("RIVALS", "other"), ("", "other"), ("New", "spies")):
        with pytest.raises(ValidationFailed):
            create_list(name=name, purpose=purpose, actor="a", now=now)
    assert create_list(name="Rivals!", purpose="other", actor="a", now=now).slug == "rivals-2"


def test_the_plain_form_excludes_lists_and_reads_them_back(in_acme: Org, now: datetime) -> None:
    found = made(now)
    plain = PlainCriteria(intent=("demo_request",), exclude_lists=(found.slug,))
    content = plain.content()
    assert content["exclude"] == [{"name": "On list rivals", "when": on_list("rivals")}]
    assert plain_form_of(content) == plain
    form = CriteriaForm(
        {"based_on": 1, "intent": ["demo_request"], "days": 30, "exclude_lists": [found.slug]}
    )
    assert form.is_valid()
    assert form.content() == content


def test_the_tree_editor_offers_the_lists_there_are(acme: Org, now: datetime) -> None:
    with acme.scope():
        made(now)
        publish_criteria(excluding(acme, "rivals"), based_on=1, actor="a", now=now)
    client = Client()
    client.force_login(acme.admin.user)
    client.post("/qualification/draft/start")
    page = client.get("/qualification/draft").content.decode()
    assert 'value="rivals" checked' in " ".join(page.split())


# --- Files ---


def planned(found: NamedList, text: str, now: datetime) -> ListPlan:
    return plan_import(list_id=found.id, table=read_table(text), now=now)


def test_a_file_of_one_column_needs_no_headings(in_acme: Org, now: datetime) -> None:
    found = made(now, "rival.example")
    text = "rival.example\nkestrel.example\n\nKestrel.example\nnot an@address\n"
    plan = planned(found, text, now)
    assert [(line.line, line.status) for line in plan.lines] == [
        (1, "there"),
        (2, "new"),
        (4, "again"),
        (5, "wrong"),
    ]
    with pytest.raises(ValidationFailed) as refused:
        import_list(list_id=found.id, table=read_table(text), actor="a", now=now)
    assert [error.path for error in refused.value.field_errors] == ["/rows/3"]
    assert ListEntry.objects.count() == 1
    import_list(list_id=found.id, table=read_table(text), leave_out_wrong=True, actor="a", now=now)
    assert ListEntry.objects.count() == 2


@pytest.mark.parametrize(
    ("data", "encoding", "shown"),
    [
        ("Müller".encode(), "UTF-8", "Müller"),
        ("Müller".encode("utf-8-sig"), "UTF-8", "Müller"),
        ("Müller".encode("utf-16"), "UTF-16", "Müller"),
    ],
)
def test_a_file_is_read_in_the_encoding_that_it_has(data: bytes, encoding: str, shown: str) -> None:
    assert decode(data) == (shown, encoding)


@pytest.mark.parametrize(
    "data", [b"", b"  \n", b"PK\x03\x04\x00\x00", b"\xff\xfe\x00", b"a\x00b", b"x" * 1_000_001, b"\x81\x8d"]
)
def test_what_is_no_text_is_refused(data: bytes) -> None:
    with pytest.raises(ValidationFailed) as refused:
        decode(data)
    assert refused.value.field_errors[0].path == "/file"


def test_a_file_in_another_encoding_is_refused_with_its_line_and_the_way_out() -> None:
    for data, line in (
        ("domain\nmüller.example".encode("cp1252"), 2),
        (b"\xff\xfea\x00\n\x00\x00\xd8b\x00", 2),
    ):
        with pytest.raises(ValidationFailed, match=f'Line {line} has .* Save the file as "CSV UTF-8"'):
            decode(data)


@pytest.mark.parametrize(
    "text", ["colour,shape\nred,round\n", "domain,website\na.example,b.example\n", "domain\n", 'domain\n"a\n']
)
def test_a_file_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(ValidationFailed):
        read_table(text)


ACCOUNTS = """domain;company;owner;tier;named account;subsidiary_of;colour
heron.example;Heron;{owner};A;yes;Top Group;red
chick.example;Chick;;B;x;heron.example;
;Top Group;;;;;
"""


def test_a_file_of_named_accounts_sets_owner_tier_flags_and_parents(in_acme: Org, now: datetime) -> None:
    rep = in_acme.reps[0]
    heron = Account.objects.create(name="Heron", domain="heron.example", is_named=True, created_at=now)
    Account.objects.create(name="Top Group", created_at=now)
    found = made(now, name="Named")
    text = ACCOUNTS.format(owner=rep.user.email.upper())
    plan = planned(found, text, now)
    assert plan.ignored == ["colour"]
    assert plan.counts["accounts_made"] == plan.counts["accounts_changed"] == 1
    assert plan.lines[0].says == ["tier: A", f"owner: {rep.name}", "parent: Top Group"]
    assert Account.objects.count() == 2
    import_list(list_id=found.id, table=read_table(text), actor="a", now=now)
    heron.refresh_from_db()
    chick = Account.objects.get(domain="chick.example")
    assert (heron.owner_id, heron.tier, heron.parent.name) == (rep.id, "A", "Top Group")
    assert (chick.tier, chick.is_named, chick.parent_id) == ("B", True, heron.id)
    entry = AuditEntry.objects.get(action="account.change", object_id=heron.id)
    assert entry.before == {"owner_id": None, "tier": "", "parent_id": None}
    again = planned(found, text, now)
    assert not again.does_something


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("a.example,A,nobody@x.example,,", "Nobody active here"),
        ("a.example,A,,maybe,", "write yes or no"),
        ("a.example,A,,,Nowhere", "No account and no row"),
        ("a.example,A,,,a.example", "close a circle"),
        ("gmail.com,,,yes,", "stands for none of them"),
        (",,,yes,", "names no domain"),
    ],
)
def test_a_wrong_row_says_what_is_wrong_with_it(in_acme: Org, now: datetime, row: str, says: str) -> None:
    found = made(now, name="Named")
    (line,) = planned(found, f"domain,company,owner,customer,parent\n{row}\n", now).lines
    assert line.status == "wrong"
    assert says in line.errors[0]


@pytest.mark.parametrize("many", ["000000000000999999999999", "9" * 5_012, "2147483648", "-1", "٣"])
def test_a_number_of_employees_that_cannot_be_kept_is_a_wrong_row(
    in_acme: Org, now: datetime, many: str
) -> None:
    found = made(now, name="Named")
    text = f"company,employees\nZed,{many}\nNil,{'0' * 5_000}7\n"
    wrong, right = planned(found, text, now).lines
    assert (wrong.status, right.status) == ("wrong", "new")
    assert "a whole number" in wrong.errors[0]
    import_list(list_id=found.id, table=read_table(text), leave_out_wrong=True, actor="a", now=now)
    assert list(Account.objects.values_list("name", "employees")) == [("Nil", 7)]


def test_a_row_below_a_wrong_row_is_wrong_itself_and_so_on_down(in_acme: Org, now: datetime) -> None:
    found = made(now, name="Named")
    rows = "Grand,,Child,\nWrong,nobody@x.example,,\nChild,,Wrong,\nSound,,,A\nBelow,,Sound,\n"
    text = f"company,owner,parent,tier\n{rows}"
    lines = planned(found, text, now).lines
    assert [line.status for line in lines] == ["wrong", "wrong", "wrong", "new", "new"]
    assert lines[2].errors == ["The row that would make 'Wrong', its parent, is wrong."]
    import_list(list_id=found.id, table=read_table(text), leave_out_wrong=True, actor="a", now=now)
    assert set(ListEntry.objects.values_list("shown", flat=True)) == {"Sound", "Below"}
    assert list(Account.objects.order_by("name").values_list("name", "parent__name")) == [
        ("Below", "Sound"),
        ("Sound", None),
    ]


def test_the_first_sound_row_makes_the_account(in_acme: Org, now: datetime) -> None:
    found = made(now, name="Named")
    rows = "heron.example,Wrong,nobody@x.example,\nheron.example,Heron,,A\nchick.example,Chick,,B\n"
    text = f"domain,company,owner,tier\n{rows}"
    assert [line.status for line in planned(found, text, now).lines] == ["wrong", "new", "new"]
    plan = import_list(list_id=found.id, table=read_table(text), leave_out_wrong=True, actor="a", now=now)
    assert (plan.counts["accounts_made"], plan.counts["accounts_changed"]) == (2, 0)
    assert set(Account.objects.values_list("name", "tier")) == {("Heron", "A"), ("Chick", "B")}


def test_two_rows_that_close_a_circle_are_told_at_the_second(in_acme: Org, now: datetime) -> None:
    found = made(now, name="Named")
    lines = planned(found, "domain,parent\na.example,b.example\nb.example,a.example\n", now).lines
    assert [line.status for line in lines] == ["wrong", "wrong"]
    assert "its parent, is wrong" in lines[0].errors[0]
    assert "close a circle" in lines[1].errors[0]


def test_a_file_of_two_thousand_accounts_takes_a_fixed_number_of_statements(
    in_acme: Org, now: datetime, django_assert_max_num_queries: Any
) -> None:
    found = made(now, name="Named")
    rows = "".join(f"a{n}.example,A,{f'a{n - 1}.example' if n % 5 else ''}\n" for n in range(2_000))
    with django_assert_max_num_queries(40):
        import_list(list_id=found.id, table=read_table(f"domain,tier,parent\n{rows}"), actor="a", now=now)
    assert Account.objects.filter(tier="A").count() == 2_000


def test_leads_that_wait_for_what_a_file_brings_are_looked_at_again(in_acme: Org, now: datetime) -> None:
    heron = Account.objects.create(name="Heron", domain="heron.example", created_at=now)
    lead = Lead.objects.create(
        email="a@heron.example", account=heron, needs=["account.employees"], created_at=now, updated_at=now
    )
    found = made(now, name="Named")
    import_list(
        list_id=found.id, table=read_table("domain,employees\nheron.example,50\n"), actor="a", now=now
    )
    assert DataWait.objects.get().lead_id == lead.id


def test_a_routing_rule_asks_about_lists_and_the_decision_keeps_what_it_saw(
    in_acme: Org, now: datetime
) -> None:
    found = made(now, "rival.example")
    version = in_acme.rule_set
    first = {**version.content["pools"][0], "name": "Rivals", "when": on_list("rivals")}
    version.content["pools"].insert(0, first)
    RuleSetVersion.objects.filter(id=version.id).update(content=version.content)
    item = LeadIn(email="ann@rival.example", engagements=(EngagementIn("demo_request", "", now),))
    assert receive_lead(item=item, actor="a", clock=fixed_clock(now)).handoff is not None
    decision = Decision.objects.get()
    assert decision.inputs["values"]["lead.lists"] == [found.slug]
    with pytest.raises(Conflict, match="routing rules"):
        remove_list(list_id=found.id, actor="a", now=now)
