"""A rep's main actions, by mouse, by keyboard, and without JavaScript."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from leads.models import Lead
from tests.factories import Org


def stage_of(org: Org, lead_id: UUID) -> str:
    with org.scope():
        stage: str = Lead.objects.get(id=lead_id).stage
        return stage


@pytest.mark.django_db(transaction=True)
def test_accept_by_key_and_undo_by_the_toast(visit: Any, brightpath: Org, lead_id: UUID) -> None:
    visitor = visit(brightpath.reps[0])
    visitor.go(f"/leads/{lead_id}")
    visitor.page.keyboard.press("a")
    undo = visitor.page.locator(".sp-toast button, .sp-toast a").filter(has_text="Undo").first
    undo.wait_for()
    assert stage_of(brightpath, lead_id) == "sal"
    undo.click()
    visitor.page.wait_for_load_state("networkidle")
    assert stage_of(brightpath, lead_id) == "mql"
    assert visitor.complaints == []


@pytest.mark.django_db(transaction=True)
def test_reject_by_key_needs_a_reason_and_escape_returns_the_focus(
    visit: Any, brightpath: Org, lead_id: UUID
) -> None:
    visitor = visit(brightpath.reps[0])
    visitor.go(f"/leads/{lead_id}")
    visitor.page.keyboard.press("r")
    dialog = visitor.page.locator("dialog[open]")
    dialog.wait_for()
    visitor.page.keyboard.press("Escape")
    dialog.wait_for(state="hidden")
    assert stage_of(brightpath, lead_id) == "mql"
    visitor.page.keyboard.press("r")
    dialog.wait_for()
    dialog.get_by_text("Wrong title").first.click()
    dialog.get_by_role("button", name="Reject lead").click()
    dialog.wait_for(state="hidden")
    visitor.page.wait_for_load_state("networkidle")
    assert stage_of(brightpath, lead_id) == "rejected"


@pytest.mark.django_db(transaction=True)
def test_everything_a_rep_must_do_works_without_javascript(visit: Any, brightpath: Org) -> None:
    first, second = brightpath.extra["leads"][:2]
    visitor = visit(brightpath.reps[0], js=False)
    visitor.go("/inbox")
    visitor.page.locator(f"a[href*='{first}']").first.click()
    visitor.go(f"/leads/{first}")
    visitor.page.locator(f"form[action*='/leads/{first}/accept'] button").first.click()
    assert stage_of(brightpath, first) == "sal"
    visitor.go(f"/leads/{second}/reject")
    visitor.page.get_by_role("button", name="Reject lead").click()
    assert stage_of(brightpath, second) == "mql"  # no reason yet
    visitor.page.get_by_text("Wrong title").first.click()
    visitor.page.get_by_role("button", name="Reject lead").click()
    assert stage_of(brightpath, second) == "rejected"
