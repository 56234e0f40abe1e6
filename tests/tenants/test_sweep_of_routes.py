"""Every address of the portal, asked by another organisation's people and key: no foreign byte, nothing
changed.

The routes are read from the resolver, so a new one is in the sweep by itself. One that takes a parameter of
which the sweep knows no sample fails here until it is added to ALIASES or SAMPLES.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib import import_module
from io import BytesIO
from typing import Any
from zipfile import ZipFile

import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import connection, models
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, path, resolve
from django.urls.converters import UUIDConverter

from tenants.models import Member
from tests.factories import Org, make_org
from tests.tenants.rows import TENANT_MODELS, Rows, make_rows

SessionStore = import_module(settings.SESSION_ENGINE).SessionStore

# Addresses that answer everybody alike; none takes an id or reads a tenant's rows.
PUBLIC = {
    "login",
    "login/demo",
    "invitation",
    "invitations",
    "healthz",
    "healthz/engine",
    "metrics",
    "api/schema/",
    "api/docs/",
    "styleguide/",
    # A signature is all that it asks for, and test_drill.py tries it with another organisation's.
    "drill/receiver/<uuid:tenant_id>",
}
# "<alias>_id" in an address, where it is not the model's own name in lower case.
ALIASES = {
    "tenant": "tenants.Tenant",
    "key": "tenants.ApiKey",
    "endpoint": "notifications.WebhookEndpoint",
    "message": "notifications.OutboxMessage",
    "entry": "integrations.IntakeEntry",
    "run": "integrations.ImportRun",
    "name": "leads.Account",
}
# Parameters that are no ids: name -> a value that exists.
SAMPLES: dict[str, str] = {
    "commitment": "mql_volume",
    "kpi": "close_rate",
    "monday": "2026-11-16",
    "month": "2026-11",
}
#: A meeting lies within a year, by the calls' own clock.
NEXT_MONTH = f"{datetime.now(UTC) + timedelta(days=30):%Y-%m-%dT%H:%M:%S}Z"
# Sound bodies of calls that look at their body before they look for the object; "MEMBER" is one of the
# caller's own.
BODIES: dict[str, dict[str, Any]] = {
    "<uuid:lead_id>": {"phone": "+493012345678"},
    "<uuid:team_id>": {"mode": "shadow"},
    "<uuid:account_pair_id>": {"answer": "different"},
    "names": {"name": "Another name"},
    "merges": {"into": "00000000-0000-0000-0000-000000000000"},
    "entries": {"entries": ["rival.example"]},
    "import": {"csv": "rival.example"},
    "mode": {"mode": "shadow"},
    "<uuid:business_unit_id>": {"name": "Cloud"},
    "act": {"do": "off"},
    "correct": {"phone": "+493012345678", "seen_at": "2026-11-17T09:00:00+00:00"},
    "touches": {"kind": "call", "by": "MEMBER"},
    "accept": {"by": "MEMBER"},
    "reject": {"by": "MEMBER", "reason": "wrong_title"},
    "nurture": {"by": "MEMBER", "reason": "not_evaluating"},
    "dispute": {"argument": "A good lead."},
    "decide": {"outcome": "upheld", "note": "It was so."},
    "reopen": {"why": "Looked again.", "by": "MEMBER"},
    "undo": {"by": "MEMBER"},
    "meetings": {"by": "MEMBER", "at": NEXT_MONTH},
    "meeting": {"at": NEXT_MONTH[:16], "minutes": "30"},
    "no-show": {"who": "ae"},
    "disqualify": {"reason": "no_need"},
    "cancel": {"note": "They moved on."},
    "reschedule": {"at": NEXT_MONTH},
    "answer": {"version": 1},
    "<uuid:sheet_item_id>": {"outcome": "upheld", "note": "It was so."},
    "<uuid:dispute_id>": {"outcome": "upheld", "note": "It was so."},
    "progress": {"by": "MEMBER", "note": "Talked on the phone."},
    "<uuid:reason_id>": {"label": "Another name"},
    "order": {"kind": "nurture", "reasons": []},
    "pause": {"by": "MEMBER", "reason": "waiting_for_lead"},
    "resume": {"by": "MEMBER"},
    "excuse": {"kind": "outage", "note": "The phones were down."},
    "approve": {"note": "It was so."},
    "refuse": {"note": "It was not so."},
    "stage": {"by": "MEMBER", "to": "sql", "why": "They asked."},
    "opportunities": {"amount": 5},
    "<uuid:opportunity_id>": {"amount": 5},
    "reassign": {"to": "MEMBER", "why": "Away."},
    "claim": {"by": "MEMBER"},
    "notes": {"text": "Look at the evenings."},
    "leads": {"why": "Too many."},
    "engagements": {"kind": "demo_request"},
    "seats": {"member": "MEMBER", "weight": 2},
    "<uuid:pool_seat_id>": {"weight": 2},
    "weight": {"weight": "2"},
    "preview": {"tz": "UTC", "weekly": {"mon": [["09:00", "17:00"]]}},
    "company-days": {},
    "<uuid:lead_case_id>": {
        "name": "Sweep",
        "facts": {"title": "CTO"},
        "expects": {"qualifies": True},
    },
    "try": {"at": "2026-11-17T09:00:00Z", "duration": {"minutes": 5}},
}
ROLES = ("admin", "manager", "rep", "marketing", "executive")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
# Addresses that refuse even their own organisation's sample row, made of nothing but its columns.
NEEDS_A_HISTORY: set[str] = {
    # The sample account is no other name of itself.
    "accounts/<uuid:account_id>/names/<uuid:name_id>/remove",
    "api/v1/accounts/<uuid:account_id>/names/<uuid:name_id>",
    # Only whoever asked may withdraw, and nobody of the cast asked for the sample.
    "excuses/<uuid:excuse_id>/withdraw",
    "api/v1/excuses/<uuid:excuse_id>/withdraw",
    # The sample clock has no fact, so it was missed in no week.
    "reviews/week/<slug:monday>/breakdowns/<uuid:timer_id>",
    "api/v1/reviews/week/<slug:monday>/breakdowns/<uuid:timer_id>/notes",
    # An admin takes an outcome back, and a key is nobody; the sample's answer is no rejection.
    "api/v1/disputes/<uuid:dispute_id>/reopen",
    "disputes/items/<uuid:sheet_item_id>",
    # Reports by mail are their reader's own, and the sample's reader is nobody of the cast.
    "account/mails/reports/<uuid:subscription_id>/remove",
    # It answers PATCH alone.
    "api/v1/leads/<uuid:lead_id>/opportunities/<uuid:opportunity_id>",
}


@dataclass(frozen=True)
class Route:
    """One address: its pattern, and the model whose id each parameter is."""

    pattern: str
    ids: tuple[tuple[str, type[models.Model]], ...]

    @property
    def is_api(self) -> bool:
        return self.pattern.startswith("api/v1/")

    def address(self, rows: Rows | None) -> str:
        """The address with `rows`' ids in it; without rows, with ids that nobody has."""
        found = self.pattern
        for name, model in self.ids:
            value = sample_id(rows, model) if rows else uuid.uuid4()
            found = re.sub(rf"<(?:\w+:)?{name}>", str(value), found)
        for name, value in SAMPLES.items():
            found = re.sub(rf"<(?:\w+:)?{name}>", value, found)
        return f"/{found}"


