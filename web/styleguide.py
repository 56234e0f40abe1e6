"""Every component in every state on one page, for those who change the look. Routed only when DEBUG is on."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

# A Tuesday afternoon, fixed so that pictures of the page can be compared.
NOW = datetime(2026, 11, 17, 13, 12, 19, tzinfo=UTC)


class ExampleForm(forms.Form):
    """One field of each kind."""

    name = forms.CharField(label="Name", max_length=40, help_text="Shown on every page.")
    email = forms.EmailField(label="E-mail")
    role = forms.ChoiceField(label="Role", choices=[("rep", "Rep"), ("manager", "Manager")])
    note = forms.CharField(
        label="Note for marketing", widget=forms.Textarea(attrs={"rows": 2}), required=False
    )
    hot = forms.BooleanField(
        label="Count as hot inbound", required=False, help_text="Tier 1 answers within 15 minutes."
    )
    days = forms.MultipleChoiceField(
        label="Days",
        choices=[("mon", "Mon"), ("tue", "Tue")],
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )


def example_nav() -> list[dict[str, Any]]:
    """The rail of somebody who may do everything."""

    def item(label: str, icon: str, **more: object) -> dict[str, object]:
        return {"label": label, "url": "#" + icon, "icon": icon, **more}

    return [
        {
            "label": "My work",
            "items": [
                item("Inbox", "inbox", count=7, bottom="Inbox", active=True),
                item("Working", "list-check", count=12),
                item("Escalations", "alert-circle", count=2, badge_tone="bad"),
            ],
        },
        {
            "label": "Team",
            "items": [
                item("Live board", "layout-dashboard", count=3, badge_tone="risk", bottom="Board"),
                item("Compliance", "shield-check", bottom="Reports"),
                item("Disputes", "gavel", count=4),
            ],
        },
        {
            "label": "Insight",
            "items": [
                item("Funnel & leaks", "filter"),
                item("Commitments", "scale"),
                item("Reviews", "file-text"),
            ],
        },
        {
            "label": "Set up",
            "items": [
                item("Qualification", "certificate"),
                item("Routing", "route"),
                item("SLA tiers", "hourglass"),
                item("Calendars", "calendar-clock"),
                item("Integrations", "plug"),
                item("Getting started", "rocket"),
            ],
        },
    ]


def example_shell(theme: str) -> dict[str, Any]:
    """The frame of a rep with two companies."""
    return {
        "tenant": "Brightpath",
        "tenant_initials": "BP",
        "member": "Maya Okafor",
        "role": "Rep",
        "email": "maya@brightpath.example",
        "memberships": [
            {"name": "Brightpath", "role": "Rep", "url": "#a", "current": True},
            {"name": "Corvid Group", "role": "Manager", "url": "#b", "current": False},
        ],
        "theme": theme,
        "theme_url": "#theme",
        "sign_out_url": "#out",
        "profile_url": "#me",
        "notifications_url": "#bell",
        "unread": 3,
        "shortcuts": True,
        "now": NOW,
        "clocks": {"running": True, "text": "Clocks run until 17:30"},
    }


def example_rows() -> list[dict[str, Any]]:
    """A queue with one lead in each state."""

    def row(
        id: str, name: str, sub: str, status: str, seconds: int | None, due: str, **more: object
    ) -> dict[str, Any]:
        base = {
            "id": id,
            "url": f"#{id}",
            "name": name,
            "sub": sub,
            "status": status,
            "seconds": seconds,
            "due": due,
        }
        return {**base, "running": True, **more}

    return [
        row(
            "1",
            "Ruth Adeyemi",
            "Okapi Freight · Head of Logistics",
            "overdue",
            1080,
            "first touch 13:54",
            tier="Tier 2",
            source="Webinar",
            why="Pricing page ×3, score 71",
        ),
        row(
            "2",
            "Ingrid Solberg",
            "Halden Logistics · VP Operations",
            "at_risk",
            161,
            "first touch 14:15",
            tier="Tier 1",
            hot=True,
            source="Demo form",
            why="Asked for a demo, 420 staff",
            selected=True,
        ),
        row(
            "3",
            "Claire Fontaine",
            "Tessel Robotics · COO",
            "on_time",
            3000,
            "first touch 15:03",
            tier="Tier 2",
            source="Contact form",
            why="Named account, contact form",
        ),
        row(
            "4",
            "Mele Kealoha",
            "Pinecrest Hotels · Director, IT",
            "closed_hours",
            None,
            "resumes 20:00",
            tier="Tier 3",
            source="Event",
            why="Outside her office hours (HST)",
            running=False,
        ),
    ]


def example_charts() -> dict[str, Any]:
    """Figures that show the shapes: a dip, a late tail, cells with too few leads."""
    trend = [
        93,
        92,
        94,
        95,
        93,
        91,
        90,
        94,
        96,
        95,
        93,
        92,
        86,
        88,
        89,
        91,
        93,
        94,
        95,
        94,
        92,
        91,
        93,
        95,
        96,
        94,
        92,
        90,
        91,
        92,
    ]
    start = NOW - timedelta(days=30)
    days = [start + timedelta(days=place) for place in range(len(trend))]
    heat: list[dict[str, Any]] = []
    for place, label in enumerate(["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]):
        cells = []
        for hour in range(24):
            late = 24 + 22 * math.cos(hour / 3.9 + place) + place * 2
            cells.append({"value": max(0, late), "base": 3 if hour < 3 or (place > 4 and hour % 3) else 30})
        heat.append({"label": label, "cells": cells})
    labels = ["< 5m", "5–15", "15–30", "30–60", "1–2h", "2–4h", "4–8h", "8–24h", "Never"]
    on_time = [188, 271, 234, 206, 112, 62, 37, 0, 0]
    late_counts = [0, 0, 12, 17, 16, 9, 4, 24, 12]
    return {
        "trend": [{"label": f"{d.day} {d:%b}", "value": v} for d, v in zip(days, trend, strict=True)],
        "gap": [{"label": str(n), "value": v} for n, v in enumerate([4, 5, None, None, 7, 6])],
        "bars": [
            {"label": name, "on_time": a, "late": b}
            for name, a, b in zip(labels, on_time, late_counts, strict=True)
        ],
        "heat": heat,
        "hours": list(range(24)),
        "spark": trend[::3],
        "spans": [(540, 720), (780, 1050)],
    }


def styleguide(request: HttpRequest) -> HttpResponse:
    """GET /styleguide/?theme=light|dark|auto&page=: all components, or one of the sample pages."""
    theme = request.GET.get("theme", "auto")
    refused = ExampleForm({"email": "not an address", "role": "rep"})
    refused.is_valid()
    clocks = [
        {
            "title": "First touch",
            "status": "at_risk",
            "seconds": 161,
            "running": True,
            "unit": "left of 15 min",
            "due": "Due today 14:15 CET. Then it moves to Tomás Herrera.",
            "used": 82,
            "mark": 80,
            "next_change": 161,
        },
        {
            "title": "Accept or reject",
            "status": "on_time",
            "seconds": 85_680,
            "running": True,
            "due": "Due Wed 14:00 CET",
            "used": 1.5,
            "mark": 80,
        },
        {
            "title": "Contact attempts",
            "figure": "0 of 6",
            "unit": "2 channels",
            "due": "By Tue 24 Nov, 17:30",
            "used": 0,
        },
    ]
    other_clocks = [
        {
            "title": "First touch",
            "status": "overdue",
            "seconds": 1080,
            "unit": "late",
            "due": "Was due 13:54 CET. Moves to Priya at 14:24.",
            "used": 100,
        },
        {
            "title": "Accept or reject",
            "status": "paused",
            "seconds": 7200,
            "running": False,
            "unit": "left",
            "due": "Resumes 20:00",
            "used": 40,
            "mark": 80,
        },
        {
            "title": "First touch",
            "status": "met",
            "figure": "9 min",
            "due": "Met at 14:09, due 14:15",
            "used": 60,
            "mark": 80,
        },
    ]
    timeline = [
        {
            "icon": "alert-triangle",
            "tone": "risk",
            "title": "80% of first touch used.",
            "text": "Elena Rossi was told in Slack.",
            "at": NOW,
        },
        {
            "icon": "route",
            "tone": "brand",
            "title": "Assigned to you",
            "text": "by EMEA mid-market, round robin. Email and Slack sent.",
            "at": NOW - timedelta(minutes=12),
        },
        {
            "icon": "file-text",
            "title": "Sent the demo form on /demo",
            "text": "from “Route planning” search ad",
            "at": NOW - timedelta(minutes=13),
        },
        {
            "icon": "eye",
            "title": "Read “Cutting empty miles” guide",
            "at": NOW - timedelta(days=5),
            "when": "12 Nov",
        },
    ]
    kpis = [
        {
            "label": "First touch on time",
            "value": "91.8",
            "unit": "%",
            "status": "watch",
            "target": "Target 95%",
            "delta": "−1.4 pts",
            "url": "#k1",
        },
        {
            "label": "Decision within 24h",
            "value": "96.8",
            "unit": "%",
            "status": "on_target",
            "target": "Target 95%",
            "delta": "+0.6 pts",
        },
        {
            "label": "Attempts completed",
            "value": "81.3",
            "unit": "%",
            "status": "off_target",
            "target": "Target 90%",
            "delta": "−4.9 pts",
        },
        {
            "label": "Median first touch",
            "value": "23",
            "unit": "min",
            "status": "on_target",
            "target": "Tier 1: 9 min",
            "delta": "−3 min",
        },
        {
            "label": "MQLs, month to date",
            "value": "412",
            "unit": "of 448",
            "status": "watch",
            "target": "Goal 810",
            "delta": "92% of pace",
        },
        {"label": "Reviews held", "value": "2", "status": None, "target": "This quarter"},
    ]
    reps = [
        ("Jonas Weber", 188, "off_target", 82.5, "bad", "41 min"),
        ("Daniel Kim", 162, "watch", 88.1, "risk", "34 min"),
        ("Maya Okafor", 212, "on_target", 97.5, "ok", "12 min"),
    ]
    rows = example_rows()
    context = {
        "nav": example_nav(),
        "shell": example_shell(theme if theme in {"light", "dark"} else "auto"),
        "now": NOW,
        "soon": NOW + timedelta(hours=5, minutes=48),
        "week": NOW + timedelta(days=7, hours=3),
        "clocks": clocks,
        "other_clocks": other_clocks,
        "timeline": timeline,
        "kpis": kpis,
        "reps": reps,
        "rows": rows,
        "groups": [
            ("Overdue", "bad", rows[:1]),
            ("At risk: 80% of the time used", "risk", rows[1:2]),
            ("On time", "", rows[2:]),
        ],
        "form": ExampleForm(),
        "refused": refused,
        "reasons": [
            ("not_fit", "Not a fit", "Wrong size, industry or region for us"),
            ("data", "Bad contact data", "Phone or email does not work"),
            ("timing", "Wrong timing", "Real need, but later. Goes back to nurture"),
            ("other", "Other", "Needs a note"),
        ],
        **example_charts(),
    }
    page = "web/styleguide_inbox.html" if request.GET.get("page") == "inbox" else "web/styleguide.html"
    with timezone.override("Europe/Berlin"):
        return render(request, page, context)
