"""Where the money leaks: the ranked findings, the leads behind each, and what the finder goes by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from itertools import chain
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from core.errors import ValidationFailed
from leads.models import Lead
from reporting import params, selectors
from reporting.lately import Lately, count_lately
from reporting.leaks.finder.facts import Terms
from reporting.leaks.finder.findings import Finding, Page
from reporting.leaks.finder.registry import FALSE_ALARMS, Leaks
from reporting.leaks.kept import leaks_lately
from reporting.leaks.rows import BEHIND, behind
from reporting.leaks.settings import LIMITS, LeakTerms, leak_terms, set_leak_terms
from reporting.models import HandoffFact
from reporting.views.asked import Asked, file_name, period_text, periods_of
from reporting.views.clocks import MOST_LINES, PAGE_SIZE
from tenants.audit import member_actor
from tenants.auth import member_required
from tenants.clock import database_clock
from tenants.models import Role
from tenants.numbers import IntegerField
from tenants.requests import TenantRequest, moment_given
from web.pagination import next_url, page_of
from web.table_files import CHUNK, cut_at, in_chunks, table_file
from web.templatetags.sp import DASH

#: Who reads it; an admin always.
READERS: Final = (Role.MANAGER, Role.MARKETING, Role.EXECUTIVE)
#: The page of each fix, and who may open it beside an admin.
_PAGES: Final[Mapping[Page, tuple[str, tuple[Role, ...]]]] = {
    Page.TIERS: ("sla:policy", READERS),
    Page.CRITERIA: ("leads:criteria", (Role.MARKETING, Role.MANAGER)),
    Page.SQL_BAR: ("leads:sql_bar", (Role.MARKETING, Role.MANAGER)),
    Page.REQUIREMENTS: ("handoff:handover", (Role.MARKETING, Role.MANAGER)),
    Page.ROUTING: ("routing:rules", READERS),
    Page.CALENDARS: ("sla:calendars", READERS),
    Page.CAMPAIGNS: ("reporting:volume", READERS),
    Page.BOARD: ("handoff:board", (Role.MANAGER,)),
    Page.REPS: ("reporting:fairness", (Role.MANAGER,)),
    Page.STALE: ("handoff:stale", (Role.MANAGER,)),
}
_ICONS: Final = {
    "Speed": "clock",
    "Qualification": "filter",
    "Persistence": "phone",
    "Routing": "route",
    "Discipline": "scale",
    "Data": "note",
    "Pipeline": "hourglass",
}
DEFAULT_PERIOD: Final = "90d"
_SHOWN_ELSEWHERE: Final = 5  # findings on other pages


class LeakTermsForm(forms.Form):
    """What the finder goes by."""

    sql_percent = IntegerField(label="MQL to SQL leaks below, in per cent")
    wrong_owner_percent = IntegerField(label="Leads refused as somebody else's leak above, in per cent")
    cohort_days = IntegerField(
        label="Days for which each lead is followed", help_text="Younger leads have no conversion yet."
    )
    enough_attempts = IntegerField(label="Attempts that are enough")
    fast_minutes = IntegerField(
        label="Working minutes within which a first touch is fast",
        required=False,
        help_text="Empty: within the target of the lead's tier.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, (least, most) in LIMITS.items():
            field = self.fields[name]
            if isinstance(field, forms.IntegerField):
                field.widget.attrs |= {"min": least, "max": most}


def asked_of(request: TenantRequest) -> Asked:
    """What an address asks: a period, the last 90 days unless said otherwise, and filters."""
    query = {name: value for name, value in request.GET.items() if isinstance(value, str)}
    if not any(query.get(name) for name in ("period", "from", "to")):
        query["period"] = DEFAULT_PERIOD
    now = moment_given(request) or database_clock()
    question = params.question_for_page(query, tenant=request.tenant, member=request.member, now=now)
    return Asked(query, question, "source", now, False)


def headline(request: TenantRequest) -> tuple[Finding, ...]:
    """The findings of the page, for a mail."""
    asked = asked_of(request)
    return leaks_lately(asked.question, asked.now, chosen=leak_terms()).value.findings


def card(asked: Asked, role: Role | str) -> dict[str, Any]:
    """The card "Where the money leaks", for reporting/_leaks.html, on this page and on others."""
    chosen = leak_terms()
    return _card(asked, leaks_lately(asked.question, asked.now, chosen=chosen), chosen, role)


def _card(asked: Asked, kept: Lately[Leaks], chosen: LeakTerms, role: Role | str) -> dict[str, Any]:
    leaks = kept.value
    return {
        "as_of": kept.before(asked.now),
        "findings": [_shown(asked, finding, role) for finding in leaks.findings],
        "leads": leaks.leads,
        "followed": leaks.followed,
        "sources": leaks.sources,
        "cohort_days": chosen.cohort_days,
        "tests": leaks.tests,
        "false_percent": round(100 * FALSE_ALARMS),
        "looked": leaks.looked,
        "period": period_text(asked.question),
        "ahead": asked.ahead,
        "days": asked.question.days,
        "url": asked.link("leaks"),
    }


def _shown(asked: Asked, finding: Finding, role: Role | str) -> dict[str, Any]:
    size = finding.size
    view, readers = _PAGES[finding.fix.page]
    return {
        "kind": finding.kind,
        "title": finding.title,
        "evidence": finding.evidence,
        "method": finding.method,
        "size": round(size.opportunities),
        "low": int(size.low),
        "high": max(round(size.opportunities), -int(-size.high // 1)),
        "tag": finding.tag.value,
        "icon": _ICONS[finding.tag.value],
        "chance": _chance(finding.p),
        "fix": finding.fix.words,
        "fix_url": reverse(view) if role in (*readers, Role.ADMIN) else "",
        "leads": finding.leads,
        "leads_url": asked.link("leak_leads", **dict(finding.behind)),
    }


def _chance(p: float) -> str:
    """How seldom chance alone shows as much, in words."""
    for times in (1_000_000, 10_000, 1_000, 100, 20):
        if p * times <= 1:
            return f"in fewer than one of {times:,} looks"
    return f"in {100 * p:.0f} of 100 looks"


@require_safe
@member_required(*READERS)
def leaks(request: TenantRequest) -> HttpResponse:
    """GET /leaks: what loses most opportunities, ranked, with the evidence and where it is mended."""
    return _page(request)


@require_safe
@member_required(*READERS)
def leaks_card(request: TenantRequest) -> HttpResponse:
    """GET /leaks/card: the ranked findings alone, as the page of the funnel shows them."""
    leaks = card(asked_of(request), request.member.role)
    shown = leaks | {"findings": leaks["findings"][:_SHOWN_ELSEWHERE]}
    return render(request, "reporting/_leaks.html", {"leaks": shown, "css": "sp-c12", "brief": True})


def _page(request: TenantRequest, form: LeakTermsForm | None = None) -> HttpResponse:
    asked = asked_of(request)
    chosen = leak_terms()
    kept = leaks_lately(asked.question, asked.now, chosen=chosen)
    if form is None and request.member.role == Role.ADMIN:
        form = LeakTermsForm(initial=asdict(chosen))
    context = {
        "asked": asked,
        "crumbs": [
            {"label": "Insight"},
            {"label": "Funnel & leaks", "url": asked.link("funnel")},
            {"label": "Leaks"},
        ],
        "leaks": _card(asked, kept, chosen, request.member.role),
        "filters": _filters(asked, kept.value),
        "csv_url": asked.link("leaks_csv"),
        "form": form,
        "terms": chosen,
    }
    status = 422 if form is not None and form.errors else 200
    return render(request, "reporting/leaks.html", context, status=status)


def _filters(asked: Asked, found: Leaks) -> dict[str, Any]:
    chosen = params.period_name(asked.query)
    periods = periods_of(asked.query, asked.question)
    teams = [(str(key), name) for key, name in selectors.load_names().teams.items()]
    sources = [(source or params.NONE, source or "No source given") for source in found.sources]
    query = asked.query
    hidden = [(name, asked.query[name]) for name in ("rep", "campaign", "tier") if asked.query.get(name)]
    if not chosen:
        hidden += [(name, asked.query[name]) for name in ("from", "to") if asked.query.get(name)]
    return {
        "periods": periods,
        "selects": [
            {"name": "team", "label": "Team", "options": _options(teams, query.get("team", ""))},
            {
                "name": "source",
                "label": "Source",
                "options": _options(sources, query.get("source", "")),
            },
        ],
        "hidden": hidden,
    }


def _options(pairs: list[tuple[str, str]], chosen: str) -> list[tuple[str, str, bool]]:
    found = [(value, text, value == chosen) for value, text in pairs]
    if chosen and not any(mark for *_, mark in found):
        found.append((chosen, "None in this period", True))
    return [("", "All", not chosen), *found]


@require_safe
@member_required(*READERS)
def leaks_file(request: TenantRequest) -> HttpResponse:
    """GET /leaks.csv, .xlsx: the findings as a file."""
    asked = asked_of(request)
    head = [
        "Rank",
        "Leak",
        "Kind",
        "Opportunities lost",
        "At least",
        "At most",
        "Leads",
        "Evidence",
        "How the size is worked out",
    ]
    kept = leaks_lately(asked.question, asked.now, chosen=leak_terms())
    lines = [
        [
            rank,
            each.title,
            each.tag.value,
            round(each.size.opportunities, 1),
            round(each.size.low, 1),
            round(each.size.high, 1),
            each.leads,
            each.evidence,
            each.method,
        ]
        for rank, each in enumerate(kept.value.findings, start=1)
    ]
    return table_file(request, file_name(asked, "leaks"), head, lines)


@require_POST
@member_required(Role.ADMIN)
def settings(request: TenantRequest) -> HttpResponse:
    """POST /leaks/settings: what the finder goes by, from now on and for every period."""
    form = LeakTermsForm(request.POST)
    if form.is_valid():
        try:
            set_leak_terms(
                LeakTerms(**form.cleaned_data), actor=member_actor(request.member), now=database_clock()
            )
        except ValidationFailed as refusal:
            for error in refusal.field_errors:
                form.add_error(error.path.lstrip("/"), error.message)
        else:
            messages.success(request, "Saved. Every period is looked at by these from now on.")
            return redirect("reporting:leaks")
    return _page(request, form)


# --- The leads behind a finding ----------------------------------------------------------------------------


def _asked_leads(request: TenantRequest) -> tuple[Asked, Any, dict[str, str], Terms]:
    asked = asked_of(request)
    chosen = {name: asked.query[name] for name in BEHIND if asked.query.get(name)}
    terms = leak_terms().terms
    return asked, behind(asked.question, chosen, terms=terms, now=asked.now), chosen, terms


@require_safe
@member_required(*READERS)
def leak_leads(request: TenantRequest) -> HttpResponse:
    """GET /leaks/leads: exactly the leads that a finding counts."""
    asked, found, chosen, terms = _asked_leads(request)
    question = asked.question
    count = count_lately("leaks", (question, chosen, terms), found, now=asked.now, seen_by=question.seen_by)
    page = page_of(found, cursor=asked.query.get("cursor", ""), size=PAGE_SIZE, order=("-started_at", "-id"))
    names = selectors.load_names()
    context = {
        "crumbs": [{"label": "Leaks", "url": asked.link("leaks")}, {"label": "Leads"}],
        "count": count.value,
        "as_of": count.before(asked.now),
        "period": period_text(question),
        "chosen": _words(asked, chosen, names),
        "rows": _rows(page.rows, names),
        "csv_url": asked.link("leak_leads_csv", **chosen),
        "next_url": next_url(request, page.next),
    }
    return render(request, "reporting/leak_leads.html", context)


@require_safe
@member_required(*READERS)
def leak_leads_file(request: TenantRequest) -> HttpResponse:
    """GET /leaks/leads.csv, .xlsx: the same as a file."""
    asked, found, _, _ = _asked_leads(request)
    head = ["Lead", "Company", "MQL", "Source", "Owner", "First touch", "Attempts", "Answer", "Reason"]
    rows = found.order_by("-started_at", "-id")[: MOST_LINES + 1].iterator(chunk_size=CHUNK)
    lines = cut_at(_lines(rows, selectors.load_names()), MOST_LINES)
    return table_file(request, file_name(asked, "leak-leads"), head, lines)


def _lines(rows: Iterable[HandoffFact], names: selectors.Names) -> Iterator[list[Any]]:
    for row in chain.from_iterable(_rows(chunk, names) for chunk in in_chunks(rows)):
        fact = row["fact"]
        yield [
            row["lead"].full_name,
            row["lead"].company_name,
            fact.started_at.isoformat(),
            fact.source,
            row["owner"],
            fact.first_touch_at.isoformat() if fact.first_touch_at else "",
            fact.touches,
            fact.decision,
            fact.reason,
        ]


def _rows(rows: list[HandoffFact], names: selectors.Names) -> list[dict[str, Any]]:
    read = Lead.objects.only("first_name", "last_name", "email", "company_name")
    leads = read.in_bulk([row.lead_id for row in rows])
    return [
        {
            "fact": row,
            "lead": leads[row.lead_id],
            "owner": names.of("rep", row.member_id)[0],
            "answer": _ANSWERS.get(row.decision, DASH),
            "reason": selectors.humanise(row.reason) if row.reason else "",
        }
        for row in rows
        if row.lead_id in leads  # else it was erased a moment ago
    ]


_ANSWERS: Final = {"accepted": "Accepted", "rejected": "Rejected", "nurture": "Nurture"}
_TOUCHES: Final = {
    "slow": "touched late or never",
    "late": "touched after the target, or never",
    "never": "never touched",
    "due": "first touch was due",
}


def _words(asked: Asked, chosen: Mapping[str, str], names: selectors.Names) -> list[str]:
    """What the list is limited to."""
    words = []
    if asked.question.source is not None:
        words.append(f"source: {asked.question.source or 'none given'}")
    if asked.question.member is not None:
        words.append(f"owner: {names.of('rep', asked.question.member)[0]}")
    if asked.question.team is not None:
        words.append(f"team: {names.of('team', asked.question.team)[0]}")
    stage, over = chosen.get("stage", "").upper(), chosen.get("over", "0")
    said = {
        "touch": _TOUCHES.get(chosen.get("touch", "")),
        "attempts": f"{chosen.get('attempts')} attempts",
        "moved": "refused as somebody else's",
        "answer": f"{chosen.get('answer')} by sales",
        "reason": f"reason: {selectors.humanise(chosen.get('reason', ''))}",
        "lacks": f"without {chosen.get('lacks', '').replace('.', ' ').replace('_', ' ')}",
        "hours": "at the hours of the finding",
        "reps": f"of {len(chosen.get('reps', '').split(','))} reps",
        "stage": f"standing as {stage} for more than {over} days",
    }
    return [*words, *(text for name, text in said.items() if chosen.get(name) and text)]