def sample_id(rows: Rows, model: type[models.Model]) -> uuid.UUID:
    return rows.org.id if model._meta.label == "tenants.Tenant" else rows.ids[model]


def model_of(parameter: str) -> type[models.Model]:
    name = parameter.removesuffix("_id")
    if name in ALIASES:
        return apps.get_model(ALIASES[name])
    for model in TENANT_MODELS:
        if model._meta.model_name == name.replace("_", ""):
            return model
    raise LookupError(f"The sweep knows no model for <{parameter}>: add it to ALIASES in {__name__}.")


def routes_of(patterns: list[Any], above: str = "") -> Iterator[Route]:
    for one in patterns:
        here = above + str(one.pattern)
        if isinstance(one, URLResolver):
            yield from routes_of(one.url_patterns, here)
            continue
        assert isinstance(one, URLPattern)
        ids = []
        for name, converter in one.pattern.converters.items():
            if isinstance(converter, UUIDConverter):
                ids.append((name, model_of(name)))
            elif name not in SAMPLES:
                raise LookupError(f"The sweep knows no value for <{name}> in {here}: add it to SAMPLES.")
        left = re.sub(r"<[^>]+>", "", here)
        assert not re.search(r"[\^$()?*+\[\]\\]", left), f"{here} is a regular expression: use path()"
        yield Route(here, tuple(ids))


