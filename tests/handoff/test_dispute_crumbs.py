"""The pages of disputes say where one is, where others show the time."""

from __future__ import annotations

import pytest

from tests.factories import Org
from tests.handoff.conftest import browser

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("path", "here"),
    [
        ("/disputes", "Disputes"),
        ("/disputes?show=decided", "Decided"),
        ("/disputes?show=rejections", "To be disputed"),
        ("/disputes/sheet", "Weekly sheet"),
        ("/disputes/follow-ups", "Follow-ups"),
    ],
)
def test_each_page_of_disputes_has_its_way_back(acme: Org, path: str, here: str) -> None:
    page = browser(acme.manager).get(path)
    labels = [crumb["label"] for crumb in page.context["crumbs"]]
    assert labels == ["Contract", "Disputes", *([here] if here != "Disputes" else [])]
    assert f'<span aria-current="page">{here}</span>' in page.content.decode()
