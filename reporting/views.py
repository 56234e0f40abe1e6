"""The pages that managers read: compliance, the leads behind each number, and volume with its history."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from handoff import clocks, words
from reporting import params, selectors
from reporting.files import csv_response
from reporting.measures import TARGETS, Rate, Verdict, standing
from reporting.models import TargetFact
from reporting.selectors import Question
from sla.models import Timer
from tenants.auth import member_required
from tenants.clock import database_clock
from tenants.models import Role
from web.pagination import next_url, page_of
from web.templatetags.sp import DASH, minutes_text, pct, signed

#: What an address keeps when a link on the page changes one thing.
KEPT: Final = ("period", "from", "to", "clock", "team", "rep", "source", "campaign", "tier", "by", "breaches")
#: The name of a split's filter in an address.
FILTERS: Final = {"rep": "rep", "team": "team", "source": "source", "campaign": "campaign", "tier": "tier"}
PAGE_SIZE: Final = 50
BREACHES_SHOWN: Final = 20
#: Most lines of a download.
MOST_LINES: Final = 100_000


def address(query: Mapping[str, str], view: str, **changes: str | None) -> str:
    """The address of a view with this page's period and filters, some changed; None takes one away."""
    kept = {name: query[name] for name in KEPT if query.get(name)}
    kept |= {name: value for name, value in changes.items() if value is not None}
    for name, value in changes.items():
        if value is None:
            kept.pop(name, None)
    text = urlencode(kept)
    return reverse(f"reporting:{view}") + (f"?{text}" if text else "")


@dataclass(frozen=True, slots=True)
class Asked:
    """What this request asks, and who asks."""

    query: dict[str, str]
    question: Question
    by: str
    now: datetime
    own: bool  # a rep, who sees only what is theirs
    may_reassign: bool = False

    def link(self, view: str, **changes: str | None) -> str:
        return address(self.query, view, **changes)


def _asked(request: HttpRequest) -> Asked:
    now = database_clock()
    query = {name: value for name, value in request.GET.items() if isinstance(value, str)}
    question = params.question_for_page(query, tenant=request.tenant, member=request.member, now=now)  # type: ignore[attr-defined]
    own = request.member.role == Role.REP  # type: ignore[attr-defined]
    by = params.choice(query, "by", tuple(selectors.SPLITS), "tier" if own else "rep")
    may = request.member.role in (Role.MANAGER, Role.ADMIN)  # type: ignore[attr-defined]
    return Asked(query, question, by, now, own, may)


# --- Compliance ---


@require_safe
@member_required()
def compliance(request: HttpRequest) -> HttpResponse:
    """GET /compliance: the signed numbers over a period, split, drawn, and down to the leads."""
    asked = _asked(request)
    question, now = asked.question, asked.now
    target: int = request.tenant.target_percent  # type: ignore[attr-defined]
    offered = selectors.choices(question)
    names = selectors.load_names(offered.tiers)
    report = selectors.report(question, asked.by, now=now, names=names)
    whole, course, groups = report.whole, report.course, report.groups
    only_open = params.choice(asked.query, "breaches", ("open", "all"), "open") == "open"
    page = page_of(
        selectors.clocks_behind(question, now=now, verdict=Verdict.BROKEN, unanswered=only_open),
        cursor=asked.query.get("cursor", ""),
        size=BREACHES_SHOWN,
        order=("-due_at", "-id"),
    )
    broken = sum(rate.broken for rate in whole.rates.values())
    context = {
        "asked": asked,
        "title": "My compliance" if asked.own else "Compliance",
        "crumbs": [{"label": "Insight"}, {"label": "My compliance" if asked.own else "Compliance"}],
        "summary": _summary(asked, whole.rates["first_touch"]),
        "filters": _filters(asked, offered, names),
        "csv_url": asked.link("compliance_csv"),
        "year_url": asked.link("compliance", period="365d", **dict.fromkeys(("from", "to"))),
        "empty": not any(rate.all for rate in whole.rates.values()),
        "kpis": _kpis(asked, whole, report.before, target),
        "counted": _counted(whole),
        "trend": _trend(course),
        "trend_title": f"First touch on time, by {'week' if question.by_week else 'day'}",
        "trend_finding": _lowest(course),
        "target": target,
        "bars": [{"label": name, "on_time": ok, "late": late} for name, ok, late in whole.ranges],
        "responses": [
            f"{_share_word(share)} {minutes_text(at)}"
            for share, at in whole.responses.items()
            if at is not None
        ],
        "answered": whole.rates["first_touch"].answered,
        "tabs": _tabs(asked),
        "head": selectors.SPLITS[asked.by][1],
        "rows": [_row(asked, group, course, target) for group in groups],
        "breaches": _breaches(asked, page.rows, names),
        "only_open": only_open,
        "unanswered": whole.unanswered,
        "broken": broken,
        "open_url": asked.link("compliance", breaches=None) + "#breaches",
        "all_url": asked.link("compliance", breaches="all") + "#breaches",
        "next_url": f"{next_url(request, page.next)}#breaches" if page.next else None,
    }
    return render(request, "reporting/compliance.html", context)