ROUTES = [route for route in routes_of(get_resolver().url_patterns) if route.pattern not in PUBLIC]
WITH_IDS = [route for route in ROUTES if route.ids]
WITHOUT_IDS = [route for route in ROUTES if not route.ids]


@dataclass(frozen=True)
class Cast:
    """Acme's people and key, who ask; Globex's rows, which they must not see."""

    here: Rows
    there: Rows
    before: dict[str, Any]
    sessions: dict[str, str] = field(default_factory=dict)

    def client(self, role: str) -> Client:
        """Somebody of Acme in this role, signed in; "key" is a program with all scopes. Signed in anew only
        where an earlier call has ended the session."""
        if role == "key":
            return client_of(self.here.org, role)
        session = self.sessions.get(role, "")
        if session and SessionStore().exists(session):
            client = Client(raise_request_exception=False)
            client.cookies[settings.SESSION_COOKIE_NAME] = session
            return client
        client = client_of(self.here.org, role)
        self.sessions[role] = client.cookies[settings.SESSION_COOKIE_NAME].value
        return client

    def sound_body(self, route: Route) -> dict[str, Any]:
        """A body that is right but for the object that it is sent to."""
        member = str(self.here.org.reps[1].id)
        body = BODIES.get(route.pattern.rpartition("/")[2], {})
        return {name: member if value == "MEMBER" else value for name, value in body.items()}

    @property
    def foreign_ids(self) -> dict[str, str]:
        """Globex's ids under every name by which a form, a body or a filter might ask for them."""
        found = {}
        for model, row in self.there.ids.items():
            name = model._meta.model_name or ""
            found[name] = found[f"{name}_id"] = str(row)
        member = str(self.there.org.reps[0].id)
        people = (
            "to",
            "by",
            "owner",
            "owner_id",
            "rep",
            "manager",
            "director",
            "backup",
            "assignee",
            "fallback",
        )
        return {**found, **dict.fromkeys(people, member)}


def client_of(org: Org, role: str) -> Client:
    if role == "key":
        return Client(raise_request_exception=False, headers=org.auth)
    member: Member = org.reps[0] if role == "rep" else getattr(org, role)
    client = Client(raise_request_exception=False)
    client.force_login(member.user)
    return client


def fingerprint(org: Org) -> dict[str, Any]:
    """Every row of a tenant, digested by table."""
    found = {}
    with org.scope(), connection.cursor() as cursor:
        for model in TENANT_MODELS:
            table = model._meta.db_table
            cursor.execute(
                f'select count(*), md5(string_agg(t::text, chr(10) order by t.id)) from "{table}" t'
            )
            found[table] = cursor.fetchone()
    return found


@pytest.fixture(scope="module")
def cast(django_db_setup: None, django_db_blocker: Any) -> Iterator[Cast]:
    """Both organisations with a row of everything, really committed; gone when the module ends."""
    now = datetime(2026, 11, 17, 9, 0, tzinfo=UTC)
    with django_db_blocker.unblock():
        here, there = make_org("acme", now=now), make_org("globex", now=now)
        try:
            mine, theirs = Rows(here, make_rows(here)), Rows(there, make_rows(there))
            before = fingerprint(there)
            yield Cast(mine, theirs, before)
            # Each process that swept a part says so of its own database.
            assert fingerprint(there) == before
        finally:
            call_command("flush", verbosity=0, interactive=False, database="owner", inhibit_post_migrate=True)


def ask(client: Client, method: str, address: str, data: dict[str, Any], *, as_json: bool) -> HttpResponse:
    if method == "GET":
        return client.get(address, data)
    if as_json:
        return client.generic(method, address, json.dumps(data), content_type="application/json")
    if method == "POST":
        return client.post(address, data)
    return client.generic(method, address)


