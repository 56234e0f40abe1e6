"""Fairness: what each person of a pool could expect, what they got, and whether that is chance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from handoff import words
from reporting import params
from reporting.views.asked import lies_ahead, period_text, periods_of
from routing.fairness import Verdict
from routing.models import Pool
from routing.moved import RuleMoves, moved_by_rule
from routing.shares import PoolShares, Share, Shares, shares
from tenants.auth import member_required
from tenants.clock import database_clock
from tenants.models import Role
from tenants.requests import TenantRequest
from web.table_files import table_file

_LOOKS: Final = {
    Verdict.CHANCE: ("on_target", "Chance"),
    Verdict.MORE: ("watch", "More than chance"),
    Verdict.LESS: ("watch", "Less than chance"),
    Verdict.FEW: ("waiting", "Too few to tell"),
}
#: What a pool's strategy weighs besides turns, so that shares may differ for a good reason.
_LOADED: Final = ("least_loaded", "fastest")


@dataclass(frozen=True, slots=True)
class Asked:
    """What this request asks: days, and the pool, None for all."""

    days: params.Days
    pool: Pool | None
    query: Mapping[str, str]

    def found(self) -> Shares:
        return shares(since=self.days.since, until=self.days.until, pool_id=self._pool_id)

    def moves(self) -> list[RuleMoves]:
        """Of the leads that each rule gave to somebody, how many were moved on later."""
        return moved_by_rule(since=self.days.since, until=self.days.until, pool_id=self._pool_id)

    @property
    def _pool_id(self) -> UUID | None:
        return self.pool.id if self.pool else None

    def file_name(self, what: str) -> str:
        """Without its ending."""
        return f"{what}-{self.days.first}-to-{self.days.last}"


def _asked(request: TenantRequest, now: datetime) -> Asked:
    query = {name: value for name, value in request.GET.items() if isinstance(value, str)}
    days = params.days_asked(query, tenant=request.tenant, now=now)
    return Asked(days, params.pool_asked(query), query)


@require_safe
@member_required(Role.MANAGER)
def fairness(request: TenantRequest) -> HttpResponse:
    """GET /fairness: expected and actual shares, by pool and person."""
    now = database_clock()
    asked = _asked(request, now)
    found = asked.found()
    chosen = params.period_name(asked.query)
    periods = periods_of(asked.query, asked.days)
    pools = Pool.objects.order_by("name", "id").values_list("slug", "name")
    slug = asked.pool.slug if asked.pool else ""
    kept = {name: asked.query[name] for name in ("period", "from", "to", "pool") if asked.query.get(name)}
    context = {
        "crumbs": [{"label": "Insight"}, {"label": "Fairness"}],
        "period": period_text(asked.days),
        "ahead": lies_ahead(asked.days.first, zone=asked.days.zone, now=now),
        "periods": periods,
        "pools": [("", "All", not slug)] + [(value, name, value == slug) for value, name in pools],
        "hidden": [] if chosen else [(name, kept[name]) for name in ("from", "to") if name in kept],
        "csv_url": reverse("reporting:fairness_csv") + (f"?{urlencode(kept)}" if kept else ""),
        "found": [_pool_context(each, asked) for each in found.pools],
        "moves": [{"moves": each, "url": _rule_url(each, asked)} for each in asked.moves()],
        "moves_csv": reverse("reporting:moves_csv") + (f"?{urlencode(kept)}" if kept else ""),
        "outside": [(name or "Somebody who left", counted(reasons)) for name, reasons in found.outside],
    }
    return render(request, "reporting/fairness.html", context)


def _rule_url(each: RuleMoves, asked: Asked) -> str:
    """The decisions of a rule, in the log."""
    days = {"from": asked.days.first.isoformat(), "to": asked.days.last.isoformat()}
    wanted = {**days, "rule": each.rule, "pool": each.pool.slug}
    return f"{reverse('handoff:decisions')}?{urlencode(wanted)}"


@require_safe
@member_required(Role.MANAGER)
def moves_file(request: TenantRequest) -> HttpResponse:
    """GET /reassignments.csv, .xlsx: leads of each rule that were moved on later, as a file."""
    asked = _asked(request, database_clock())
    head = ["Rule", "Pool", "Given", "Wrong owner", "By hand", "Overdue", "Owner away"]
    rows = (
        [each.rule, each.pool.name, each.decisions, each.wrong_owner, each.by_hand, each.breach, each.leave]
        for each in asked.moves()
    )
    return table_file(request, asked.file_name("reassignments"), head, rows)


def _pool_context(each: PoolShares, asked: Asked) -> dict[str, Any]:
    most = max([max(row.band.high, row.tally.actual) for row in each.shares], default=0) or 1
    outside = [row for row in each.shares if row.band.verdict in (Verdict.MORE, Verdict.LESS)]
    return {
        "pool": each.pool,
        "turns": each.turns,
        "finding": _finding(each, outside),
        "loaded": each.pool.strategy in _LOADED,
        "past": counted(each.past),
        "rows": [_row(row, each.pool, asked, most) for row in each.shares],
        "most": f"{most:,.0f}",
    }


def _finding(each: PoolShares, outside: list[Share]) -> str:
    """What to make of a pool, in a sentence."""
    if not each.turns:
        return "No lead was shared out by turns."
    if outside:
        told = words.listed(
            [f"{row.name} got {'more' if row.band.verdict == Verdict.MORE else 'less'}" for row in outside]
        )
        return f"{told} than chance explains."
    drawn = [row for row in each.shares if row.tally.variance > 0]  # chance has no say about the others
    if drawn and all(row.band.verdict == Verdict.FEW for row in drawn):
        return "Too few leads to tell favour from chance."
    return "Every difference is within chance."


def counted(reasons: Mapping[str, int]) -> str:
    """ "on leave 12, at the cap of open leads 3", the most frequent first."""
    told = sorted(reasons.items(), key=lambda each: (-each[1], each[0]))
    return ", ".join(f"{words.lower_first(words.say(words.REASONS, code))} {count:,}" for code, count in told)


def _row(row: Share, pool: Pool, asked: Asked, most: float) -> dict[str, Any]:
    look, verdict = _LOOKS[row.band.verdict]
    one = row.tally
    days = {"from": asked.days.first.isoformat(), "to": asked.days.last.isoformat(), "pool": pool.slug}
    log = reverse("handoff:decisions")
    return {
        "share": row,
        "name": row.name or "Somebody who left",
        "look": look,
        "verdict": verdict,
        "by_weight": f"{one.by_weight:,.1f}",
        "expected": f"{one.expected:,.1f}",
        "low": f"{row.band.low:,.1f}",
        "high": f"{row.band.high:,.1f}",
        "most": most,
        "is_out": row.band.verdict in (Verdict.MORE, Verdict.LESS),
        "kept_out": counted(one.kept_out),
        "past": counted(row.past),
        "got_url": f"{log}?{urlencode({**days, 'member': str(row.member_id)})}",
        "asked_url": f"{log}?{urlencode({**days, 'candidate': str(row.member_id)})}",
    }


@require_safe
@member_required(Role.MANAGER)
def fairness_file(request: TenantRequest) -> HttpResponse:
    """GET /fairness.csv, .xlsx: the same as a file."""
    asked = _asked(request, database_clock())
    head = ["Pool", "Person", "Turns", "By weight", "Expected", "Got", "Difference", "Low", "High", "Verdict"]
    head += ["Kept out", "Past the rotation"]
    return table_file(request, asked.file_name("fairness"), head, _lines(asked.found()))


def _lines(found: Shares) -> Iterator[list[Any]]:
    for each in found.pools:
        for row in each.shares:
            one, drawn = row.tally, row.band
            numbers = [one.by_weight, one.expected, one.actual, row.difference, drawn.low, drawn.high]
            rounded = [round(number, 2) for number in numbers]
            reasons = [counted(one.kept_out), counted(row.past)]
            verdict = _LOOKS[drawn.verdict][1] if one.turns else ""
            yield [each.pool.name, row.name, one.turns, *rounded, verdict, *reasons]
