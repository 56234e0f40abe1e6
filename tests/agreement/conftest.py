"""The agreement of Acme, and pages that live at a moment that the tests choose."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from reporting.agreement.models import Agreement
from reporting.views import agreement as pages
from tenants.clock import fixed_clock
from tenants.models import Member
from tests.factories import Org


def browser(member: Member) -> Client:
    client = Client()
    client.force_login(member.user)
    return client


@pytest.fixture(autouse=True)
def at(monkeypatch: pytest.MonkeyPatch, now: datetime) -> Callable[[datetime], None]:
    """Let the page of the agreement live at a moment: the Tuesday of the suite, until told otherwise."""

    def stand_still(moment: datetime) -> None:
        monkeypatch.setattr(pages, "database_clock", fixed_clock(moment))

    stand_still(now)
    return stand_still


def seen_by(client: Client) -> str:
    """The terms that the page shows, as its form carries them."""
    return str(client.get("/agreement").context["seen"])


def sign(member: Member, side: str, *, seen: str = "") -> HttpResponse:
    """Open the page and sign what it shows, or what it showed before."""
    client = browser(member)
    return client.post("/agreement/sign", {"side": side, "seen": seen or seen_by(client)})


def sign_both(org: Org) -> Agreement:
    """Marketing and sales sign what is configured."""
    for member, side in ((org.marketing, "marketing"), (org.manager, "sales")):
        assert sign(member, side).status_code == 302
    with org.scope():
        return Agreement.objects.get(state="in_force")


def lines_of(page: HttpResponse) -> str:
    """What a page says, on one line."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.content.decode()))


def agreements(org: Org) -> list[dict[str, Any]]:
    with org.scope():
        return list(Agreement.objects.order_by("number").values("number", "state", "digest"))