def asks_to_sign_in(answer: HttpResponse) -> bool:
    return answer.headers.get("Location", "").startswith("/login")


def body_of(answer: HttpResponse) -> bytes:
    """What the answer says; of a spreadsheet all that is packed in it."""
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    if not body.startswith(b"PK"):
        return body
    with ZipFile(BytesIO(body)) as packed:
        return b"\n".join(packed.read(name) for name in packed.namelist())


def is_same_as_csv(route: Route) -> bool:
    """Whether a spreadsheet is the same view as a CSV, and so answers every filter as that does."""
    if not route.pattern.endswith(".xlsx"):
        return False
    address = route.address(None)
    return resolve(address).func is resolve(f"{address.removesuffix('.xlsx')}.csv").func


def filters_for(role: str, route: Route, plain: int, cast: Cast) -> list[dict[str, str]]:
    """What an address that answered `plain` is asked besides: nothing where it takes no GET at all, or where
    its CSV is asked the same; foreign ids alone where the role is refused; each by itself, so that none hides
    what another finds, of those who see most."""
    if plain == 405 or is_same_as_csv(route):
        return []
    if plain == 403:
        return [cast.foreign_ids]
    search = {"q": "rep1 glob"}
    if role not in ("admin", "key"):
        return [cast.foreign_ids | search]
    names = ("q", "search", "source", "campaign", "external_id", "email")
    return [cast.foreign_ids, search, *({name: "zzglob"} for name in names)]


def bodies_for(method: str, route: Route, cast: Cast) -> list[dict[str, Any]]:
    """A page reads a body of a POST alone."""
    if method == "GET" or (method != "POST" and not route.is_api):
        return [{}]
    return [cast.foreign_ids, cast.sound_body(route)]


def without_chance(body: bytes) -> bytes:
    """A body without what differs from one answer to the next: ids, tokens, times."""
    body = re.sub(rb"[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}", b"ID", body)
    body = re.sub(rb'(csrfmiddlewaretoken" value="|X-CSRFToken": ")[A-Za-z0-9]+', b"TOKEN", body)
    return re.sub(rb"\d\d:\d\d(:\d\d(\.\d+)?)?", b"TIME", body)


def assert_no_foreign_byte(cast: Cast, answer: HttpResponse, *, ids_were_sent: bool) -> None:
    body = body_of(answer) + str(dict(answer.items())).encode()
    assert b"globex" not in body.lower()
    if not ids_were_sent:
        for model, row in cast.there.ids.items():
            assert str(row).encode() not in body, f"the id of a foreign {model._meta.label}"


def actors(route: Route) -> tuple[str, ...]:
    return ("key",) if route.is_api else ROLES


def methods_for(role: str) -> tuple[str, ...]:
    """Rarer methods are asked by those who may most."""
    return METHODS if role in ("admin", "key") else METHODS[:2]


@pytest.mark.parametrize("route", WITH_IDS, ids=lambda route: route.pattern)
def test_another_organisations_id_is_like_one_that_nobody_has(route: Route, cast: Cast) -> None:
    """404 for whoever may open such a page at all; for others the refusal is the same, whether it exists or
    not."""
    statuses = set()
    for role in actors(route):
        client = cast.client(role)
        for method in methods_for(role):
            for data in bodies_for(method, route, cast):
                theirs, nobodys = (
                    ask(client, method, route.address(rows), data, as_json=route.is_api)
                    for rows in (cast.there, None)
                )
                told = f"{role} {method} {route.pattern}: {theirs.status_code}"
                assert theirs.status_code in (400, 403, 404, 405), told
                assert theirs.status_code == nobodys.status_code, told
                assert without_chance(body_of(theirs)) == without_chance(body_of(nobodys)), told
                assert_no_foreign_byte(cast, theirs, ids_were_sent=True)
                if role in ("admin", "key"):
                    assert theirs.status_code != 403, told
                    statuses.add(theirs.status_code)
                if theirs.status_code in (403, 405):
                    break  # before anybody looked at a body
    assert 404 in statuses, "no method ever looked for the object: does its sound body miss in BODIES?"


