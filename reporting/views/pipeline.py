"""Pipeline and revenue under a named rule of attribution, and the settings that they hang on."""

from __future__ import annotations

from datetime import date
from typing import Any, Final
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from handoff.opportunity_form import currency_field
from reporting import params
from reporting.outcomes import pipeline as deals
from reporting.outcomes.settings import RULES, Attribution, attribution, set_money
from reporting.selectors.questions import INBOUND, KINDS, OUTBOUND
from reporting.views.asked import Asked, file_name, period_text, periods_of
from reporting.views.clocks import MOST_LINES
from reporting.views.filters import kind_filter
from reporting.views.handoffs import HandoffAsked, handoffs_asked
from tenants.audit import member_actor
from tenants.auth import member_required
from tenants.clock import database_clock
from tenants.models import Role
from tenants.refusals import status_of
from tenants.requests import TenantRequest
from web.table_files import cut_at, table_file

READERS: Final = (Role.MANAGER, Role.MARKETING, Role.EXECUTIVE)
#: Rows of a list on a page; its file has all.
SHOWN: Final = 200
_LABELS: Final = {"source": "Source", "campaign": "Campaign"}


def rule_of(query: dict[str, str]) -> str:
    """The rule that an address asks for, else the organisation's. Raises ValidationFailed."""
    return params.choice(query, "rule", tuple(RULES), "") if query.get("rule") else attribution()


def rule_words(rule: str) -> str:
    """ "Handoff: the source ... of the handoff"."""
    return f"{Attribution(rule).label}: {RULES[rule]}"


def _asked(request: TenantRequest) -> tuple[HandoffAsked, str]:
    given = handoffs_asked(request, deals.SPLITS)
    return given, rule_of(given.asked.query)


@require_safe
@member_required(*READERS)
def pipeline(request: TenantRequest) -> HttpResponse:
    """GET /pipeline: what is open by month of closing, pipeline and revenue by source and campaign, and the
    forecasts against what came."""
    given, rule = _asked(request)
    asked, currency = given.asked, request.tenant.currency
    kept = deals.pipeline_lately(given.question, rule=rule, by=asked.by, currency=currency, now=asked.now)
    found, whole = kept.value, kept.value.whole
    outbound = deals.outbound_deals_lately(given.question, among=found.deals, now=asked.now)
    context = {
        "asked": asked,
        "title": "Pipeline and revenue",
        "crumbs": [{"label": "Insight"}, {"label": "Pipeline"}],
        "period": period_text(given.question),
        "periods": periods_of(asked.query, given.question),
        "selects": kind_filter(asked, outbound),
        "kind_note": _kind_note(given.question.kind, outbound),
        "hidden": [(name, asked.query[name]) for name in ("by", "rule") if asked.query.get(name)],
        "csv_url": asked.link("pipeline_csv", by=asked.by),
        "as_of": kept.before(asked.now),
        "currency": currency,
        "rule": Attribution(rule).label,
        "rule_words": rule_words(rule),
        "rules": [
            {
                "label": each.label,
                "url": asked.link("pipeline", rule=each.value),
                "current": each.value == rule,
            }
            for each in Attribution
        ],
        "is_usual": rule == attribution(),
        "may_set": request.member.role == Role.ADMIN,
        "empty": not found.deals,
        "cells": _cells(asked, whole),
        "months": [
            {
                "label": f"{month:%b %Y}" if month else "No close date",
                "late": month is not None and month < given.asked.now.date().replace(day=1),
                "cell": _cell(asked, one, "open", month=month_text(month)),
            }
            for month, one in found.months
        ],
        "tabs": [
            {
                "label": _LABELS[by],
                "url": asked.link("pipeline", by=by) + "#split",
                "current": by == asked.by,
            }
            for by in deals.SPLITS
        ],
        "head": _LABELS[asked.by],
        "rows": [
            {
                "name": each.name or f"No {asked.by} given",
                "cells": _cells(asked, each, **{asked.by: each.name or params.NONE}),
            }
            for each in found.groups
        ],
        "others": found.others,
        "forecast": found.forecast,
        "slip": {
            "median": _slip(found.forecast.median_slip_days),
            "p90": _slip(found.forecast.p90_slip_days),
        },
        "forecast_url": _list(asked, state="closed"),
    }
    return render(request, "reporting/pipeline.html", context)


def _kind_note(kind: str, outbound: int) -> str:
    """What of the deals of outbound meetings is, or is not, in the sums; "" where there are none."""
    number = f"{outbound:,} deal{'' if outbound == 1 else 's'} of outbound meetings"
    if kind == INBOUND:
        return f"{number} left out." if outbound else ""
    return f"Only the {number}." if kind == OUTBOUND else f"{number} among them."


def _slip(days: int | None) -> str:
    """ "12 days earlier": a bare minus is read as a mistake."""
    if not days:
        return "" if days is None else "on the day"
    return f"{abs(days):,} day{'' if abs(days) == 1 else 's'} {'later' if days > 0 else 'earlier'}"


def month_text(month: date | None) -> str:
    return f"{month:%Y-%m}" if month else deals.NO_MONTH


def _list(asked: Asked, **changes: str) -> str:
    """The address of the deals behind a number; what only the list knows goes after the rest."""
    own = {name: changes.pop(name) for name in ("state", "month", "left_out") if changes.get(name)}
    address = asked.link("pipeline_deals", **{"by": None, **changes})
    return f"{address}{'&' if '?' in address else '?'}{urlencode(own)}"


def _cell(asked: Asked, one: deals.Sum, state: str, **changes: str) -> dict[str, Any]:
    return {
        "sum": one,
        "url": _list(asked, state=state, **changes),
        "no_amount_url": _list(asked, state=state, left_out="no_amount", **changes),
        "other_url": _list(asked, state=state, left_out="other_currency", **changes),
    }


