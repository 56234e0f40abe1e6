"""Every page, for every role, on desk and phone, light and dark: no accessibility finding, no complaint of
the content policy, nothing in the console, no sideways scroll."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from tenants.clock import database_clock
from tests.factories import Org
from tests.tenants.publications import approval_on

AXE_OPTIONS = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}

PAGES: dict[str, list[str]] = {
    "rep": [
        "/inbox",
        "/inbox?tab=working",
        "/inbox?tab=paused",
        "/inbox?tab=done",
        "/leads/{lead}",
        "/leads/{lead}/decision",
        "/leads/{lead}/deadlines",
        "/leads/{lead}/pause",
        "/leads/{lead}/reject",
        "/leads/{lead}/nurture",
        "/leads/{lead}/touch",
        "/leads/{lead}/hand-over",
        "/leads/{lead}/correct",
        "/leads/{lead}/accept",
        "/leads/{done}",
        "/leads/{done}/stage",
        "/leads/stale",
        "/compliance",
        "/funnel",
        "/rejections",
        "/agreement",
        "/survey",
        "/reps/{rep}/scorecard",
        "/notifications",
        "/account",
        "/search?q=ingrid",
        "/accounts/{account}",
        "/leave",
        "/leave/import",
    ],
    "manager": [
        "/board",
        "/unrouted",
        "/needs-data",
        "/data-quality",
        "/leads/stale",
        "/compliance",
        "/funnel",
        "/journey",
        "/leaks",
        "/rejections",
        "/pipeline",
        "/speed",
        "/campaigns",
        "/outcomes",
        "/agreement",
        "/commitments",
        "/disputes",
        "/disputes/sheet",
        "/disputes/follow-ups",
        "/feedback/coverage",
        "/reps/{rep}/scorecard",
        "/people",
        "/excuses",
        "/people/{rep}",
        "/people/{rep}/leave/import",
        "/leads/{lead}/reassign",
    ],
    "admin": [
        "/board",
        "/qualification",
        "/qualification/draft",
        "/qualification/draft/check",
        "/qualification/draft/leads",
        "/qualification/versions",
        "/qualification/sql",
        "/qualification/sql/draft",
        "/qualification/sql/draft/check",
        "/qualification/sql/versions",
        "/qualification/handover",
        "/qualification/stages",
        "/accounts",
        "/accounts/{account}",
        "/accounts/{account}/names",
        "/accounts/{other_account}/merge?into={account}",
        "/accounts/{account}/merge?into={other_account}",
        "/accounts/review",
        "/accounts/lists",
        "/accounts/lists/{list}",
        "/accounts/lists/{list}/import",
        "/intake",
        "/people",
        "/calendars",
        "/calendars/{calendar}",
        "/calendars/{calendar}/edit",
        "/policy",
        "/policy/draft",
        "/policy/draft/check",
        "/policy/presets",
        "/policy/proposal",
        "/shadow",
        "/teams/{team}/mode",
        "/organisation/mode",
        "/policy/versions",
        "/keys",
        "/webhooks",
        "/engine",
        "/compliance?by=source",
        "/volume",
        "/agreement",
        "/commitments/targets/mql_volume",
        "/commitments/calculator",
        "/kpis",
        "/kpis/close_rate",
        "/feedback/reasons",
        "/feedback/reasons/new",
        "/leaks",
        "/organisation/money",
        "/survey/questions",
        "/api/docs/",
    ],
    "marketing": [
        "/compliance",
        "/volume",
        "/intake",
        "/policy",
        "/routing",
        "/routing/territories",
        "/funnel",
        "/rejections",
        "/commitments",
        "/kpis/costs",
        "/kpis/costs/import",
        "/campaigns",
        "/disputes",
        "/disputes/sheet",
        "/feedback/coverage",
        "/agreement",
    ],
    "executive": ["/compliance", "/funnel", "/pipeline", "/speed", "/commitments", "/agreement"],
}
SIZES = {"desk": (1440, 900), "phone": (390, 844)}


def member_of(org: Org, role: str) -> Any:
    return org.reps[0] if role == "rep" else getattr(org, role)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", list(SIZES))
@pytest.mark.parametrize("role", list(PAGES))
def test_pages_are_clean(visit: Any, brightpath: Org, role: str, size: str, theme: str) -> None:
    width, height = SIZES[size]
    visitor = visit(member_of(brightpath, role), width=width, height=height, theme=theme)
    axe = Axe()
    wrong: list[str] = []
    for path in PAGES[role]:
        path = path.format(
            lead=brightpath.extra["leads"][0],
            done=brightpath.extra["done"],
            calendar=brightpath.tenant.calendar_id,
            account=brightpath.extra["account"],
            other_account=brightpath.extra["other_account"],
            list=brightpath.extra["list"],
            rep=brightpath.reps[0].id,
            team=brightpath.reps[0].team_id,
        )
        status = visitor.go(path)
        if status != 200:
            wrong.append(f"{path}: status {status}")
            continue
        if path.startswith("/api/docs"):
            visitor.page.wait_for_selector(".opblock")
        else:
            found = axe.run(visitor.page, options=AXE_OPTIONS)
            wrong += [
                f"{path}: axe {item['id']}: {item['nodes'][0]['html'][:120]}"
                for item in found.response["violations"]
            ]
            if visitor.page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
                wrong.append(f"{path}: scrolls sideways")
        wrong += [f"{path}: {complaint}" for complaint in visitor.complaints]
        visitor.complaints.clear()
    assert wrong == []


@pytest.mark.django_db(transaction=True)
def test_the_sign_in_page_is_clean(visit: Any, transactional_db: None) -> None:
    visitor = visit(None)
    assert visitor.go("/login") == 200
    assert Axe().run(visitor.page, options=AXE_OPTIONS).response["violations"] == []
    assert visitor.complaints == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("size", list(SIZES))
def test_the_check_that_waits_for_a_second_admin_is_clean(visit: Any, brightpath: Org, size: str) -> None:
    """What one admin asked for, as the other one reads it: no choice that would be lost is offered there."""
    second = approval_on(brightpath, database_clock())
    width, height = SIZES[size]
    asking = visit(brightpath.admin, width=width, height=height)
    assert asking.go("/policy/draft/check") == 200
    asking.page.get_by_role("button", name="Ask for approval").click()
    asking.page.get_by_text("waits for approval").wait_for()
    for theme in ("light", "dark"):
        deciding = visit(second, width=width, height=height, theme=theme)
        assert deciding.go("/policy/draft/check") == 200
        assert deciding.page.get_by_role("button", name="Approve").is_visible()
        assert deciding.page.get_by_role("radio").count() == 0
        found = Axe().run(deciding.page, options=AXE_OPTIONS)
        assert found.violations_count == 0, found.generate_report()
        assert deciding.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert deciding.complaints == []
    assert asking.complaints == []


@pytest.mark.django_db(transaction=True)
def test_a_box_that_was_drawn_larger_breaks_no_policy_when_its_form_comes_anew(
    visit: Any, brightpath: Org
) -> None:
    """Drawing its corner writes a style into it, which htmx would write into the new one."""
    visitor = visit(brightpath.admin)
    assert visitor.go("/qualification/draft") == 200
    box = visitor.page.locator("#criteria textarea").first
    box.evaluate("each => { each.style.height = '180px' }")
    rows = visitor.page.locator("#criteria textarea").count()
    visitor.page.get_by_role("button", name="What the lead did").first.click()
    visitor.page.wait_for_function(
        "before => document.querySelectorAll('#criteria textarea').length > before", arg=rows
    )
    assert visitor.complaints == []
