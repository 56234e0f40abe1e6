"""Territories: drafted on their page, from a file or over the API, refused where they overlap, tried in their
row's place, and named by the decision.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from core.rules import Facts
from leads.criteria import SCHEMA, facts_of
from leads.models import Account, Lead
from routing.decide import compile_rule_set, match
from routing.models import Decision, Pool, PoolSeat, RuleSetVersion
from routing.rules_check import PoolState
from routing.rules_words import changes
from routing.territory_file import read_file, write_rows
from tenants import versions
from tenants.clock import database_clock
from tests.factories import Org
from tests.routing.test_rule_pages import as_, draft_of, editing, text_of

pytestmark = pytest.mark.django_db

PAGE, IMPORT = "/routing/draft/territories", "/routing/draft/territories/import"
REST = {"name": "Everyone else", "when": None, "pool": "inbound"}
ROW = {"name": "Territories", "territories": True, "overlaps": "refuse"}
SOUTH = {"name": "South", "countries": ["Germany"], "postal": ["7", "8"], "pool": "second"}
MUNICH = {"name": "Munich", "countries": ["Germany"], "postal": ["80", "81"], "pool": "inbound"}


def content(*rows: dict[str, Any], row: dict[str, Any] = ROW) -> dict[str, Any]:
    return {"pools": [row, REST], "priorities": [], "horizon_minutes": 30, "territories": list(rows)}


def sent(client: Client, do: str = "save", at: str = "new", **values: str) -> Any:
    revision = client.get(PAGE).context["draft"].revision
    return client.post(PAGE, {"revision": revision, "at": at, "do": do, **values})


def upload(client: Client, data: bytes, **more: str) -> Any:
    revision = client.get(PAGE).context["draft"].revision
    file = SimpleUploadedFile("territories.csv", data, content_type="text/csv")
    return client.post(IMPORT, {"revision": revision, "file": file, **more})


def call(org: Org, method: str, path: str, body: Any = None, kind: str = "application/json") -> Any:
    data = body if isinstance(body, bytes) else json.dumps(body) if body is not None else ""
    return Client().generic(method, f"/api/v1/routing{path}", data, content_type=kind, headers=org.auth)


def facts(**values: Any) -> Facts:
    now = database_clock()
    return facts_of(Lead(**values), None, [], now)


def test_a_territory_decides_in_the_place_of_its_row_and_is_named_by_the_decision(acme: Org) -> None:
    rules = compile_rule_set(content(SOUTH), SCHEMA)
    found = match(rules, facts(country="germany", postal_code="80331"))
    assert (found.pool, found.rule) == ("second", "South")
    assert [line["name"] for line in found.layers()["pools"]] == ["South", "Everyone else"]
    assert match(rules, facts(country="Germany", postal_code="10115")).rule == "Everyone else"
    assert match(rules, facts(country="Germany")).rule == "Everyone else"


def test_a_leads_own_country_goes_before_its_accounts() -> None:
    now = database_clock()
    rules = compile_rule_set(content({"name": "France", "countries": ["France"], "pool": "second"}), SCHEMA)
    account = Account(name="Grande", country="France", created_at=now)
    assert match(rules, facts_of(Lead(country=""), account, [], now)).rule == "France"
    assert match(rules, facts_of(Lead(country="Germany"), account, [], now)).rule == "Everyone else"


def test_the_first_territory_puts_its_row_before_everyone_else_and_the_last_takes_it_away(acme: Org) -> None:
    client = editing(acme)
    assert (
        sent(client, name="South", pool="second", countries="Germany; Austria", postal="8\n7")["Location"]
        == PAGE
    )
    draft = draft_of(acme).content
    assert draft["pools"][-2] == ROW
    assert draft["territories"] == [
        {"name": "South", "pool": "second", "countries": ["Germany", "Austria"], "postal": ["8", "7"]}
    ]
    shown = text_of(client.get("/routing/draft"))
    assert "1 territory: South" in shown
    assert sent(client, "remove:0").status_code == 302
    draft = draft_of(acme).content
    assert "territories" not in draft
    assert ROW not in draft["pools"]


def test_a_territory_that_is_wrong_stays_on_the_page_with_what_was_typed(acme: Org) -> None:
    client = editing(acme)
    answer = sent(client, name="", pool="second", employees_from="90", employees_to="10", countries="Peru")
    assert answer.status_code == 422
    assert "Peru" in answer.content.decode()
    assert answer.context["form"].errors["name"]
    answer = sent(client, name="Sizes", pool="second", employees_from="90", employees_to="10")
    assert "the first is the larger one" in text_of(answer)
    answer = sent(client, name="All", pool="second")
    assert "would take every lead" in text_of(answer)
    assert "territories" not in draft_of(acme).content


def test_overlapping_territories_are_refused_with_the_lead_that_both_take(acme: Org) -> None:
    client = editing(acme, content(SOUTH, MUNICH))
    shown = text_of(client.get("/routing/draft/check"))
    assert "South takes leads of Munich too, such as: Germany, postal code 80." in shown
    answer = client.post(
        "/routing/draft/check", {"revision": draft_of(acme).revision, "against": "1", "when": "now"}
    )
    assert answer.status_code in (400, 422)
    assert draft_of(acme).number == 2
    page = text_of(client.get(PAGE))
    assert "South Munich Germany, postal code 80" in page
    assert "Germany; another postal code" in page


def test_overlaps_may_be_let_stand_where_the_first_one_wins(acme: Org) -> None:
    client = editing(acme, content(MUNICH, SOUTH))
    assert sent(client, "overlaps:first_wins").status_code == 302
    answer = client.post(
        "/routing/draft/check", {"revision": draft_of(acme).revision, "against": "1", "when": "now"}
    )
    assert answer.status_code == 302
    with acme.scope():
        rules = versions.version_in_force(RuleSetVersion, database_clock())
        assert rules is not None
        found = compile_rule_set(rules.content, SCHEMA)
    assert match(found, facts(country="Germany", postal_code="80331")).rule == "Munich"
    assert match(found, facts(country="Germany", postal_code="70173")).rule == "South"
    assert "2 territories: Munich, South. Where two overlap, the first wins" in text_of(
        client.get("/routing")
    )


def test_a_territory_that_an_earlier_one_takes_whole_is_never_reached(acme: Org) -> None:
    editing(acme, content(SOUTH, MUNICH, row={**ROW, "overlaps": "first_wins"}))
    found = call(acme, "POST", "/draft/check").json()["problems"]
    assert [(each["path"], each["code"]) for each in found] == [("/territories/1", "never_reached")]
    assert found[0]["message"].startswith("Never reached: South takes every lead")


def test_two_admins_on_one_territory_never_write_over_each_other(acme: Org) -> None:
    client = editing(acme, content(SOUTH))
    seen = draft_of(acme).revision
    assert (
        sent(client, at="0", name="South", name_was="South", pool="inbound", countries="Spain").status_code
        == 302
    )
    values = {"name": "South", "name_was": "South", "pool": "second", "countries": "Italy"}
    answer = client.post(PAGE, {"revision": seen, "at": "0", "do": "save", **values})
    assert answer.status_code == 409
    assert "Italy" in answer.content.decode()
    assert draft_of(acme).content["territories"][0]["countries"] == ["Spain"]


def test_a_comma_divides_postal_codes_and_nothing_else(acme: Org) -> None:
    """Left whole, "80, 81" begins no postal code: the territory would take no lead, and overlap none."""
    client = editing(acme)
    sent(client, name="South", pool="second", countries="Korea, Republic of", postal="80, 81")
    assert draft_of(acme).content["territories"] == [
        {"name": "South", "pool": "second", "countries": ["Korea, Republic of"], "postal": ["80", "81"]}
    ]
    upload(client, b'name;country;postal;pool\nNorth;Germany;"1,2";Second\n')
    assert draft_of(acme).content["territories"][1]["postal"] == ["1", "2"]


def test_a_file_is_taken_over_whole_and_comes_out_as_it_went_in(acme: Org) -> None:
    client = editing(acme, content(SOUTH))
    head = "Name;Country;Postal;Employees from;Employees to;Pool"
    file = f"{head}\nSouth;Germany;9;;;Second\nÖsterreich;Austria;;1;50;inbound\n"
    assert upload(client, file.encode("utf-8-sig"))["Location"] == PAGE
    rows = draft_of(acme).content["territories"]
    assert rows == [
        {"name": "South", "countries": ["Germany"], "postal": ["9"], "pool": "second"},
        {"name": "Österreich", "countries": ["Austria"], "employees": [1, 50], "pool": "inbound"},
    ]
    out = client.get("/routing/draft/territories.csv").content
    assert upload(client, out, replace="on")["Location"] == PAGE
    assert draft_of(acme).content["territories"] == rows
    formulas = [
        {"name": name, "countries": ["Peru"], "pool": "inbound"} for name in ("=1+1", "＝2", "'t Hof")
    ]
    file = write_rows(formulas)
    assert "\n'＝2," in file
    for encoding in ("utf-8", "utf-16"):
        assert read_file(file.encode(encoding), {"inbound": PoolState("inbound", "In", True, 1)}) == formulas


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (
            "name,countries,pool\nSüd,Germany,second\n".encode("latin-1"),
            "Line 2 has characters that are not UTF-8",
        ),
        (
            b"name,countries,pool\nA,Germany,second\nB,France,elsewhere\n",
            '3 There is no pool "elsewhere".',
        ),
        (
            b"name,countries,pool\nA,Germany,second\na ,France,second\n",
            "3 Line 2 has a territory of this name",
        ),
        (b"name,countries,pool\nA,,second\n", "2 This territory would take every lead"),
        (b"name,employees_from,pool\nA,many,second\n", '2 employees_from is no whole number: "many".'),
        (b"name,land,pool\nA,Germany,second\n", 'There is no column "land"'),
        (b"countries\nGermany\n", "The column name is missing"),
        (b'name,countries,pool\n"A,Germany,second\n', "cannot be read"),
        (b"name,countries,pool\n", "no line below its headings"),
        (b"name,countries,pool\nA\0,Germany,second\n", "Line 2 has a character that is no text"),
        (b"", "The file is empty"),
        (b"name,countries,pool\nA,Germany,second,more\n", "There are more cells than headings"),
    ],
)
def test_a_file_that_is_wrong_is_refused_by_line_and_nothing_of_it_is_taken(
    acme: Org, data: bytes, said: str
) -> None:
    client = editing(acme, content(SOUTH))
    answer = upload(client, data)
    assert answer.status_code == 422
    assert said in text_of(answer).replace("&quot;", '"')
    assert draft_of(acme).content["territories"] == [SOUTH]


def test_the_api_takes_a_file_and_says_what_is_covered_twice_and_not_at_all(acme: Org) -> None:
    with acme.scope():
        pool = Pool.objects.create(slug="second", name="Second")
        PoolSeat.objects.create(pool=pool, member=acme.reps[0])
    file = b"name,countries,postal,pool\nSouth,Germany,8,second\nMunich,Germany,80,inbound\n"
    answer = call(acme, "POST", "/territories/import", file, "text/csv")
    assert answer.status_code == 200
    assert [row["name"] for row in answer.json()["content"]["territories"]] == ["South", "Munich"]
    stale = call(acme, "POST", "/territories/import", file, "text/csv")
    assert stale.status_code == 409
    found = call(acme, "GET", "/territories?draft=true").json()
    assert found["overlaps"] == [
        {"territories": ["South", "Munich"], "example": {"country": "Germany", "postal_code": "80"}}
    ]
    assert found["gaps"][0]["values"] == {"country": "Germany", "postal_code": "another postal code"}
    assert {gap["values"].get("postal_code") for gap in found["lacking"]} == {None, "postal code not known"}
    problems = call(acme, "POST", "/draft/check").json()["problems"]
    assert [(each["path"], each["code"]) for each in problems] == [("/territories/1", "overlaps")]
    bad = call(acme, "POST", "/territories/import?revision=1", b"name,pool\nA,nowhere\n", "text/csv")
    assert (bad.status_code, bad.json()["errors"][0]["path"]) == (400, "/lines/2")


@pytest.mark.parametrize(
    ("row", "path"),
    [
        ({**SOUTH, "pool": "gone"}, "/territories/0/pool"),
        ({**SOUTH, "countries": "Germany"}, "/territories/0/countries"),
        ({**SOUTH, "employees": [9, 1]}, "/territories/0/employees"),
        ({**SOUTH, "colour": "red"}, "/territories/0/colour"),
        ({**SOUTH, "postal": ["7", "80, 81"]}, "/territories/0/postal/1"),
        ({**SOUTH, "name": "Everyone else"}, "/pools/1/name"),
        ({"name": "All", "pool": "second"}, "/territories/0"),
    ],
)
def test_each_mistake_in_a_territory_is_told_with_its_place(
    acme: Org, row: dict[str, Any], path: str
) -> None:
    editing(acme, content(row))
    found = call(acme, "POST", "/draft/check").json()["problems"]
    assert [each["path"] for each in found] == [path]


def test_postal_codes_in_one_text_are_told_how_to_be_written(acme: Org) -> None:
    """A program's text is not divided for it: it would read back another value than it wrote."""
    editing(acme, content({**SOUTH, "postal": ["80, 81"]}))
    (found,) = call(acme, "POST", "/draft/check").json()["problems"]
    assert found["message"] == (
        'No postal code begins with "80, 81". Write each as a text of its own: "80", "81".'
    )
    assert call(acme, "POST", "/publish").status_code == 400


