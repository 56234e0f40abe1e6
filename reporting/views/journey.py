"""The journey map: from where leads come to where they end, drawn on the server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from leads.lifecycle import Stage
from reporting import params, selectors
from reporting.definitions import ENDS, STAGES
from reporting.selectors import Journey
from reporting.views.asked import Asked, file_name, period_text
from reporting.views.filters import kind_note
from reporting.views.handoffs import HandoffAsked, handoff_filters, handoffs_asked
from reporting.views.sankey import NODE_WIDTH, WIDTH, Link, Node, draw
from tenants.auth import member_required
from tenants.requests import TenantRequest
from web.table_files import table_file

_OTHERS: Final = "others"
_STANDS: Final = "stands"
_WORDS: Final = {
    "rejected": "Rejected",
    "nurture": "Nurture",
    "lost": "Lost",
    "disqualified": "Disqualified",
    _STANDS: "Standing",
}
_TONES: Final = {"rejected": "bad", "lost": "bad", "disqualified": "bad", "nurture": "idle", _STANDS: "risk"}


@dataclass(frozen=True, slots=True)
class Flow:
    """One band: from where to where, of how many, and the leads behind it. key: of the node it ends in."""

    start: str
    end: str
    start_key: str
    end_key: str
    count: int
    of: int
    url: str

    @property
    def percent(self) -> float | None:
        return round(100 * self.count / self.of, 1) if self.of else None


@require_safe
@member_required()
def journey(request: TenantRequest) -> HttpResponse:
    """GET /journey: a map of the period's MQLs, from their source to where they ended or stand."""
    given = handoffs_asked(request, selectors.HANDOFF_SPLITS)
    asked = given.asked
    found, names, offered = _found(given)
    flows = list(_flows(asked, found))
    mqls = found.reached(STAGES[0])
    counted = f"{mqls:,} MQL{'' if mqls == 1 else 's'}"
    context = {
        "asked": asked,
        "crumbs": [
            {"label": "Insight"},
            {"label": "Funnel & leaks", "url": asked.link("funnel", by=None)},
            {"label": "Journey"},
        ],
        "summary": f"{counted}, {period_text(given.question)}, to where they are now.",
        "filters": handoff_filters(asked, offered, names, "journey"),
        "kind_note": kind_note(asked, offered.outbound),
        "csv_url": asked.link("journey_csv"),
        "year_url": asked.link("journey", period="365d", **dict.fromkeys(("from", "to"))),
        "empty": not mqls,
        "ahead": asked.ahead,
        "map": _map(found, flows) if mqls else None,
        "flows": flows,
        "standing": [_standing(asked, found, stage) for stage in ENDS if found.stands(stage)],
        "finding": _finding(found),
    }
    return render(request, "reporting/journey.html", context)


@require_safe
@member_required()
def journey_file(request: TenantRequest) -> HttpResponse:
    """GET /journey.csv, .xlsx: the bands of the map."""
    given = handoffs_asked(request, selectors.HANDOFF_SPLITS)
    found, _, _ = _found(given)
    rows = ([each.start, each.end, each.count, each.of, each.percent] for each in _flows(given.asked, found))
    head = ["From", "To", "Leads", "Of", "Per cent"]
    return table_file(request, file_name(given.asked, "journey"), head, rows)


def _found(given: HandoffAsked) -> tuple[Journey, selectors.Names, selectors.HandoffChoices]:
    ground = selectors.handoff_ground(given.question)
    offered = selectors.handoff_choices(given.question, ground)
    names = selectors.load_names(offered.tiers)
    found = selectors.journey(given.question, now=given.asked.now, names=names, ground=ground)
    return found, names, offered