def _share_word(share: int) -> str:
    return "Median" if share == 50 else f"{share}% within"


def _day(value: date, year: bool = False) -> str:
    return f"{value.day} {value:%b %Y}" if year else f"{value.day} {value:%b}"


def _period_text(question: Question) -> str:
    if question.first == question.last:
        return _day(question.first, year=True)
    same = question.first.year == question.last.year
    return f"{_day(question.first, year=not same)} to {_day(question.last, year=True)}"


def _summary(asked: Asked, touch: Rate) -> str:
    what = "assignments" if asked.question.clock == "owner" else "handed-over leads"
    clock = "each owner's clock" if asked.question.clock == "owner" else "the company's clock, from MQL"
    return f"{touch.all:,} {what}, {_period_text(asked.question)}. Working time, {clock}."


def _kpis(
    asked: Asked, whole: selectors.Totals, before: Mapping[str, Rate], target: int
) -> list[dict[str, Any]]:
    cards = []
    for name, title in (("first_touch", "First touch on time"), ("decision", "Decision on time")):
        rate, former = whole.rates[name], before[name]
        change = None if rate.percent is None or former.percent is None else rate.percent - former.percent
        cards.append(
            {
                "label": title,
                "value": DASH if rate.percent is None else f"{rate.percent:g}",
                "unit": "" if rate.percent is None else "%",
                "status": standing(rate.percent, target),
                "target": f"{rate.kept:,} of {rate.base:,}",
                "delta": "" if change is None else signed(change, "pts"),
                "url": asked.link("compliance_leads", target=name),
            }
        )
    touch = whole.rates["first_touch"]
    for title, seconds, former_seconds in (
        ("Median first touch", touch.median, before["first_touch"].median),
        ("90% touched within", touch.p90, before["first_touch"].p90),
    ):
        cards.append(
            {
                "label": title,
                "value": DASH if seconds is None else minutes_text(seconds),
                "target": f"Of {touch.answered:,} answered",
                "delta": _change(seconds, former_seconds),
                "url": asked.link("compliance_leads", target="first_touch", only="answered"),
            }
        )
    cards.append(
        {
            "label": "Assignments" if asked.question.clock == "owner" else "Leads handed over",
            "value": f"{touch.all:,}",
            "target": f"{before['first_touch'].all:,} in the {asked.question.days} days before",
            "url": asked.link("compliance_leads", target="first_touch"),
        }
    )
    cards.append(
        {
            "label": "Overdue now",
            "value": f"{whole.unanswered:,}",
            "status": "off_target" if whole.unanswered else "on_target",
            "target": "Past due and still open",
            "url": asked.link("compliance_leads", only="overdue"),
        }
    )
    for card in cards:
        value = str(card["value"])
        if value.endswith((" min", " s")):
            card["value"], _, card["unit"] = value.rpartition(" ")
    return cards


def _change(seconds: int | None, former: int | None) -> str:
    """A change of a response time, in the unit that it is read in."""
    if seconds is None or former is None or seconds == former:
        return ""
    sign = "+" if seconds > former else "−"
    return f"{sign}{minutes_text(abs(seconds - former))}"


def _counted(whole: selectors.Totals) -> list[str]:
    """A sentence for each rate: what it counts, and who is left out and why."""
    told = []
    for name, title in TARGETS.items():
        rate = whole.rates[name]
        why = f", left out are {rate.left_out_text}" if rate.left_out else ""
        told += [f"{title}: {rate.base:,} of {rate.all:,} clocks count{why}."] if rate.all else []
    return told