@pytest.mark.parametrize("route", WITH_IDS, ids=lambda route: route.pattern)
def test_ones_own_id_is_found_there(route: Route, cast: Cast) -> None:
    """So the 404s above mean "not yours" and not "no such address"."""
    if route.pattern in NEEDS_A_HISTORY:
        pytest.skip("needs a history that the sample row has not")
    statuses = {}
    for role in actors(route):
        client = cast.client(role)
        for method in ("GET", "POST"):
            # Acme's own people on Acme's rows, since nothing of Globex may change: the sample ids are alike.
            data = {} if method == "GET" else cast.sound_body(route)
            answer = ask(client, method, route.address(cast.here), data, as_json=route.is_api)
            assert not asks_to_sign_in(answer), f"{role} {method} {route.pattern}"
            statuses[role, method] = (answer.status_code, answer.content[:300])
    assert {status for status, _ in statuses.values()} - {400, 403, 404, 405}, statuses


@pytest.mark.parametrize("route", WITHOUT_IDS, ids=lambda route: route.pattern or "/")
def test_no_foreign_byte_on_any_page(route: Route, cast: Cast) -> None:
    """As it is, and with foreign ids and names in every filter and field."""
    for role in actors(route):
        client = cast.client(role)
        plain = ask(client, "GET", route.address(None), {}, as_json=False)
        assert plain.status_code < 500, f"{role} GET {route.pattern}"
        assert not asks_to_sign_in(plain), f"{role} GET {route.pattern}"
        assert_no_foreign_byte(cast, plain, ids_were_sent=False)
        for data in filters_for(role, route, plain.status_code, cast):
            found = ask(client, "GET", route.address(None), data, as_json=False)
            assert found.status_code < 500, f"{role} GET {route.pattern} {data}"
            assert_no_foreign_byte(cast, found, ids_were_sent=True)
        for method in methods_for(role)[1:]:
            sent = {"name": "Sweep", "email": "sweep@acme.example", "note": "n", **cast.foreign_ids}
            answer = ask(client, method, route.address(None), sent, as_json=route.is_api)
            assert answer.status_code < 500, f"{role} {method} {route.pattern}"
            assert_no_foreign_byte(cast, answer, ids_were_sent=True)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.pattern or "/")
def test_a_visitor_sees_nothing(route: Route, cast: Cast) -> None:
    for method in METHODS:
        answer = ask(Client(), method, route.address(cast.there), {}, as_json=route.is_api)
        told = f"{method} {route.pattern}: {answer.status_code}"
        if route.is_api:
            assert answer.status_code == 401, told
        else:
            assert answer.status_code in (302, 405), told
            if answer.status_code == 302:
                assert answer["Location"].startswith("/login"), told
        assert_no_foreign_byte(cast, answer, ids_were_sent=True)


@pytest.mark.parametrize("route", [one for one in ROUTES if one.is_api], ids=lambda route: route.pattern)
def test_a_session_opens_no_call_of_the_api(route: Route, cast: Cast) -> None:
    client = cast.client("admin")
    for method in METHODS:
        answer = ask(client, method, route.address(cast.here), {}, as_json=True)
        assert answer.status_code == 401, f"{method} {route.pattern}"


def test_nothing_of_the_other_organisation_changed(cast: Cast) -> None:
    """Stands last: after all of the above."""
    assert fingerprint(cast.there.org) == cast.before


def test_the_sweep_finds_the_routes() -> None:
    assert len(WITH_IDS) > 5
    assert any(route.pattern == "people/<uuid:member_id>" for route in WITH_IDS)
    assert {route.pattern for route in WITHOUT_IDS} >= {"", "people", "keys", "account"}


@pytest.mark.parametrize(
    "pattern", ["things/<int:number>", "things/<uuid:thing_id>", "things/<str:slug_of_it>"]
)
def test_a_route_of_which_the_sweep_knows_no_sample_fails(pattern: str) -> None:
    with pytest.raises(LookupError, match="The sweep knows no"):
        list(routes_of([path(pattern, lambda request: HttpResponse())]))
