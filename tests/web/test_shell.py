"""The frame of a page: who sees which places, and what it costs."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client, RequestFactory

from handoff.excuses import ask
from handoff.intake import receive_lead
from handoff.services import Actor
from leads.incoming import EngagementIn, LeadIn
from tenants.clock import fixed_clock
from tenants.models import Member, Team
from tests.engine.scenes import clock_of, open_handoff
from tests.factories import Org
from web import shell

pytestmark = pytest.mark.django_db

EVERYBODY = [
    "Leads",
    "Accounts",
    "Compliance",
    "Funnel & leaks",
    "Rejections",
    "Volume",
    "Decisions",
    "Agreement",
    "SLA tiers",
    "Calendars",
]
OVERSEERS = [
    "Pipeline",
    "Speed",
    "Commitments",
    "KPIs",
    "Disputes",
    "Reviews",
    "Digest",
    "Routing",
    *EVERYBODY,
]
PLACES = {
    "rep": ["Inbox", "Meetings", *EVERYBODY],
    "manager": [
        "Inbox",
        "Meetings",
        "Live board",
        "Unrouted",
        "Needs data",
        "People",
        "Data quality",
        "Fairness",
        *OVERSEERS,
    ],
    "marketing": ["Needs data", "Data quality", "Qualification", *OVERSEERS],
    "executive": ["Adoption", *OVERSEERS],
}


def as_(member) -> Client:
    client = Client()
    client.force_login(member.user)
    return client


def items(client: Client, path: str = "/account") -> list[dict]:
    return [item for group in client.get(path).context["nav"]() for item in group["items"]]


def places(client: Client) -> list[str]:
    return [item["label"] for item in items(client)]


@pytest.mark.parametrize("role", PLACES)
def test_a_role_sees_its_places_and_no_others(acme: Org, role: str) -> None:
    member = acme.reps[0] if role == "rep" else getattr(acme, role)
    assert sorted(places(as_(member))) == sorted(PLACES[role])


def test_an_admin_sees_every_place_that_has_something_to_say(acme: Org) -> None:
    from slaportal.navigation import NAVIGATION

    every = [place.label for group in NAVIGATION for place in group.places]
    waiting = {"Excuses", "Shadow mode"}
    assert places(as_(acme.admin)) == [label for label in every if label not in waiting]
    with acme.scope():
        Team.objects.filter(id=acme.team.id).update(mode="shadow")
    assert places(as_(acme.admin)) == [label for label in every if label != "Excuses"]


def test_a_place_that_waits_for_use_stands_in_the_rail_once_it_is_used(acme: Org, globex: Org) -> None:
    clients = [as_(acme.manager), as_(acme.reps[0]), as_(acme.admin)]
    assert not any("Excuses" in places(client) for client in clients)
    assert "Excuses" in [item["label"] for item in items(clients[0], "/excuses")]
    now = datetime(2026, 11, 10, 9, tzinfo=UTC)
    with acme.scope():
        timer = clock_of(open_handoff(acme, at=now), "company")
        late = fixed_clock(now + timedelta(hours=5))
        ask(timer_id=timer.id, kind="outage", note="Down.", actor=Actor.person(acme.manager), clock=late)
    assert all("Excuses" in places(client) for client in clients)
    assert "Excuses" not in places(as_(acme.marketing))
    assert "Excuses" not in places(as_(globex.admin))


@pytest.mark.parametrize("role", PLACES)
def test_every_place_that_is_shown_opens_and_stands_in_the_page(acme: Org, role: str) -> None:
    client = as_(acme.reps[0] if role == "rep" else getattr(acme, role))
    shown = items(client)
    page = client.get("/account").content.decode()
    for item in shown:
        assert f'href="{item["url"]}"' in page
        assert client.get(item["url"]).status_code == 200


def test_a_place_that_is_not_shown_is_closed_too(acme: Org) -> None:
    open_to_admins = {item["label"]: item["url"] for item in items(as_(acme.admin))}
    client = as_(acme.reps[0])
    for label in set(open_to_admins) - set(PLACES["rep"]):
        assert client.get(open_to_admins[label]).status_code == 403, label


@pytest.mark.parametrize(
    ("path", "label"),
    [("/people", "People"), ("/people/{rep}", "People"), ("/keys", "API keys"), ("/account", None)],
)
def test_the_present_place_is_marked_on_it_and_on_the_pages_under_it(
    acme: Org, path: str, label: str | None
) -> None:
    address = path.format(rep=acme.reps[0].id)
    client = as_(acme.admin)
    active = [item["label"] for item in items(client, address) if item["active"]]
    assert active == ([label] if label else [])
    page = client.get(address).content.decode()
    for item in items(client, address):
        assert (f'<a href="{item["url"]}" aria-current="page"' in page) == (item["label"] == label)


def test_a_badge_comes_from_whoever_registered_it(acme: Org, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shell, "_badges", {})
    shell.register_badge("tenants:people", lambda request: shell.Badge(4, "bad"))
    shell.register_badge(shell.UNREAD, lambda request: 7)
    client = as_(acme.admin)
    page = client.get("/account").content.decode()
    # In the rail, and under More on phones.
    assert page.count('People<span class="sp-count sp-count--bad">4</span>') == 2
    assert 'aria-label="Notifications, 7 unread"' in page
    counts = {item["label"]: item["count"] for item in items(client) if item["count"]}
    assert counts == {"People": 4}


def test_rows_that_wait_are_counted_by_one_query(
    acme: Org, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries
) -> None:
    request = RequestFactory().get("/account")
    request.member, request.tenant = acme.admin, acme.tenant
    monkeypatch.setattr(shell, "_badges", {})
    with acme.scope():
        people = Member.objects.filter(is_active=True)
        shell.register_badge("tenants:people", lambda request: shell.Waiting(people, "bad"))
        shell.register_badge("tenants:keys", lambda request: shell.Waiting(people.none(), "bad"))
        shell.register_badge(shell.UNREAD, lambda request: shell.Waiting(people.filter(role="rep")))
        with django_assert_num_queries(1):
            badges = shell._badges_of(request)
            assert shell._badges_of(request) is badges
        assert badges["tenants:people"] == shell.Badge(people.count(), "bad")
    assert badges[shell.UNREAD] == shell.Badge(len(acme.reps))
    assert badges["tenants:keys"] == shell.Badge(0)


def test_a_badge_of_nothing_is_not_shown(acme: Org, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shell, "_badges", {})
    shell.register_badge("tenants:people", lambda request: 0)
    shell.register_badge(shell.UNREAD, lambda request: 0)
    page = as_(acme.admin).get("/account").content.decode()
    assert "sp-count" not in page
    assert 'aria-label="Notifications"' in page


@pytest.mark.parametrize(
    ("moment", "running", "text"),
    [
        (datetime(2026, 11, 17, 9, 0, tzinfo=UTC), True, "Clocks run until 17:30"),
        (datetime(2026, 11, 17, 18, 0, tzinfo=UTC), False, "Clocks resume Wed 09:00"),
        (datetime(2026, 11, 20, 18, 0, tzinfo=UTC), False, "Clocks resume Mon 09:00"),
    ],
)
def test_the_frame_says_whether_clocks_run_by_the_hours_of_whoever_reads(
    acme: Org, monkeypatch: pytest.MonkeyPatch, moment: datetime, running: bool, text: str
) -> None:
    monkeypatch.setattr(shell.timezone, "now", lambda: moment)
    page = as_(acme.reps[0]).get("/inbox").content.decode()
    assert text in page
    assert ("sp-run--paused" in page) is not running


def test_the_frame_costs_few_queries(acme: Org, django_assert_max_num_queries, monkeypatch) -> None:
    monkeypatch.setattr(shell, "_badges", {})
    client = as_(acme.reps[0])
    with django_assert_max_num_queries(16):
        assert client.get("/account").status_code == 200


def test_a_visitor_gets_no_rail(client: Client) -> None:
    page = client.get("/login").content.decode()
    assert "sp-rail" not in page


def test_an_address_that_leads_nowhere_has_a_page(acme: Org) -> None:
    answer = as_(acme.reps[0]).get("/no/such/page")
    assert answer.status_code == 404
    assert b"Nothing here" in answer.content
    assert b'href="/"' in answer.content  # a way on


@pytest.mark.parametrize(
    ("who", "bar"),
    [
        ("rep", ["Inbox", "Leads", "Reports"]),
        ("manager", ["Inbox", "Board", "Reports"]),
        ("admin", ["Inbox", "Board", "Reports"]),
        ("marketing", ["Leads", "Needs data", "Reports"]),
        ("executive", ["Leads", "Reports"]),
    ],
)
def test_the_bar_on_phones_has_what_the_role_works_with(acme: Org, who: str, bar: list[str]) -> None:
    member = acme.reps[0] if who == "rep" else getattr(acme, who)
    nav = as_(member).get("/account").context["nav"]()
    assert [item["bottom"] for group in nav for item in group["items"] if item["bottom"]] == bar


@pytest.mark.parametrize(
    ("who", "path", "marked"),
    [
        ("rep", "/leads/{lead}", ["Leads"]),
        ("manager", "/leads/{lead}", ["Inbox"]),
        ("manager", "/leads", []),
        ("manager", "/board", ["Board"]),
        ("manager", "/people", []),
    ],
)
def test_a_lead_opened_from_the_inbox_stands_under_it_in_the_bar(
    acme: Org, now: datetime, who: str, path: str, marked: list[str]
) -> None:
    with acme.scope():
        item = LeadIn(email="ann@heron.example", engagements=(EngagementIn("demo_request", "", now),))
        handoff = receive_lead(item=item, actor="key:test", clock=fixed_clock(now)).handoff
        assert handoff is not None
        member = handoff.owner if who == "rep" else acme.manager
    assert member is not None
    nav = as_(member).get(path.format(lead=handoff.lead_id)).context["nav"]()
    items = [item for group in nav for item in group["items"]]
    assert [item["bottom"] for item in items if item["marked"] and item["bottom"]] == marked