def _flows(asked: Asked, found: Journey) -> list[Flow]:
    mqls = found.reached(STAGES[0])

    def leads(**changes: str) -> str:
        return asked.link("funnel_leads", by=None) + _joined(asked, changes)

    flows = []
    for key, name, count in found.sources:
        url = asked.link("funnel_leads", by=None, source=str(key) or params.NONE)
        flows.append(Flow(name, "MQL", f"source:{key}", STAGES[0], count, mqls, url))
    if found.others:
        flows.append(Flow("Other sources", "MQL", _OTHERS, STAGES[0], found.others, mqls, ""))
    for place, stage in enumerate(STAGES[:-1]):
        label, further, base = Stage(stage).label, STAGES[place + 1], found.reached(stage)
        went = found.reached(further)
        flows.append(Flow(label, Stage(further).label, stage, further, went, base, leads(stage=further)))
        for end in (*ENDS[stage], _STANDS):
            count = found.stands(stage) if end == _STANDS else found.ended(stage, end)
            key = f"{stage}_{end}"
            flows.append(Flow(label, _WORDS[end], stage, key, count, base, leads(stage=key)))
    return [each for each in flows if each.count]


def _joined(asked: Asked, changes: dict[str, str]) -> str:
    text = "&".join(f"{name}={value}" for name, value in changes.items())
    return f"{'&' if '?' in asked.link('funnel_leads', by=None) else '?'}{text}"


def _map(found: Journey, flows: list[Flow]) -> dict[str, Any]:
    """Nodes with their words, and bands, for reporting/journey.html."""
    nodes: dict[str, tuple[Node, str, str]] = {}
    for each in flows:
        if each.end_key == STAGES[0]:
            nodes[each.start_key] = (Node(each.start_key, 0, each.count), each.start, "source")
    for place, stage in enumerate(STAGES):
        if found.reached(stage):
            nodes[stage] = (Node(stage, place + 1, found.reached(stage)), Stage(stage).label, "stage")
        for each in flows:
            if place and each.start_key == STAGES[place - 1] and each.end_key not in STAGES:
                tone = _TONES[each.end_key.partition("_")[2]]
                nodes[each.end_key] = (Node(each.end_key, place + 1, each.count), each.end, tone)
    links = [Link(each.start_key, each.end_key, each.count) for each in flows]
    drawn = draw([node for node, _, _ in nodes.values()], links)
    return {
        "width": f"{WIDTH:.0f}",
        "height": f"{drawn.height:.0f}",
        "bands": [
            {
                "path": path,
                "url": each.url,
                "tone": nodes[each.end_key][2] if each.end_key not in STAGES else "on",
                "words": f"{each.start} to {each.end}: {each.count:,} of {each.of:,}",
            }
            for each, path in zip(flows, drawn.paths, strict=True)
        ],
        "nodes": [
            {
                "x": f"{box.x:.1f}",
                "y": f"{box.y:.1f}",
                "width": f"{NODE_WIDTH:.0f}",
                "height": f"{box.height:.1f}",
                "text_x": f"{box.x + NODE_WIDTH + 6:.1f}",
                "text_y": f"{box.y + min(box.height / 2 + 4, max(box.height, 10)):.1f}",
                "label": label,
                "count": f"{node.value:,}",
                "tone": tone,
            }
            for node, label, tone in nodes.values()
            for box in (drawn.boxes[node.key],)
        ],
    }


def _standing(asked: Asked, found: Journey, stage: str) -> dict[str, Any]:
    open_ones = found.standing.get(stage)
    count = found.stands(stage)
    return {
        "label": Stage(stage).label,
        "count": count,
        "of": found.reached(stage),
        "open": open_ones,
        "closed": count - open_ones.count if open_ones else count,
        "url": asked.link("funnel_leads", by=None) + _joined(asked, {"stage": f"{stage}_{_STANDS}"}),
    }


def _finding(found: Journey) -> str:
    """Where most of those that are open stand, in a sentence."""
    standing = {stage: each for stage, each in found.standing.items() if stage in ENDS}
    if not standing:
        return "Nobody stands anywhere: every lead of the period ended or was won."
    stage, most = max(standing.items(), key=lambda each: each[1].count)
    total = sum(each.count for each in standing.values())
    days = f"{most.median_days} day{'' if most.median_days == 1 else 's'}"
    where = f"{Stage(stage).label}: {most.count:,}, half of them for {days} or less."
    return f"Most of the {total:,} that are open stand at {where}"
