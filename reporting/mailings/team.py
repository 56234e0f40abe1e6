"""A manager's Monday mail: the week of the teams that they lead, stand in for or are in, and what presses
now. Every number is the compliance report's, the board's or the list's that its link opens."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.urls import reverse

from handoff.dispute_reads import open_count
from handoff.selectors import board
from handoff.stale import asked_of
from reporting import selectors
from reporting.mailings.digest import week_question
from reporting.mailings.words import (
    Letter,
    Line,
    Part,
    absolute,
    late_words,
    moment_words,
    report_url,
    week_words,
)
from reporting.measures import Rate
from reporting.selectors import Report
from sla.status import Status
from sla.targets import label
from tenants.models import Member, Tenant
from web.templatetags.sp import minutes_text, signed


@dataclass(frozen=True, slots=True)
class TeamWeek:
    """at_risk, overdue, stale, disputes: as they stand now."""

    week: date
    last: date
    report: Report
    at_risk: int
    overdue: int
    stale: int
    disputes: int
    target: int


def team_week(tenant: Tenant, week: date, manager: Member, *, now: datetime) -> TeamWeek:
    """The week from a Monday, and what presses now, as far as this manager sees it."""
    question = week_question(tenant, week, selectors.sight_of(manager))
    report = selectors.report(
        question, "rep", now=now, names=selectors.load_names({}), ground=selectors.ground_of(question)
    )
    counts = board(member=manager, now=now).counts
    return TeamWeek(
        week=week,
        last=question.last,
        report=report,
        at_risk=counts[Status.AT_RISK],
        overdue=counts[Status.OVERDUE],
        stale=asked_of({}, tenant=tenant, member=manager, now=now).found().count(),
        disputes=open_count(manager),
        target=tenant.target_percent,
    )


def letter_of(found: TeamWeek, *, zone: ZoneInfo, now: datetime, due: datetime | None = None) -> Letter:
    """The mail in words. zone: the reader's, for moments; days are the organisation's."""
    parts = (_compliance(found), _people(found), _now(found))
    return Letter(
        title=f"Your team's week, {week_words(found.week, found.last)}",
        late=late_words(due, now, zone),
        parts=tuple(part for part in parts if part.lines),
        foot=(
            (
                "A clock counts in the week in which it started. Rates are of clocks kept or broken; "
                "those that run on and those called off are left out."
            ),
            f"Counted on {moment_words(now, zone)} ({zone.key}).",
        ),
        links=(
            Line("Compliance of this week", url=report_url("compliance", found.week, found.last)),
            Line("Live board", url=absolute(reverse("handoff:board"))),
            Line("Which mails I get", url=absolute(reverse("reporting:my_mails"))),
        ),
    )


def _compliance(found: TeamWeek) -> Part:
    report = found.report
    lines = []
    for name in report.targets:
        rate, former = report.whole.rates[name], report.before[name]
        change = (
            "no rate to compare with"
            if rate.percent is None or former.percent is None
            else signed(round(rate.percent - former.percent, 1), "pts")
        )
        url = report_url("compliance_leads", found.week, found.last, target=name)
        lines.append(Line(f"{label(name)} on time", (_rate(rate), _median(rate), change), url=url))
    head = ("Compliance", "On time", "Answered within", "Change against the week before")
    return Part("Compliance", tuple(lines), head, f"The target is {found.target}%.")


def _rate(rate: Rate) -> str:
    if rate.percent is None:
        return "none counted"
    left = f", {rate.left_out_text} left out" if rate.left_out else ""
    return f"{rate.percent:g}% ({rate.kept:,} of {rate.base:,}{left})"


def _median(rate: Rate) -> str:
    if rate.median is None:
        return "none answered"
    return f"half within {minutes_text(rate.median)}, 90% within {minutes_text(rate.p90)}"


def _people(found: TeamWeek) -> Part:
    report = found.report
    lines = []
    for group in report.groups:
        broken = {name: group.rates[name].broken for name in report.targets if group.rates[name].broken}
        if not broken:
            continue
        told = ", ".join(f"{label(name)} {count:,}" for name, count in broken.items())
        url = report_url(
            "compliance_leads", found.week, found.last, verdict="missed", rep=str(group.key or "none")
        )
        lines.append(Line(group.name, (told, _rate(group.rates[report.lead])), url=url))
    return Part("Who missed deadlines", tuple(lines), ("Rep", "Missed", f"{label(report.lead)} on time"))


def _now(found: TeamWeek) -> Part:
    told = (
        ("Overdue and still open", found.overdue, "handoff:board"),
        ("At risk", found.at_risk, "handoff:board"),
        ("Stale leads", found.stale, "handoff:stale"),
        ("Disputes that wait to be decided", found.disputes, "handoff:disputes"),
    )
    lines = (Line(text, (f"{count:,}",), url=absolute(reverse(view))) for text, count, view in told)
    return Part("Right now", tuple(lines), ("", "Leads"))
