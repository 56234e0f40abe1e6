"""Every page, for every role, on desk and phone, light and dark: no accessibility finding, no complaint of
the content policy, nothing in the console, no sideways scroll."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.factories import Org

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
        "/leads/{done}",
        "/compliance",
        "/notifications",
        "/account",
        "/search?q=ingrid",
    ],
    "manager": [
        "/board",
        "/unrouted",
        "/needs-data",
        "/compliance",
        "/people",
        "/excuses",
        "/leads/{lead}/reassign",
    ],
    "admin": [
        "/board",
        "/qualification",
        "/accounts",
        "/accounts/{account}",
        "/intake",
        "/people",
        "/calendars",
        "/calendars/{calendar}",
        "/calendars/{calendar}/edit",
        "/policy",
        "/policy/draft",
        "/policy/draft/check",
        "/policy/versions",
        "/keys",
        "/webhooks",
        "/engine",
        "/compliance?by=source",
        "/volume",
        "/api/docs/",
    ],
    "marketing": ["/compliance", "/volume", "/intake", "/policy"],
    "executive": ["/compliance"],
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