def _cells(asked: Asked, worth: deals.Worth, **changes: str) -> list[dict[str, Any]]:
    sums = (("open", worth.open), ("won", worth.won), ("lost", worth.lost))
    return [_cell(asked, one, state, **changes) for state, one in sums]


@require_safe
@member_required(*READERS)
def pipeline_file(request: TenantRequest) -> HttpResponse:
    """GET /pipeline.csv, .xlsx: the split of the page, with what every sum leaves out."""
    given, rule = _asked(request)
    currency = request.tenant.currency
    found = deals.pipeline(given.question, rule=rule, by=given.asked.by, currency=currency)
    head = [_LABELS[given.asked.by], "Attribution"]
    for state in ("Open", "Won", "Lost"):
        head += [state, f"{state} amount {currency}", f"{state} without amount", f"{state} in other currency"]
    every = [*found.groups, *([found.others] if found.others else []), found.whole]
    lines = [[each.name, Attribution(rule).label, *_numbers(each)] for each in every]
    return table_file(request, file_name(given.asked, f"pipeline-by-{given.asked.by}"), head, lines)


def _numbers(worth: deals.Worth) -> list[Any]:
    found: list[Any] = []
    for one in (worth.open, worth.won, worth.lost):
        found += [one.deals, one.amount if one.counted else None, one.no_amount, one.other_currency]
    return found


def _behind(request: TenantRequest, most: int) -> tuple[Asked, list[deals.Deal], list[str]]:
    given, rule = _asked(request)
    query = given.asked.query
    state = params.choice(query, "state", tuple(deals.LISTED), "open")
    left_out = params.choice(query, "left_out", deals.LEFT_OUT, "")
    month = query.get("month", "")[:7] or None
    found = deals.deals_behind(
        given.question,
        rule=rule,
        currency=request.tenant.currency,
        state=state,
        month=month,
        left_out=left_out,
        most=most,
    )
    said = [deals.LISTED[state]]
    if month:
        said.append("no close date" if month == deals.NO_MONTH else f"closing in {month}")
    for label, value in (("source", given.question.source), ("campaign", given.question.campaign)):
        if value is not None:
            said.append(f"{label}: {value or 'none given'}, {Attribution(rule).label.lower()} attribution")
    if left_out:
        said.append("without an amount" if left_out == "no_amount" else "in another currency")
    if given.question.kind != INBOUND:
        said.append(f"{KINDS[given.question.kind].lower()} handoffs")
    if state != "open":
        said.append(f"closed {period_text(given.question)}")
    return given.asked, found, said


@require_safe
@member_required(*READERS)
def pipeline_deals(request: TenantRequest) -> HttpResponse:
    """GET /pipeline/deals: the deals that a number counts, with their leads."""
    asked, found, said = _behind(request, SHOWN + 1)
    context = {
        "title": said[0],
        "said": said[1:],
        "crumbs": [
            {"label": "Insight"},
            {"label": "Pipeline", "url": asked.link("pipeline", source=None, campaign=None)},
            {"label": "Deals"},
        ],
        "rows": found[:SHOWN],
        "more": len(found) > SHOWN,
        "shown": SHOWN,
        "csv_url": f"{reverse('reporting:pipeline_deals_csv')}?{request.GET.urlencode()}",
    }
    return render(request, "reporting/pipeline_deals.html", context)


@require_safe
@member_required(*READERS)
def pipeline_deals_file(request: TenantRequest) -> HttpResponse:
    """GET /pipeline/deals.csv, .xlsx: the same as a file."""
    asked, found, _ = _behind(request, MOST_LINES + 1)
    head = ["Lead", "Company", "Deal", "State", "Amount", "Currency", "First amount", "Close date"]
    head += ["First close date", "Source", "Campaign", "Counted"]
    lines = [
        [
            each.who,
            each.company,
            each.name,
            each.state,
            each.amount,
            each.currency,
            each.first_amount,
            each.close_date,
            each.first_close_date,
            each.source,
            each.campaign,
            "yes" if each.counts else "no",
        ]
        for each in found
    ]
    return table_file(request, file_name(asked, "deals"), head, cut_at(lines, MOST_LINES))


# --- Settings -----------------------------------------------------------------------------------------------


class MoneyForm(forms.Form):
    """The currency and the rule of attribution."""

    currency = currency_field("Currency of the organisation")
    attribution = forms.ChoiceField(
        label="Whose deal it is",
        choices=[(rule, f"{Attribution(rule).label}: {text}") for rule, text in RULES.items()],
        widget=forms.RadioSelect,
    )


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.ADMIN)
def money(request: TenantRequest) -> HttpResponse:
    """GET, POST /organisation/money: what amounts are told in, and to whom a deal belongs."""
    initial = {"currency": request.tenant.currency, "attribution": attribution()}
    form = MoneyForm(request.POST if request.method == "POST" else None, initial=initial)
    if request.method == "POST" and form.is_valid():
        set_money(
            tenant=request.tenant,
            currency=form.cleaned_data["currency"],
            rule=form.cleaned_data["attribution"],
            actor=member_actor(request.member),
            now=database_clock(),
        )
        messages.success(request, "Saved. Reports follow within a minute.")
        return redirect("reporting:pipeline")
    crumbs = [
        {"label": "Insight"},
        {"label": "Pipeline", "url": reverse("reporting:pipeline")},
        {"label": "Currency and attribution"},
    ]
    return render(request, "reporting/money.html", {"form": form, "crumbs": crumbs}, status=status_of(form))
