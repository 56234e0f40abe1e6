"""An invitation in a browser: the admin's link, the new person's page, the note of somebody known."""

from __future__ import annotations

from typing import Any

import pytest

from tenants.clock import database_clock
from tests.browser.test_pages import AXE_OPTIONS, Axe
from tests.factories import Org, make_org


def findings_on(visitor: Any) -> list[str]:
    found = Axe().run(visitor.page, options=AXE_OPTIONS).response["violations"]
    wide = visitor.page.evaluate("document.documentElement.scrollWidth > innerWidth")
    return [each["id"] for each in found] + (["sideways"] if wide else [])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("width", [1440, 390])
def test_a_new_person_joins_by_the_link_and_a_known_one_by_the_note(
    visit: Any, brightpath: Org, width: int
) -> None:
    other = make_org("zeta", now=database_clock())
    links = []
    admin = visit(brightpath.admin, width=width)
    for name, email in (("Nia", "nia@new.example"), ("Rep", other.reps[0].email)):
        admin.go("/people/new")
        admin.page.get_by_label("Name").fill(name)
        admin.page.get_by_label("E-mail").fill(email)
        admin.page.get_by_role("button", name="Invite").click()
        links.append(admin.page.locator("#invitation-link").inner_text())
        assert findings_on(admin) == []

    known = visit(other.reps[0], width=width)
    known.go("/account")
    assert findings_on(known) == []
    known.page.get_by_role("button", name="Accept").click()
    known.page.get_by_text("You are in Brightpath now.").wait_for()

    new = visit(None, width=width)
    new.page.goto(links[0])
    assert findings_on(new) == []
    new.page.get_by_label("New password", exact=True).fill("a longer phrase entirely")
    new.page.get_by_label("New password confirmation").fill("a longer phrase entirely")
    new.page.get_by_role("button", name="Join Brightpath").click()
    new.page.get_by_text("You are in Brightpath now.").wait_for()
    assert known.complaints == new.complaints == []
