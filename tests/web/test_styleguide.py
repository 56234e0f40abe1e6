"""The page vocabulary: exact texts of the filters, status grammar, chart geometry, the styleguide page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import pytest
from django.template import Context, Template
from django.template.loader import render_to_string
from django.test import RequestFactory
from django.utils import timezone

from web.styleguide import styleguide
from web.templatetags import sp

NOW = datetime(2026, 11, 17, 13, 12, tzinfo=UTC)  # Tuesday, 14:12 in Berlin


@pytest.fixture(autouse=True)
def _reader_in_berlin() -> Iterator[None]:
    with timezone.override("Europe/Berlin"):
        yield


def render(source: str, **values: object) -> str:
    return Template("{% load sp %}" + source).render(Context(values))


def text_of(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", "", html).split())


@pytest.mark.parametrize(
    "seconds, text",
    [
        (0, "0:00"), (9, "0:09"), (161, "2:41"), (599, "9:59"), (599.9, "9:59"), (600, "10m"), (2520, "42m"),
        (3599, "59m"), (3600, "1h 00m"), (7440, "2h 04m"), (11460, "3h 11m"), (86_399, "23h 59m"),
        (86_400, "1d 0h"), (90_000, "1d 1h"), (-1080, "18m"), (timedelta(minutes=42), "42m"),
        (None, "–"), ("", "–"),
    ],
)  # fmt: skip
def test_duration_reads_like_a_clock(seconds: float | None, text: str) -> None:
    assert sp.duration(seconds) == text


@pytest.mark.parametrize(
    "seconds, text",
    [
        (45, "45 s"),
        (60, "1 min"),
        (90, "1 min 30 s"),
        (540, "9 min"),
        (599.9, "9 min 59 s"),
        (630, "10 min"),
        (3599, "59 min"),
        (10_020, "2h 47m"),
        (90_000, "1d 1h"),
        (None, "–"),
    ],
)
def test_minutes_text_reads_like_a_sentence(seconds: float | None, text: str) -> None:
    assert sp.minutes_text(seconds) == text


@pytest.mark.parametrize(
    "seconds, text",
    [(12, "12 s"), (90, "1 min 30 s"), (750, "12 min 30 s"), (300, "5 min"), (5400, "1h 30m"), (None, "–")],
)
def test_a_length_that_was_set_is_said_with_its_seconds(seconds: float | None, text: str) -> None:
    assert sp.exact_text(seconds) == text


@pytest.mark.parametrize(
    "due, text",
    [
        (datetime(2026, 11, 17, 13, 15, tzinfo=UTC), "14:15"),
        (datetime(2026, 11, 17, 5, 0, tzinfo=UTC), "06:00"),
        (datetime(2026, 11, 17, 23, 30, tzinfo=UTC), "Wed 00:30"),
        (datetime(2026, 11, 18, 8, 52, tzinfo=UTC), "Wed 09:52"),
        (datetime(2026, 11, 23, 8, 0, tzinfo=UTC), "Mon 09:00"),
        (datetime(2026, 11, 24, 16, 30, tzinfo=UTC), "Tue 24 Nov, 17:30"),
        (datetime(2026, 11, 16, 16, 30, tzinfo=UTC), "Mon 16 Nov, 17:30"),
        (datetime(2027, 3, 1, 8, 0, tzinfo=UTC), "Mon 1 Mar 2027, 09:00"),
    ],
)
def test_due_text_is_short_but_never_in_doubt(due: datetime, text: str) -> None:
    assert sp.due_text(due, NOW) == text


def test_due_text_follows_the_reader_across_midnight() -> None:
    with timezone.override("Pacific/Auckland"):
        assert sp.due_text(datetime(2026, 11, 17, 16, 30, tzinfo=UTC), NOW) == "05:30"


@pytest.mark.parametrize(
    "form, text",
    [
        ("time", "14:12"),
        ("zone", "14:12 CET"),
        ("date", "Tue 17 Nov"),
        ("long", "Tue 17 Nov, 14:12"),
        ("year", "17 Nov 2026"),
    ],
)
def test_local_time_in_the_readers_zone(form: str, text: str) -> None:
    assert sp.local_time(NOW, form) == text


def test_local_time_refuses_an_unknown_form() -> None:
    with pytest.raises(ValueError, match="No form 'epoch'"):
        sp.local_time(NOW, "epoch")


def test_numbers_carry_their_base_and_their_sign() -> None:
    assert sp.pct(118, 402) == "29.4%"
    assert sp.pct(1, 2) == "50%"
    assert sp.pct(96.3) == "96.3%"
    assert sp.pct(3, 0) == "–"
    assert sp.of_base(1180, 4020) == "29.4% (1,180 of 4,020)"
    assert sp.of_base(0, 0) == "none yet"
    assert sp.signed(-1.4, "pts") == "−1.4 pts"
    assert sp.signed(61) == "+61"
    assert sp.signed(0.0) == "0"


@pytest.mark.parametrize(
    "name, letters",
    [("Maya Okafor", "MO"), ("Elena", "E"), ("Tomás de la Herrera", "TH"), ("", "?"), (None, "?")],
)
def test_initials(name: str | None, letters: str) -> None:
    assert sp.initials(name) == letters


@pytest.mark.parametrize(
    "tags, path",
    [
        ("undo=/leads/7/undo/ success", "/leads/7/undo/"),
        ("success", ""),
        ("undo=//evil.example/x", ""),
        ("undo=https://evil.example/", ""),
        ("undo=/\\evil.example", ""),
    ],
)
def test_undo_leads_only_to_paths_of_this_site(tags: str, path: str) -> None:
    assert sp.undo_url(tags) == path


@pytest.mark.parametrize(
    "source, shape, text",
    [
        ('{% pill "on_time" 3000 %}', "sp-pill--ok", "On time: 50m"),
        ('{% pill "at_risk" 161 %}', "sp-pill--risk", "At risk: 2:41"),
        ('{% pill "overdue" 1080 %}', "sp-pill--bad", "Overdue 18m"),
        ('{% pill "overdue" -1080 %}', "sp-pill--bad", "Overdue 18m"),
        ('{% pill "paused" 1080 %}', "sp-pill--idle", "Paused"),
        ('{% pill "closed_hours" resumes=at now=now %}', "sp-pill--idle", "Closed hours, resumes 20:00"),
        ('{% pill "met" 540 %}', "sp-pill--met", "Met in 9 min"),
        ('{% pill "missed" 1080 %}', "sp-pill--missed", "Missed by 18 min"),
        ('{% pill "missed" 0 %}', "sp-pill--missed", "Missed by under a second"),
        ('{% pill "off_target" %}', "sp-pill--bad", "Off target"),
        ('{% pill "watch" label="90.4%" plain=True %}', "sp-mark--risk", "90.4%"),
        ('{% pill "at_risk" nothing %}', "sp-pill--risk", "At risk"),
    ],
)
def test_each_status_has_its_shape_and_its_words(source: str, shape: str, text: str) -> None:
    html = render(source, at=datetime(2026, 11, 17, 19, 0, tzinfo=UTC), now=NOW)
    assert shape in html
    assert text_of(html) == text


def test_a_running_pill_tells_the_script_all_it_needs() -> None:
    html = render('{% pill "at_risk" left running=go next_change=soon %}', left=161.7, go=True, soon=0.4)
    assert 'data-sp-seconds="161" data-sp-clock="down" data-sp-running="1" data-sp-next="1"' in html


def test_a_stopped_overdue_pill_counts_up_from_where_it_stands() -> None:
    html = render('{% pill "overdue" late running=False %}', late=timedelta(minutes=18))
    assert 'data-sp-seconds="1080" data-sp-clock="up" data-sp-running="0"' in html
    assert "data-sp-next" not in html


def test_a_closed_pill_does_not_tick() -> None:
    assert "data-sp-seconds" not in render('{% pill "met" 540 %}')


def test_a_status_may_be_an_enum_member() -> None:
    class Status(StrEnum):
        OVERDUE = "overdue"

    assert text_of(render("{% pill status 60 %}", status=Status.OVERDUE)) == "Overdue 1:00"


def test_an_unknown_status_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="No look for status 'late'"):
        render('{% pill "late" %}')


def test_meter_draws_in_per_cent_and_keeps_its_mark_inside() -> None:
    html = render('{% meter 130 100 "risk" label="130% used" %}')
    assert '<rect width="100%"' in html
    assert 'x="99%"' in html
    assert 'aria-label="130% used"' in html
    assert 'aria-hidden="true"' in render("{% meter 20 %}")


def test_line_chart_breaks_the_line_where_a_value_is_missing() -> None:
    points = [{"label": str(n), "value": v} for n, v in enumerate([70, 100, None, 85])]
    html = render('{% line_chart points target=95 unit="%" low=70 title="On time" %}', points=points)
    assert re.findall(r'<polyline class="sp-line[^"]*" points="([^"]+)"', html) == [
        "0.00,100.00 33.33,0.00",
        "100.00,50.00 100.00,50.00",  # a day alone is a dot
    ]
    assert 'd="M0 16.67H100"' in html
    assert "lowest 70%, highest 100%, target 95%" in html
    assert re.findall(r'<td class="sp-num">([^<]+)</td>', html) == ["70", "100", "–", "85"]


@pytest.mark.parametrize(
    ("values", "unit", "labels"),
    [
        ([0, 85], "%", ["100%", "75", "50", "25", "0"]),
        ([71, 96], "%", ["100%", "90", "80", "70"]),
        ([98.4], "%", ["100%", "99.5", "99", "98.5", "98"]),
        ([3, 17], "", ["20", "15", "10", "5", "0"]),
        ([0], "", ["0", "0"]),
    ],
)
def test_the_axis_of_a_line_chart_has_round_ticks(values: list[float], unit: str, labels: list[str]) -> None:
    html = render(
        "{% line_chart points unit=unit %}", points=[{"label": "x", "value": v} for v in values], unit=unit
    )
    axis = re.search(r'<div class="sp-chart-y".*?</div>', html, re.S)
    assert axis
    assert re.findall(r"<span>([^<]*)</span>", axis[0]) == labels


def test_sparklines_with_a_target_share_one_scale() -> None:
    html = render("{% sparkline values target=85 %}", values=[50, None, 100])
    assert re.findall(r'<polyline class="sp-line[^"]*" points="([^"]+)"', html) == [
        "0.00,50.00 0.00,50.00",
        "100.00,0.00 100.00,0.00",
    ]
    assert 'd="M0 15.00H100"' in html


def test_empty_charts_say_so() -> None:
    assert text_of(render("{% line_chart points %}", points=[])) == "Nothing to draw yet."
    assert text_of(render("{% histogram bars %}", bars=[])) == "Nothing to draw yet."
    assert text_of(render("{% sparkline values %}", values=[None])) == "–"


def test_histogram_scales_to_its_tallest_column_and_never_hides_a_count() -> None:
    bars = [{"label": "< 5m", "on_time": 1000, "late": 0}, {"label": "Never", "on_time": 0, "late": 1}]
    html = render('{% histogram bars title="Time to first touch" %}', bars=bars)
    assert re.findall(r'sp-bar--(\w+)" height="(\d+)"', html) == [("ok", "108"), ("late", "1")]


def test_heat_map_hatches_cells_with_too_few_leads() -> None:
    rows = [
        {
            "label": "Mon",
            "cells": [{"value": 60, "base": 5}, {"value": 60, "base": 4}, {"value": None, "base": 9}],
        }
    ]
    html = render('{% heat_map rows columns=hours title="Late" %}', rows=rows, hours=[0, 1, 2])
    assert re.findall(r'<td class="([^"]+)">', html) == ["sp-q5", "sp-few", "sp-few"]


def test_text_from_outside_is_escaped_everywhere() -> None:
    bad = "<script>alert(1)</script>"
    html = render(
        '{% icon "check" label=bad %}{% pill "on_time" label=bad %}{% meter 1 label=bad %}'
        "{% card title=bad note=bad %}{{ bad }}{% endcard %}"
        '{% dialog id="d" title=bad sub=bad %}{{ bad }}{% enddialog %}'
        "{% line_chart points title=bad %}{% histogram bars title=bad %}",
        bad=bad,
        points=[{"label": bad, "value": 1}],
        bars=[{"label": bad, "on_time": 1, "late": 0}],
    )
    assert "<script" not in html
    assert "&lt;script&gt;" in html


def test_an_icon_is_silent_unless_it_is_named() -> None:
    assert 'aria-hidden="true"' in render('{% icon "check" %}')
    assert 'role="img" aria-label="Done"' in render('{% icon "check" label="Done" %}')


def test_a_toast_offers_undo_by_a_plain_form() -> None:
    html = render_to_string("web/_toast.html", {"text": "Accepted.", "undo": "/u/", "csrf_token": "t0k"})
    assert '<form method="post" action="/u/">' in html
    assert 'name="csrfmiddlewaretoken" value="t0k"' in html
    assert "Undo" not in render_to_string("web/_toast.html", {"text": "Saved."})


def test_styleguide_shows_every_status_and_the_whole_shell(rf: RequestFactory) -> None:
    response = styleguide(rf.get("/styleguide/", {"theme": "dark"}))
    html = response.content.decode()
    assert response.status_code == 200
    assert 'data-theme="dark"' in html
    for words in {look.words for look in sp.LOOKS.values()} - {"On time", "At risk"}:
        assert words in html
    for part in ('id="main"', 'class="sp-skip"', 'id="sp-toasts"', "X-CSRFToken"):
        assert part in html


def test_sample_inbox_shows_date_and_running_clocks(rf: RequestFactory) -> None:
    html = styleguide(rf.get("/styleguide/", {"page": "inbox"})).content.decode()
    assert "Tue 17 Nov, 14:12" in html
    assert "Clocks run until 17:30" in html
    assert html.count("data-sp-row=") == 4


@pytest.mark.parametrize("name", ["400.html", "403.html", "404.html", "429.html", "500.html"])
def test_error_pages_render_without_any_context(name: str) -> None:
    html = render_to_string(name)
    assert html.count("<h1>") == 1
    assert 'href="/"' in html
