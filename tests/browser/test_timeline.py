"""A long timeline is walked page by page, with the keyboard's Enter as with a click, without an accessibility
finding."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from axe_playwright_python.sync_playwright import Axe

from leads.models import Engagement, Lead
from tenants.clock import database_clock
from tests.browser.test_pages import AXE_OPTIONS, SIZES
from tests.factories import Org


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_older_pages_of_a_timeline(brightpath: Org, lead_id: UUID, visit: Any, size: str, theme: str) -> None:
    now = database_clock()
    with brightpath.scope():
        lead = Lead.objects.select_related("owner__user").get(id=lead_id)
        owner = lead.owner
        for number in range(120):
            Engagement.objects.create(
                lead=lead, kind="page_view", subject=f"page {number}", at=now, received_at=now
            )
    width, height = SIZES[size]
    someone = visit(owner, width=width, height=height, theme=theme)
    assert someone.go(f"/leads/{lead_id}") == 200
    for _ in range(2):
        pages = someone.page.get_by_role("navigation", name="Pages of the timeline")
        pages.get_by_role("link", name="Older").press("Enter")
        someone.page.wait_for_load_state("load")
        assert someone.page.get_by_role("link", name="Newest").is_visible()
    assert someone.page.get_by_role("link", name="Older").count() == 0
    found = Axe().run(someone.page, options=AXE_OPTIONS)
    assert found.violations_count == 0, found.generate_report()
    assert someone.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    someone.page.get_by_role("link", name="Newest").click()
    someone.page.wait_for_load_state("load")
    assert "older=" not in someone.page.url
    assert someone.complaints == []
