"""Pages as a browser sees them: a real server, real Chromium, an organisation with leads in every state."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from handoff.intake import receive_leads
from handoff.services import Actor, accept_lead, log_touch, reject_lead
from leads.account_compare import compare_accounts
from leads.account_edit import change_account
from leads.account_merge import merge_accounts
from leads.account_names import add_name
from leads.defaults import DEFAULT_CRITERIA
from leads.incoming import CompanyIn, EngagementIn, LeadIn
from leads.models import Account, CriteriaVersion, Handoff, Lead, SqlBarVersion
from leads.named_lists import add_entries, create_list
from leads.settings import change_upkeep
from leads.sql_bar import DEFAULT_BAR
from reporting.tasks import drain_tick
from sla.models import PolicyVersion
from tenants.audit import member_actor
from tenants.clock import database_clock, fixed_clock
from tenants.models import Member
from tenants.versions import start_draft
from tests.factories import POLICY, Org, make_org

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
# Playwright's loop runs in the test's thread; the ORM is only called between its calls.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/browser" in str(item.fspath).replace(os.sep, "/"):
            item.add_marker(pytest.mark.browser)
            if CHROMIUM is None:
                item.add_marker(pytest.mark.skip(reason="SKIPPED: no Chromium on this machine"))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


def criteria_draft() -> dict[str, Any]:
    """The criteria with a fit in groups, a condition of each kind, and an exclusion of students."""
    fit: list[dict[str, Any]] = [
        {"field": "account.employees", "op": "between", "value": [50, 2000]},
        {"any": [{"field": "lead.title", "op": "has_word", "value": ["VP", "Head of"]}, {"all": []}]},
        {"not": {"field": "account.is_partner", "op": "equals", "value": True}},
    ]
    students = {"name": "Students", "when": {"field": "lead.title", "op": "contains", "value": "student"}}
    return {**DEFAULT_CRITERIA, "fit": {"all": fit}, "exclude": [*DEFAULT_CRITERIA["exclude"], students]}


def policy_draft() -> dict[str, Any]:
    """The policy with a longer first touch, a tier that no lead reaches, and one with a rule of its own; with
    attempts, a way from stage to stage, and a step after the deadline."""
    first, *others = POLICY["tiers"]
    slower = {**first["targets"][0], "duration": {"minutes": 45}}
    german = {"all": [first["when"], {"field": "lead.country", "op": "equals", "value": "DE"}]}
    attempts = {"target": "attempts", "duration": {"business_days": 10}, "count": 6, "channels": 2}
    onwards = {"target": "sal_to_sql", "duration": {"business_days": 5}}
    late = {"after": {"minutes": 60}, "actions": ["tell_chain", "call_webhook"]}
    return {
        **POLICY,
        "ladder": [*(step for step in POLICY["ladder"] if step["at"] <= 100), late],
        "on_reassign": {"window": {"minutes": 30}},
        "tiers": [
            {**first, "targets": [slower, first["targets"][1], attempts, onwards]},
            {**first, "slug": "german", "name": "German demo request", "when": german},
            *others,
        ],
    }


def _accounts(org: Org, account_id: UUID) -> dict[str, Any]:
    """Around an account: a parent, another name, one that was merged into it, one that is alike, and a
    list."""
    now = database_clock()
    found = Account.objects.get(id=account_id)
    top = Account.objects.create(name="Top Group", domain="top-group.example", created_at=now)
    change_account(account_id=account_id, changes={"parent": top.id, "tier": "A"}, actor="system", now=now)
    add_name(account_id=account_id, domain="second-domain.example", actor="system", now=now)
    lost = Account.objects.create(name="Earlier name", created_at=now, employees=12)
    merge_accounts(winner_id=account_id, loser_id=lost.id, actor="system", now=now)
    other = Account.objects.create(name=f"{found.name} GmbH", created_at=now, industry="Freight")
    compare_accounts(org.id, now=now)
    rivals = create_list(name="Rivals", purpose="competitors", actor="system", now=now)
    entries = ["rival.example", "ann@rival.example", "Wren Ltd", found.name]
    add_entries(list_id=rivals.id, texts=entries, actor="system", now=now)
    return {"other_account": other.id, "list": rivals.id, "parent": top.id}


@pytest.fixture
def brightpath(transactional_db: None) -> Org:
    """An organisation with leads to decide, overdue, accepted, touched and rejected. It never closes."""
    now = database_clock()
    org = make_org("brightpath", now=now - timedelta(days=2), hours="always")
    kinds = ("demo_request", "pricing_page", "contact_form", "content_download")
    with org.scope():
        for number in range(16):
            at = now - timedelta(minutes=(1, 4, 40, 70, 300)[number % 5])
            kind = kinds[number % 4]
            receive_leads(
                items=[
                    LeadIn(
                        email=f"lead{number}@company{number}.example",
                        first_name=("Ingrid", "Ruth", "László", "Mele")[number % 4],
                        last_name=f"Solberg{number}",
                        title="VP Operations",
                        phone="+4755550142",
                        company=CompanyIn(
                            name=f"Company {number}",
                            domain=f"company{number}.example",
                            employees=420,
                            industry="Logistics",
                        ),
                        source=("Paid search", "Webinar")[number % 2],
                        campaign="Route planning Q4",
                        engagements=(EngagementIn(kind=kind, subject="/demo"),),
                    )
                ],
                actor="system",
                clock=fixed_clock(at),
            )
        mine = list(Lead.objects.filter(owner=org.reps[0]).order_by("created_at"))
        actor = Actor.person(org.reps[0])
        accept_lead(lead_id=mine[0].id, actor=actor, clock=fixed_clock(now))
        log_touch(lead_id=mine[0].id, kind="call", actor=actor, clock=fixed_clock(now))
        reject_lead(lead_id=mine[1].id, reason="wrong_title", actor=actor, clock=fixed_clock(now))
        org.extra["leads"] = [lead.id for lead in mine[2:]]
        org.extra["done"] = mine[0].id
        org.extra["account"] = mine[0].account_id
        org.extra |= _accounts(org, mine[0].account_id)
        start_draft(PolicyVersion, content=policy_draft(), actor=member_actor(org.admin), now=now)
        start_draft(CriteriaVersion, content=criteria_draft(), actor=member_actor(org.admin), now=now)
        start_draft(SqlBarVersion, content=DEFAULT_BAR, actor=member_actor(org.admin), now=now)
        change_upkeep(
            owed_fields={"opportunity": ["custom.amount"], "sql": ["region"]},
            stale_days={"mql": 2},
            actor=member_actor(org.admin),
            now=now,
        )
        Handoff.objects.filter(id__in=Handoff.objects.values("id")[:4]).update(
            worked_at=now - timedelta(days=9)
        )
    drain_tick()
    return org


class Visitor:
    """One signed-in person in one browser window; collects what the console complains about."""

    def __init__(self, context: BrowserContext, base: str) -> None:
        self.page = context.new_page()
        self.base = base
        self.complaints: list[str] = []
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))

    def _heard(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text}")

    def go(self, path: str) -> int:
        answer = self.page.goto(self.base + path, wait_until="load")
        return answer.status if answer else 0


@pytest.fixture
def visit(browser: Browser, live_server: Any, settings: Any) -> Iterator[Any]:
    """visit(member, width=, height=, theme=) -> Visitor."""
    settings.ALLOWED_HOSTS = ["*"]
    contexts: list[BrowserContext] = []

    def sign_in(
        member: Member | None, *, width: int = 1440, height: int = 900, theme: str = "light", js: bool = True
    ) -> Visitor:
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=theme, java_script_enabled=js
        )
        contexts.append(context)
        if member is not None:
            client = Client()
            client.force_login(member.user)
            context.add_cookies(
                [{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}]
            )
        return Visitor(context, live_server.url)

    yield sign_in
    for context in contexts:
        context.close()


@pytest.fixture
def lead_id(brightpath: Org) -> UUID:
    found: UUID = brightpath.extra["leads"][0]
    return found