def _trend(course: selectors.Course) -> list[dict[str, Any]]:
    return [
        {"label": _day(day), "value": value} for day, value in zip(course.labels, course.whole, strict=True)
    ]


def _lowest(course: selectors.Course) -> str:
    """The worst day in a sentence, with its base; "" where no day was below 100 %."""
    present = [
        (value, base, day)
        for value, base, day in zip(course.whole, course.base, course.labels, strict=True)
        if value is not None
    ]
    if len(present) < 2:
        return ""
    value, base, day = min(present)
    if value >= 100:
        return "No deadline was missed in this period."
    return f"Lowest on {day:%a} {_day(day)}: {pct(value)} ({round(value * base / 100):,} of {base:,})."


def _row(asked: Asked, group: selectors.Group, course: selectors.Course, target: int) -> dict[str, Any]:
    rate, decision = group.first_touch, group.decision
    values = course.of_group.get(group.key, [])
    present = [value for value in values if value is not None]
    status = standing(rate.percent, target)
    changes: dict[str, str | None] = {
        FILTERS[asked.by]: params.NONE if group.key in (None, "") else str(group.key),
        "by": None,
    }
    return {
        "name": group.name,
        "note": group.note,
        "url": asked.link("compliance_leads", target="first_touch", **changes),
        "missed_url": asked.link("compliance_leads", target="first_touch", verdict="missed", **changes),
        "decision_url": asked.link("compliance_leads", target="decision", **changes),
        "rate": rate,
        "decision": decision,
        "status": status,
        "tone": {"on_target": "ok", "watch": "risk", "off_target": "bad"}.get(status or "", "idle"),
        "values": values if len(present) > 1 else [],
        "values_label": f"{present[0]:g}% to {present[-1]:g}%" if len(present) > 1 else "",
    }


def _tabs(asked: Asked) -> list[dict[str, Any]]:
    known = ("tier", "source", "campaign") if asked.own else tuple(selectors.SPLITS)
    return [
        {"label": f"By {by}", "url": asked.link("compliance", by=by) + "#split", "current": by == asked.by}
        for by in known
    ]


@dataclass(frozen=True, slots=True)
class Filter:
    """One select of the filters: (value, words, chosen)."""

    name: str
    label: str
    options: list[tuple[str, str, bool]]


def _filters(asked: Asked, offered: selectors.Choices, names: selectors.Names) -> dict[str, Any]:
    query, chosen = asked.query, params.period_name(asked.query)
    periods = [(value, text, value == chosen) for value, text in params.PERIOD_NAMES.items()]
    if not chosen:
        periods.insert(0, ("", _period_text(asked.question), True))
    teams = [(str(key), name) for key, name in names.teams.items() if key in offered.teams]
    selects = [
        Filter(
            "clock", "Clock", _options([("company", "Company"), ("owner", "Owner")], asked.question.clock, "")
        ),
        Filter("tier", "Tier", _options(offered.tiers.items(), query.get("tier", ""))),
        Filter("source", "Source", _options(_named(offered.sources), query.get("source", ""))),
    ]
    if not asked.own:
        selects.insert(1, Filter("team", "Team", _options(teams, query.get("team", ""))))
    hidden = [(name, query[name]) for name in ("by", "rep", "campaign", "breaches") if query.get(name)]
    if not chosen:
        hidden += [(name, query[name]) for name in ("from", "to") if query.get(name)]
    return {"periods": periods, "selects": selects, "hidden": hidden, "set": _chips(asked, names)}


def _named(sources: Iterable[str]) -> list[tuple[str, str]]:
    return [(source or params.NONE, source or "No source given") for source in sources]


def _options(
    pairs: Iterable[tuple[str, str]], chosen: str, everything: str = "All"
) -> list[tuple[str, str, bool]]:
    found = [(value, text, value == chosen) for value, text in pairs]
    if chosen and not any(mark for *_, mark in found):
        found.append((chosen, "None in this period", True))
    return [("", everything, not chosen), *found] if everything else found