def test_territories_that_no_row_tries_are_refused(acme: Org) -> None:
    editing(acme, {"pools": [REST], "priorities": [], "territories": [SOUTH]})
    found = call(acme, "POST", "/draft/check").json()["problems"]
    assert [(each["path"], each["code"]) for each in found] == [("/territories", "required")]


def test_what_changed_of_territories_is_said_in_words() -> None:
    old = content(SOUTH, MUNICH)
    new = content({**SOUTH, "postal": ["7"]}, {"name": "France", "countries": ["France"], "pool": "second"})
    assert changes(old, new, {"second": "Second", "inbound": "Inbound"}) == [
        "Territory South was Germany; postal codes 7…, 8…, now Germany; postal codes 7….",
        "New territory: France, France, to Second.",
        "Territory Munich is gone.",
    ]
    assert "New rule: Territories, for the leads of a territory, to the pool of their territory." in changes(
        {"pools": [REST]}, old, {}
    )


def test_a_lead_that_arrives_goes_by_its_postal_code_and_the_log_names_the_territory(acme: Org) -> None:
    client = editing(acme, content(SOUTH))
    client.post("/routing/draft/check", {"revision": draft_of(acme).revision, "against": "1", "when": "now"})
    lead = {
        "email": "ada@customer.example",
        "postal_code": "80331",
        "company": {"name": "Customer", "country": "Germany", "employees": 100},
        "engagements": [{"kind": "demo_request"}],
    }
    answer = Client().post(
        "/api/v1/leads", json.dumps(lead), content_type="application/json", headers=acme.auth
    )
    assert answer.status_code == 201, answer.content
    assert answer.json()["postal_code"] == "80331"
    with acme.scope():
        decision = Decision.objects.select_related("pool").get()
    assert decision.rule == "South"
    assert decision.pool is not None
    assert decision.pool.slug == "second"
    shown = text_of(client.get(f"/decisions/{decision.id}"))
    assert "South" in shown
    assert "Postal code" in shown


