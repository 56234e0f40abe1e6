"""What reports about handoffs share: what their address asks, the filters, and the leads behind a number."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from handoff.words import lower_first
from leads.lifecycle import Stage
from leads.models import Lead
from reporting import params, selectors
from reporting.definitions import BAND_LABELS, LATER_STAGES, STAGES, furthest_of, reached_of
from reporting.measures import SEGMENTS
from reporting.models import HandoffFact
from reporting.views.asked import KEPT, Asked, file_name, period_text, periods_of
from reporting.views.clocks import MOST_LINES, PAGE_SIZE
from reporting.views.filters import Filter, kind_filter, tier_options
from tenants.auth import member_required
from tenants.clock import database_clock
from tenants.models import Role
from tenants.requests import TenantRequest, moment_given
from web.pagination import next_url, page_of
from web.table_files import CHUNK, cut_at, in_chunks, table_file

MOST_FIND: Final = 80  # characters of a search
_STAGE_LABELS: Final = {stage: Stage(stage).label for stage in STAGES}
#: How far a handoff came or how it ended, for a list; the last that holds is told.
_ENDS: Final = {"rejected": "Rejected", "nurture": "Nurture", "disqualified": "Disqualified", "lost": "Lost"}


@dataclass(frozen=True, slots=True)
class HandoffAsked:
    """What a request asks of handoffs. follow: days. cohort: the stage of the cohorts. find: text that the
    names of groups are to have."""

    asked: Asked
    follow: int | None
    cohort: str
    find: str

    @property
    def question(self) -> selectors.Question:
        return self.asked.question


def handoffs_asked(
    request: TenantRequest, splits: Collection[str], *, by: str = "source", period: str = "90d"
) -> HandoffAsked:
    """Read an address; the last 90 days unless another period is given. Raises ValidationFailed."""
    query = {name: value for name, value in request.GET.items() if isinstance(value, str)}
    if not any(query.get(name) for name in ("period", "from", "to")):
        query["period"] = period
    now = moment_given(request) or database_clock()
    question = params.question_for_page(query, tenant=request.tenant, member=request.member, now=now)
    own = request.member.role == Role.REP
    known = [each for each in splits if not (own and each in ("rep", "team"))]
    asked = Asked(query, question, params.choice(query, "by", tuple(known), by), now, own)
    return HandoffAsked(
        asked,
        follow=params.days_followed(query),
        cohort=params.choice(query, "cohort", LATER_STAGES, Stage.SQL.value),
        find=query.get("find", "").strip()[:MOST_FIND],
    )


def handoff_filters(
    asked: Asked, offered: selectors.HandoffChoices, names: selectors.Names, page: str
) -> dict[str, Any]:
    """What stands above the page: period, team, tier, source; and chips for what only a link can set."""
    query, chosen = asked.query, params.period_name(asked.query)
    periods = periods_of(query, asked.question)
    teams = [(str(key), name) for key, name in names.teams.items() if key in offered.teams]
    sources = [(each or params.NONE, each or "No source given") for each in offered.sources]
    selects = [
        Filter("tier", "Tier", _options(tier_options(offered.tiers), query.get("tier", ""))),
        Filter("source", "Source", _options(sources, query.get("source", ""))),
    ]
    if not asked.own:
        selects.insert(0, Filter("team", "Team", _options(teams, query.get("team", ""))))
    selects += kind_filter(asked, offered.outbound)
    kept = ("by", "rep", "campaign", "channel", "segment", "follow", "cohort")
    hidden = [(name, query[name]) for name in kept if query.get(name)]
    if not chosen:
        hidden += [(name, query[name]) for name in ("from", "to") if query.get(name)]
    return {"periods": periods, "selects": selects, "hidden": hidden, "set": _chips(asked, names, page)}


def _options(pairs: Sequence[tuple[str, str]], chosen: str) -> list[tuple[str, str, bool]]:
    found = [(value, text, value == chosen) for value, text in pairs]
    if chosen and not any(mark for *_, mark in found):
        found.append((chosen, "None in this period" if _is_id(chosen) else chosen, True))
    return [("", "All", not chosen), *found]


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _chips(asked: Asked, names: selectors.Names, page: str) -> list[dict[str, str]]:
    question = asked.question
    said = {
        "rep": "" if asked.own else names.of("rep", question.member)[0],
        "campaign": question.campaign or "none given",
        "channel": question.channel or "none given",
        "segment": names.of("segment", question.segment)[0],
    }
    labels = {"rep": "Rep", "campaign": "Campaign", "channel": "Channel", "segment": "Company size"}
    return [
        {"text": f"{labels[name]}: {said[name]}", "url": asked.link(page, **{name: None})}
        for name in labels
        if asked.query.get(name) and said[name]
    ]


def find_fields(asked: Asked) -> list[tuple[str, str]]:
    """What a search among the groups keeps of the address."""
    return [(name, asked.query[name]) for name in KEPT if asked.query.get(name)]


def group_change(by: str, key: Any) -> dict[str, str | None]:
    """What an address changes for one row of a split."""
    return {by: params.NONE if key in (None, "") else str(key), "by": None}


# --- The leads behind a number ------------------------------------------------------------------------------


def _behind(request: TenantRequest) -> tuple[HandoffAsked, params.NumberAsked, list[str]]:
    given = handoffs_asked(request, selectors.HANDOFF_SPLITS)
    number = params.number_asked(given.asked.query)
    said = [selectors.LISTED[number.stage]]
    if number.before:
        label = _STAGE_LABELS[number.before]
        said.append(f"not yet {label}" if number.before == "sal" else f"not {label}")
    if number.weeks:
        said.append(f"within {number.weeks} week{'' if number.weeks == 1 else 's'} of MQL")
    elif number.follow is not None and number.stage in STAGES:
        said.append(f"followed for {number.follow} days")
    if number.response:
        said.append(f"first touch: {lower_first(BAND_LABELS[number.response])}")
    if number.reason is not None:
        said.append(f"reason: {number.reason.replace('_', ' ') or 'none given'}")
    return given, number, said


@require_safe
@member_required()
def funnel_leads(request: TenantRequest) -> HttpResponse:
    """GET /funnel/leads: exactly the handoffs that one number counts, with their leads."""
    given, number, said = _behind(request)
    asked = given.asked
    found = number.listed(asked.question, now=asked.now)
    page = page_of(found, cursor=asked.query.get("cursor", ""), size=PAGE_SIZE, order=("-started_at", "-id"))
    names = selectors.load_names()
    context = {
        "title": said[0],
        "crumbs": [
            {"label": "Insight"},
            {"label": "Funnel & leaks", "url": asked.link("funnel", rep=None)},
            {"label": "Leads"},
        ],
        "count": number.count(asked.question, now=asked.now),
        "period": period_text(asked.question),
        "chosen": [*said[1:], *chosen_words(asked, names)],
        "rows": list(_lead_rows(page.rows, names)),
        "csv_url": f"{reverse('reporting:funnel_leads_csv')}?{request.GET.urlencode()}",
        "next_url": next_url(request, page.next),
    }
    return render(request, "reporting/funnel_leads.html", context)


def chosen_words(asked: Asked, names: selectors.Names) -> list[str]:
    """The filters in force, in words."""
    question = asked.question
    said = []
    for label, value in (
        ("source", question.source),
        ("campaign", question.campaign),
        ("channel", question.channel),
    ):
        if value is not None:
            said.append(f"{label}: {value or 'none given'}")
    if question.segment is not None:
        said.append(f"company size: {names.of('segment', question.segment)[0]}")
    if question.member is not None or "member_id" in question.without:
        said.append(f"rep: {names.of('rep', question.member)[0]}")
    if question.team is not None or "team_id" in question.without:
        said.append(f"team: {names.of('team', question.team)[0]}")
    if question.tier is not None:
        said.append(f"tier: {names.of('tier', question.tier)[0]}")
    return said


def _lead_rows(facts: Iterable[HandoffFact], names: selectors.Names) -> Iterator[dict[str, Any]]:
    read = Lead.objects.select_related("account").only(
        "first_name", "last_name", "email", "company_name", "account__name"
    )
    for chunk in in_chunks(facts):
        leads = read.in_bulk([fact.lead_id for fact in chunk])
        for fact in chunk:
            lead = leads.get(fact.lead_id)
            if lead is None:  # erased a moment ago
                continue
            stage = furthest_of(fact)
            yield {
                "fact": fact,
                "lead": lead,
                "stage": _STAGE_LABELS[stage],
                "at": reached_of(fact, stage),
                "end": _ENDS.get(fact.outcome, ""),
                "rep": names.of("rep", fact.member_id)[0],
                "segment": SEGMENTS[fact.segment][0] if fact.segment in SEGMENTS else "",
            }


@require_safe
@member_required()
def funnel_leads_file(request: TenantRequest) -> HttpResponse:
    """GET /funnel/leads.csv, .xlsx: the same as a file."""
    given, number, _ = _behind(request)
    found = number.listed(given.question, now=given.asked.now)
    names = selectors.load_names()
    head = ["Lead", "Company", "MQL", "Furthest stage", "Ended as", "Reason", "Source", "Campaign"]
    head += ["Channel", "Company size", "Tier", "Rep", "First touch", "Decision", "Touches", "Amount"]
    rows = found.order_by("-started_at", "-id")[: MOST_LINES + 1].iterator(chunk_size=CHUNK)
    lines = cut_at((_line(row, given) for row in _lead_rows(rows, names)), MOST_LINES)
    return table_file(request, file_name(given.asked, "leads"), head, lines)


def _line(row: dict[str, Any], given: HandoffAsked) -> list[Any]:
    fact, zone = row["fact"], given.question.zone
    moments = [
        at.astimezone(zone).strftime("%Y-%m-%d %H:%M") if at else ""
        for at in (fact.started_at, fact.first_touch_at, fact.decided_at)
    ]
    return [
        row["lead"].full_name,
        row["lead"].company,
        moments[0],
        row["stage"],
        row["end"],
        fact.reason,
        fact.source,
        fact.campaign,
        fact.channel,
        row["segment"],
        fact.tier_name,
        row["rep"],
        *moments[1:],
        fact.touches,
        fact.amount,
    ]
