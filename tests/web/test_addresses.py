"""Every address that an app has is one of the portal's, and every place of the rail is an address."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings
from django.urls import reverse

from slaportal import urls
from slaportal.navigation import NAVIGATION

APPS = sorted(path.parent.name for path in Path(settings.BASE_DIR).glob("*/apps.py"))


@pytest.mark.parametrize(
    ("module", "listed"), [("urls.py", urls.PAGES), ("api_urls.py", urls.CALLS)], ids=["pages", "calls"]
)
def test_no_app_with_addresses_is_forgotten(module: str, listed: tuple[str, ...]) -> None:
    have = {app for app in APPS if (Path(settings.BASE_DIR) / app / module).exists()}
    assert set(listed) == have
    assert len(listed) == len(have) > 0


@pytest.mark.parametrize("view", [place.view for group in NAVIGATION for place in group.places])
def test_every_place_of_the_rail_leads_somewhere(view: str) -> None:
    """The rail leaves out what is not routed, so a misspelt view would vanish without a word."""
    assert reverse(view).startswith("/")
