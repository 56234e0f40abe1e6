"""The sentence that says what criteria would make of the last leads."""

from __future__ import annotations

from types import SimpleNamespace

from django.template.loader import render_to_string


def test_large_numbers_are_written_as_everywhere_else() -> None:
    count = SimpleNamespace(
        after=2_140, before=1_880, leads=10_000, gained=1_260, lost=1_000, changing=2_260, version=3
    )
    page = " ".join(render_to_string("leads/_criteria_count.html", {"count": count, "link": "/x"}).split())
    assert (
        "2,140 of the last 10,000 leads would qualify</b> (now 1,880): 1,260 more would, 1,000 would" in page
    )
    assert "See the 2,260" in page