def _chips(asked: Asked, names: selectors.Names) -> list[dict[str, str]]:
    """Filters that a link set and no select shows, each with the address without it."""
    chips = []
    if asked.query.get("rep") and not asked.own:
        name = names.of("rep", asked.question.member)[0]
        chips.append({"text": f"Rep: {name}", "url": asked.link("compliance", rep=None)})
    if asked.query.get("campaign"):
        name = asked.question.campaign or "none given"
        chips.append({"text": f"Campaign: {name}", "url": asked.link("compliance", campaign=None)})
    return chips


def _breaches(asked: Asked, rows: list[TargetFact], names: selectors.Names) -> list[dict[str, Any]]:
    stories = selectors.stories(rows, names=names)
    found = Timer.objects.select_related("handoff__lead").filter(id__in=[row.id for row in rows])
    timers = {timer.id: timer for timer in found}
    shown = []
    for row in rows:
        timer = timers.get(row.id)
        if timer is None:  # erased a moment ago
            continue
        reading = clocks.read(timer, now=asked.now)
        lead = timer.handoff.lead
        shown.append(
            {
                "lead": lead,
                "url": reverse("handoff:lead", args=[lead.id]),
                "target": words.TARGETS.get(row.target, row.target),
                "status": reading.status.value,
                "seconds": reading.seconds,
                "running": reading.running,
                "next_change": reading.next_change,
                "rep": names.of("rep", row.member_id)[0],
                "tier": row.tier_name or selectors.humanise(row.tier),
                "source": row.source or DASH,
                "due_at": row.due_at,
                "story": stories[row.id],
                "reassign": reverse("handoff:reassign", args=[lead.id])
                if reading.is_open and asked.may_reassign
                else "",
            }
        )
    return shown


@require_safe
@member_required()
def compliance_csv(request: HttpRequest) -> HttpResponse:
    """GET /compliance.csv: the table of the page, one line a group, with bases and what was left out."""
    asked = _asked(request)
    names = selectors.load_names(selectors.choices(asked.question).tiers)
    groups = selectors.report(asked.question, asked.by, now=asked.now, names=names).groups
    head = [selectors.SPLITS[asked.by][1]]
    for title in TARGETS.values():
        head += [
            f"{title}: on time",
            f"{title}: late",
            f"{title}: base",
            f"{title}: rate %",
            f"{title}: not due yet",
            f"{title}: called off",
            f"{title}: answered",
            f"{title}: median working seconds",
            f"{title}: p90 working seconds",
        ]
    lines = [
        [group.name, *(cell for target in TARGETS for cell in _cells(group.rates[target]))]
        for group in groups
    ]
    return csv_response(_file_name(asked, f"compliance-by-{asked.by}"), head, lines)


def _cells(rate: Rate) -> list[Any]:
    return [
        rate.kept,
        rate.broken,
        rate.base,
        rate.percent,
        rate.running,
        rate.called_off,
        rate.answered,
        rate.median,
        rate.p90,
    ]


def _file_name(asked: Asked, what: str) -> str:
    return f"{what}-{asked.question.first}-to-{asked.question.last}.csv"


# --- The leads behind a number ---


_VERDICTS: Final = {"met": "on time", "missed": "late", "open": "not due yet", "cancelled": "called off"}
_ONLY: Final = {"answered": "answered", "overdue": "overdue and still open"}


def _behind(asked: Asked) -> tuple[Any, str]:
    """(clocks, words) of the number that the address names."""
    target = params.choice(asked.query, "target", ("", *TARGETS), "") or None
    verdict = params.choice(asked.query, "verdict", ("", *_VERDICTS), "")
    only = params.choice(asked.query, "only", ("", *_ONLY), "")
    overdue = only == "overdue"
    rows = selectors.clocks_behind(
        asked.question,
        now=asked.now,
        target=target,
        verdict=Verdict(verdict) if verdict else Verdict.BROKEN if overdue else None,
        answered=only == "answered",
        unanswered=overdue,
    )
    what = TARGETS[target] if target else "All targets"
    said = [each for each in (_VERDICTS.get(verdict, ""), _ONLY.get(only, "")) if each]
    return rows, f"{what}: {', '.join(said) or 'every clock'}"