def test_whoever_reads_the_rules_reads_the_territories_in_force(
    acme: Org, globex: Org, django_assert_max_num_queries: Any
) -> None:
    client = editing(acme, content(SOUTH))
    client.post("/routing/draft/check", {"revision": draft_of(acme).revision, "against": "1", "when": "now"})
    for member in (acme.manager, acme.marketing, acme.director):
        reader = as_(member)
        assert 'href="/routing/territories"' in reader.get("/routing").content.decode()
        with django_assert_max_num_queries(20):
            page = reader.get("/routing/territories")
        assert "South" in text_of(page)
        assert "They are tried as rule 1." in text_of(page)
        assert "<form" not in page.content.decode().partition("<main")[2].partition("</main>")[0]
    assert as_(acme.reps[0]).get("/routing/territories").status_code == 403
    elsewhere = text_of(as_(globex.manager).get("/routing/territories"))
    assert "South" not in elsewhere
    assert "No territory" in elsewhere


def test_nothing_beside_an_open_territory_would_throw_away_what_is_typed(acme: Org) -> None:
    client = editing(acme, content(SOUTH))
    opened = client.get(f"{PAGE}?at=0").content.decode().partition("<main")[2]
    assert 'value="save"' in opened
    for other in ('name="file"', 'value="remove:', 'value="overlaps:', "?at=new"):
        assert other not in opened
        assert other in client.get(PAGE).content.decode()


def test_another_organisation_and_a_manager_do_not_reach_the_territories(acme: Org, globex: Org) -> None:
    editing(acme, content(SOUTH))
    assert as_(acme.manager).get(PAGE).status_code == 403
    assert as_(globex.admin).get(PAGE)["Location"] == "/routing"
    assert call(globex, "GET", "/territories?draft=true").status_code == 404
    assert call(globex, "GET", "/territories").json()["results"] == []