@require_safe
@member_required()
def compliance_leads(request: HttpRequest) -> HttpResponse:
    """GET /compliance/leads: exactly the clocks that one number counts, with their leads."""
    asked = _asked(request)
    found, what = _behind(asked)
    page = page_of(found, cursor=asked.query.get("cursor", ""), size=PAGE_SIZE, order=("-started_at", "-id"))
    names = selectors.load_names()
    keep = {name: asked.query[name] for name in ("target", "verdict", "only") if asked.query.get(name)}
    back = dict.fromkeys(("rep", "campaign")) if not asked.query.get("by") else {}
    context = {
        "title": what,
        "asked": asked,
        "crumbs": [{"label": "Compliance", "url": asked.link("compliance", **back)}, {"label": "Leads"}],
        "count": found.count(),
        "period": _period_text(asked.question),
        "chosen": _chosen(asked, names),
        "rows": _breaches(asked, page.rows, names),
        "csv_url": asked.link("compliance_leads_csv", **keep),
        "next_url": next_url(request, page.next),
        "verdicts": _verdict_tabs(asked, keep),
    }
    return render(request, "reporting/leads.html", context)


def _verdict_tabs(asked: Asked, keep: Mapping[str, str]) -> list[dict[str, Any]]:
    target = keep.get("target")
    current = "" if keep.get("only") else keep.get("verdict", "")
    words_of = {
        "": "All",
        "met": "On time",
        "missed": "Late",
        "open": "Not due yet",
        "cancelled": "Called off",
    }
    return [
        {
            "label": label,
            "url": asked.link("compliance_leads", target=target, verdict=verdict or None),
            "current": verdict == current and not keep.get("only"),
        }
        for verdict, label in words_of.items()
    ]


def _chosen(asked: Asked, names: selectors.Names) -> list[str]:
    """The filters in force, in words."""
    question = asked.question
    found = [f"{question.clock.capitalize()} clock"]
    if asked.query.get("rep"):
        found.append(f"Rep: {names.of('rep', question.member)[0]}")
    if asked.query.get("team"):
        found.append(f"Team: {names.of('team', question.team)[0]}")
    for name in ("source", "campaign", "tier"):
        value = getattr(question, name)
        if value is not None:
            found.append(f"{name.capitalize()}: {names.of(name, value)[0]}")
    return found


@require_safe
@member_required()
def compliance_leads_csv(request: HttpRequest) -> HttpResponse:
    """GET /compliance/leads.csv: the same clocks as a file."""
    asked = _asked(request)
    found, _ = _behind(asked)
    names = selectors.load_names()
    head = ["Lead", "E-mail", "Company", "Target", "Clock", "Verdict", "Rep", "Tier", "Source", "Campaign"]
    head += ["Started", "Due", "Answered", "Working seconds"]
    lines = []
    for row in found.select_related("handoff__lead").order_by("-started_at", "-id")[:MOST_LINES]:
        lead = row.handoff.lead
        late = row.verdict == "missed" or (row.verdict == "open" and row.due_at < asked.now)
        verdict = "late" if late else _VERDICTS.get(row.verdict, "not due yet")
        lines.append(
            [
                lead.full_name,
                lead.email,
                lead.company_name,
                words.TARGETS.get(row.target, row.target),
                row.clock,
                verdict,
                names.of("rep", row.member_id)[0],
                row.tier_name or row.tier,
                row.source,
                row.campaign,
                *(at.astimezone(asked.question.zone).isoformat() if at else "" for at in _moments(row)),
                row.business_seconds if row.met_at else None,
            ]
        )
    return csv_response(_file_name(asked, "compliance-leads"), head, lines)


def _moments(row: TargetFact) -> tuple[datetime | None, datetime | None, datetime | None]:
    return row.started_at, row.due_at, row.met_at


# --- Volume and history ---

_VOLUME_BY: Final = {"source": "Source", "month": "Month", "owner": "Owner"}


def _volume_question(request: HttpRequest) -> tuple[Asked, str]:
    query = {name: value for name, value in request.GET.items() if isinstance(value, str)}
    if not any(query.get(name) for name in ("period", "from", "to")):
        query["period"] = "365d"
    if query.get("owner"):
        query["rep"] = query["owner"]
    now = database_clock()
    question = params.question_for_page(query, tenant=request.tenant, member=request.member, now=now)  # type: ignore[attr-defined]
    own = request.member.role == Role.REP  # type: ignore[attr-defined]
    query.pop("rep", None)
    by = params.choice(query, "by", tuple(_VOLUME_BY), "source")
    query.pop("by", None)
    return Asked(query, question, by, now, own), by


def _volume_link(asked: Asked, view: str, **changes: str | None) -> str:
    link = asked.link(view, **changes)
    owner = asked.query.get("owner")
    if owner and "owner" not in changes:
        link += f"{'&' if '?' in link else '?'}{urlencode({'owner': owner})}"
    return link


@require_safe
@member_required()
def volume(request: HttpRequest) -> HttpResponse:
    """GET /volume: how many leads were handed over and how many were won, by source, month and owner."""
    asked, by = _volume_question(request)
    names = selectors.load_names()
    rows = selectors.volume(asked.question, by, names=names)
    most = max((row.mqls for row in rows), default=0)
    chosen = params.period_name(asked.query)
    periods = [(value, text, value == chosen) for value, text in params.PERIOD_NAMES.items()]
    if not chosen:
        periods.insert(0, ("", _period_text(asked.question), True))
    context = {
        "asked": asked,
        "crumbs": [{"label": "Insight"}, {"label": "Volume"}],
        "period": _period_text(asked.question),
        "periods": periods,
        "hidden": [
            (name, asked.query[name])
            for name in ("source", "owner", *(() if chosen else ("from", "to")))
            if asked.query.get(name)
        ]
        + [("by", by)],
        "tabs": [
            {"label": f"By {each}", "url": _volume_link(asked, "volume", by=each), "current": each == by}
            for each in _VOLUME_BY
        ],
        "head": _VOLUME_BY[by],
        "rows": [_volume_row(asked, by, row, most) for row in rows],
        "mqls": sum(row.mqls for row in rows),
        "won": sum(row.won for row in rows),
        "csv_url": _volume_link(asked, "volume_csv", by=by),
    }
    return render(request, "reporting/volume.html", context)


def _volume_row(asked: Asked, by: str, row: selectors.Volume, most: int) -> dict[str, Any]:
    if by == "month" and isinstance(row.key, date):
        after = date(row.key.year + row.key.month // 12, row.key.month % 12 + 1, 1)
        first, last = (
            max(row.key, asked.question.first),
            min(date.fromordinal(after.toordinal() - 1), asked.question.last),
        )
        changes: dict[str, str | None] = {"period": None, "from": first.isoformat(), "to": last.isoformat()}
    else:
        changes = {by: params.NONE if row.key in (None, "") else str(row.key)}
    return {
        "name": row.name,
        "mqls": row.mqls,
        "won": row.won,
        "share": row.mqls / most * 100 if most else 0,
        "mqls_url": _volume_link(asked, "volume_leads", **changes),
        "won_url": _volume_link(asked, "volume_leads", won="1", **changes),
    }


@require_safe
@member_required()
def volume_csv(request: HttpRequest) -> HttpResponse:
    """GET /volume.csv: the table of the page."""
    asked, by = _volume_question(request)
    rows = selectors.volume(asked.question, by, names=selectors.load_names())
    lines = [[row.name, row.mqls, row.won] for row in rows]
    return csv_response(_file_name(asked, f"volume-by-{by}"), [_VOLUME_BY[by], "MQLs", "Won"], lines)


@require_safe
@member_required()
def volume_leads(request: HttpRequest) -> HttpResponse:
    """GET /volume/leads: the leads behind a number of the volume page."""
    asked, _ = _volume_question(request)
    won = params.choice(asked.query, "won", ("", "1"), "") == "1"
    found = selectors.leads_behind(asked.question, won=won)
    order = ("-closed_at", "-id") if won else ("-started_at", "-id")
    page = page_of(found, cursor=asked.query.get("cursor", ""), size=PAGE_SIZE, order=order)
    names = selectors.load_names()
    context = {
        "title": "Won leads" if won else "MQLs",
        "crumbs": [{"label": "Volume", "url": address({}, "volume")}, {"label": "Leads"}],
        "count": found.count(),
        "period": _period_text(asked.question),
        "chosen": [each for each in _chosen_volume(asked, names) if each],
        "rows": page.rows,
        "next_url": next_url(request, page.next),
    }
    return render(request, "reporting/volume_leads.html", context)


def _chosen_volume(asked: Asked, names: selectors.Names) -> list[str]:
    question, found = asked.question, []
    if question.source is not None:
        found.append(f"Source: {question.source or 'none given'}")
    if asked.query.get("owner"):
        found.append(f"Owner: {names.of('rep', question.member)[0]}")
    return found
