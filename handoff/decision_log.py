"""The decision log as people and programs read it: what an address may ask, who may see what, and each
decision in words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import QuerySet

from core.errors import NotFound, ValidationFailed
from handoff import candidates, words
from handoff.selectors import SEES_ALL, names_of, teams_of, visible_leads
from leads.criteria import ENGAGEMENT_KINDS, SCHEMA
from leads.list_names import ListNames
from leads.list_use import FIELD as LISTS
from leads.matching import normalise_email
from leads.models import Assignment, CriteriaVersion, Lead
from routing.decisions import Search, pools_around, search
from routing.models import Decision, Pool, RuleSetVersion
from routing.selectors import explain_layers, get_decision
from routing.traces import AFTER, NAMES, candidates_of
from sla.models import PolicyVersion
from tenants.models import Member, Role, Tenant
from tenants.selectors import find_member
from web.pagination import Page

#: What an address of the log may carry besides its cursor.
FILTERS: Final = ("lead", "member", "candidate", "rule", "pool", "reason", "trigger", "from", "to")
NOBODY: Final = "none"  # as `member`: decisions that found nobody
PAGE_SIZE: Final = 50
#: How far back a rep may ask why others got leads.
MINE: Final = timedelta(days=30)
_LONGEST: Final = 254
_MOST_SHOWN: Final = 12  # decisions about one handoff


def read_search(query: Mapping[str, str], *, tenant: Tenant, leads: QuerySet[Lead] | None = None) -> Search:
    """What an address asks of the log. Days are the organisation's. leads: that may be asked for, else all.

    Raises ValidationFailed at each filter.
    """
    member = _text(query, "member")
    first, last = _day(query, "from"), _day(query, "to")
    if first and last and first > last:
        raise ValidationFailed.at("/from", "The period ends before it begins.", "invalid")
    zone = ZoneInfo(tenant.time_zone)
    return Search(
        lead=_lead(query, Lead.objects.all() if leads is None else leads),
        member=None if member in ("", NOBODY) else find_member(member, path="/member", active=False).id,
        nobody=member == NOBODY,
        candidate=_candidate(query),
        pool=_pool(query),
        rule=_text(query, "rule"),
        reason=_code(query, "reason", words.REASONS),
        trigger=_code(query, "trigger", words.TRIGGERS),
        since=_midnight(first, zone) if first else None,
        until=_midnight(last + timedelta(days=1), zone) if last else None,
    )


def _text(query: Mapping[str, str], name: str) -> str:
    text = (query.get(name) or "").strip()
    if len(text) > _LONGEST:
        raise ValidationFailed.at(f"/{name}", f"{name} has at most {_LONGEST} characters.", "too_long")
    return text


def _lead(query: Mapping[str, str], leads: QuerySet[Lead]) -> UUID | None:
    """A lead's id from its id or e-mail."""
    text = _text(query, "lead")
    if not text:
        return None
    found = leads.filter(**_id_or(text, "email", _as_email)).values_list("id", flat=True).first()
    if found is None:
        raise ValidationFailed.at("/lead", "There is no lead with this id, e-mail or name.", "unknown_lead")
    return UUID(str(found))


def _as_email(text: str) -> str:
    try:
        return normalise_email(text)
    except ValidationFailed:
        return text  # nobody has it


def _id_or(text: str, name: str, read: Callable[[str], str] = str) -> dict[str, Any]:
    """What to look for: an id where the text is one, else a value of another field."""
    try:
        return {"id": UUID(text)}
    except ValueError:
        return {name: read(text)}


def _candidate(query: Mapping[str, str]) -> UUID | None:
    text = _text(query, "candidate")
    return find_member(text, path="/candidate", active=False).id if text else None


def _pool(query: Mapping[str, str]) -> UUID | None:
    """A pool's id from its id or slug."""
    text = _text(query, "pool")
    if not text:
        return None
    found = Pool.objects.filter(**_id_or(text, "slug")).values_list("id", flat=True).first()
    if found is None:
        raise ValidationFailed.at("/pool", "There is no pool with this id or slug.", "unknown_pool")
    return UUID(str(found))


def _code(query: Mapping[str, str], name: str, known: Mapping[str, str]) -> str:
    text = _text(query, name)
    if text and text not in known:
        raise ValidationFailed.at(f"/{name}", f"{name} is one of: {', '.join(known)}.", "invalid_choice")
    return text


def _day(query: Mapping[str, str], name: str) -> date | None:
    text = _text(query, name)
    if not text:
        return None
    try:
        day = date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        day = None
    if day is None or not 2000 <= day.year <= 2100:
        said = f"{name} is a day between 2000 and 2100: 2026-11-17."
        raise ValidationFailed.at(f"/{name}", said, "invalid")
    return day


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)


# --- Who may see what ---


def people_of(member: Member) -> list[UUID] | None:
    """Whose decisions this member reads: everybody's (None), or those of their teams and their own."""
    if member.role in SEES_ALL:
        return None
    found = set(Member.objects.filter(team_id__in=teams_of(member)).values_list("id", flat=True))
    return sorted(found | {member.id})


def decision_for(member: Member, decision_id: UUID) -> tuple[Decision, Lead | None]:
    """A decision that this member may open, and its lead, None where they may not open that.

    A rep opens those of leads that they may open; a manager also those that gave a lead to one of their
    people or to nobody, or for which one of them was looked at. Raises NotFound for others and for none.
    """
    decision = get_decision(decision_id=decision_id)
    lead = visible_leads(member).filter(id=decision.handoff.lead_id).first()
    if lead is None:
        people = people_of(member) if member.role == Role.MANAGER else []
        looked_at = {line["member"] for line in candidates_of(decision.trace)}
        theirs = people is not None and (
            decision.member_id in people or not looked_at.isdisjoint(map(str, people))
        )
        if not theirs and not (member.role == Role.MANAGER and decision.member_id is None):
            raise NotFound("There is no such decision.")
    return decision, lead


def log_page(wanted: Search, *, member: Member, cursor: str = "") -> tuple[Page, list[dict[str, Any]]]:
    """A page of the log as this member may read it, with its rows for the template."""
    # Who may open a lead may read everything about it.
    people = people_of(member) if wanted.lead is None else None
    page = search(replace(wanted, people=people), cursor=cursor, size=PAGE_SIZE)
    return page, _rows(page.rows, member, wanted.candidate)


def my_page(member: Member, *, now: datetime, cursor: str = "") -> tuple[Page, list[dict[str, Any]]]:
    """Decisions of the last 30 days for which this member was looked at, each with their own line."""
    if not pools_around(member.id):
        return Page([], ""), []
    wanted = Search(candidate=member.id, since=now - MINE)
    page = search(wanted, cursor=cursor, size=PAGE_SIZE)
    return page, _rows(page.rows, member, member.id)


def _rows(decisions: Sequence[Decision], member: Member, candidate: UUID | None) -> list[dict[str, Any]]:
    """Decisions for a list. Leads that the member may not open go unnamed; one query."""
    wanted = {decision.handoff.lead_id for decision in decisions}
    seen = set(visible_leads(member).filter(id__in=wanted).values_list("id", flat=True)) if wanted else set()
    pools = candidates.names_of_pools([each.trace for each in decisions]) if candidate else {}
    rows = []
    for decision in decisions:
        lead = decision.handoff.lead if decision.handoff.lead_id in seen else None
        line = _line_of(decision, candidate) if candidate else None
        is_me = decision.member_id == member.id
        rows.append(
            {
                "decision": decision,
                "lead": lead,
                "owner": decision.member.name if decision.member else "",
                "is_me": is_me,
                "rule": decision.rule,
                "pool": decision.pool.name if decision.pool else "",
                "asked_in": _asked_in(decision, line, pools),
                "reason": words.reason_of(decision.reason, is_you=is_me),
                "tie_break": words.TIE_BREAKS.get(tie_break_of(decision), ""),
                "trigger": words.say(words.TRIGGERS, decision.trigger),
                "line": line,
                "why": words.reason_of(line["reason"], is_you=candidate == member.id) if line else "",
                "opens_page": lead is not None or member.role != Role.REP,
            }
        )
    return rows


def _line_of(decision: Decision, member_id: UUID) -> dict[str, Any] | None:
    own = [line for line in candidates.lines_of(decision.trace) if line["member"] == str(member_id)]
    return own[-1] if own else None  # the pool that decided stands last


def _asked_in(decision: Decision, line: Mapping[str, Any] | None, pools: Mapping[str, str]) -> str:
    """The pool in which somebody was looked at; with it whom it passed the lead on to."""
    name = decision.pool.name if decision.pool else ""
    own = line["pool"] if line else None
    if own is None or own == decision.trace.get("pool"):
        return name
    return f"{pools.get(own, own)}, passed on to {name}"


# --- One decision, whole ---


@dataclass(frozen=True, slots=True)
class Versions:
    """Numbers of versions by id, of every kind that a decision names."""

    rules: Mapping[UUID, int]
    criteria: Mapping[UUID, int]
    policy: Mapping[UUID, int]


def versions_of(decisions: Iterable[Decision]) -> Versions:
    """The versions that decisions and their handoffs name; three queries."""
    listed = list(decisions)
    handoffs = [decision.handoff for decision in listed]
    return Versions(
        rules=_numbers(RuleSetVersion, {each.rule_set_version_id for each in listed}),
        criteria=_numbers(CriteriaVersion, {each.criteria_version_id for each in handoffs}),
        policy=_numbers(PolicyVersion, {each.policy_version_id for each in handoffs}),
    )


def _numbers(model: Any, ids: set[UUID | None]) -> dict[UUID, int]:
    wanted = [each for each in ids if each is not None]
    return dict(model.objects.filter(id__in=wanted).values_list("id", "number")) if wanted else {}


def version_numbers(decision: Decision, versions: Versions) -> dict[str, int | None]:
    """The versions in force for a decision: of the routing rules, the criteria and the SLA policy."""
    handoff = decision.handoff

    def number(found: Mapping[UUID, int], version_id: UUID | None) -> int | None:
        return found.get(version_id) if version_id is not None else None

    return {
        "rules": number(versions.rules, decision.rule_set_version_id),
        "criteria": number(versions.criteria, handoff.criteria_version_id),
        "policy": number(versions.policy, handoff.policy_version_id),
    }


def decisions_of(handoff_id: UUID) -> list[dict[str, Any]]:
    """The last decisions about a handoff in words, the last one first."""
    found = Decision.objects.select_related("pool", "member", "handoff").filter(handoff_id=handoff_id)
    return decisions_in_words(found.order_by("-at", "-id")[:_MOST_SHOWN])


def decisions_in_words(decisions: Iterable[Decision]) -> list[dict[str, Any]]:
    """Decisions in words: the rules that were tried and what they read, every candidate with the numbers for
    and against, the rotation before and after. They come with pool and handoff; four queries, and one more
    each where a pool passed a lead on, and where somebody refused one."""
    listed = list(decisions)
    traces = [decision.trace for decision in listed]
    named: list[UUID | str | None] = [decision.member_id for decision in listed]
    named += [line["member"] for trace in traces for line in candidates_of(trace)]
    names, versions = names_of(named), versions_of(listed)
    pools = candidates.names_of_pools(traces)
    told = [_in_words(decision, names, pools, versions) for decision in listed]
    _add_refusals(told)
    return told


def _add_refusals(told: Sequence[dict[str, Any]]) -> None:
    """Who refused a lead as not theirs, and with which words it came to the next; one query, or none."""
    refused = [each for each in told if each["decision"].trigger == "rerouted"]
    if not refused:
        return
    handoffs = {each["decision"].handoff_id for each in refused}
    spans = Assignment.objects.filter(handoff_id__in=handoffs).select_related("member")
    for each in refused:
        decision = each["decision"]
        for span in spans:
            if span.handoff_id != decision.handoff_id:
                continue
            if span.end_reason == "rerouted" and span.ended_at == decision.at:
                each["trigger"] = f"When {span.member.name} refused it as not theirs"
            if span.decision_id == decision.id:
                each["told"] = words.why_them(span.reason)


def _in_words(
    decision: Decision, names: Mapping[str, str], pools: Mapping[str, str], versions: Versions
) -> dict[str, Any]:
    trace = decision.trace
    groups = candidates.groups_of(trace, reason=decision.reason, names=names, pools=pools)
    return {
        "decision": decision,
        "trigger": words.say(words.TRIGGERS, decision.trigger),
        "layers": explain_layers(decision),
        "inputs": inputs_in_words(decision.inputs),
        "fit": pools.get(candidates.first_pool(trace) or "") or (decision.pool.name if decision.pool else ""),
        "groups": groups,
        **candidates.counts_of(groups),
        "turn_given_back": turn_given_back(decision, candidates.lines_of(trace)),
        "versions": _said(version_numbers(decision, versions)),
        "tie_break": words.TIE_BREAKS.get(decision.trace.get("tie_break", ""), ""),
        "member": names.get(str(decision.member_id), ""),
        "reason": words.say(words.REASONS, decision.reason),
    }


def turn_given_back(decision: Decision, lines: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the turn that a trace shows was given back at once: a test lead is no turn of whoever gets it.
    The decision comes with its handoff; lines: its candidates.
    """
    took = any(
        line["member"] == str(decision.member_id)
        and line["result"] == "chosen"
        and line.get(AFTER) is not None
        for line in lines
    )
    return decision.handoff.is_test and took


_KINDS: Final = {"rules": "routing rules", "criteria": "criteria", "policy": "SLA policy"}


def _said(numbers: Mapping[str, int | None]) -> str:
    """ "routing rules 3, criteria 1 and SLA policy 2"."""
    return words.listed(
        [f"{_KINDS[kind]} {number}" for kind, number in numbers.items() if number is not None]
    )


def inputs_in_words(inputs: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    """What the rules read, as (what, value): ("Country", "Germany"), ("Phone", "Known")."""
    if inputs is None:
        return []
    fields, lists = SCHEMA.by_name, ListNames()
    told: list[tuple[str, str]] = []
    for name, value in inputs["values"].items():
        label, shown = (fields[name].label, fields[name].shown(value)) if name in fields else (name, value)
        if name == LISTS and isinstance(value, list):
            shown = [lists.shown(slug) for slug in value]
        told.append((label, "Known" if name in NAMES and value else _value(shown)))
    for kind, (count, last) in inputs.get("engagements", {}).items():
        at = words.moment(datetime.fromisoformat(last))
        label = ENGAGEMENT_KINDS.get(kind) or words.say({}, kind)
        told.append((label, f"{count}, last on {at}"))
    return told


def _value(value: Any) -> str:
    if value is None:
        return "Not known"
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int | float) else str(value)


def line_document(decision: Decision) -> dict[str, Any]:
    """A decision in a list, for programs."""
    return {
        "id": decision.id,
        "lead": decision.handoff.lead_id,
        "handoff": decision.handoff_id,
        "at": decision.at,
        "trigger": decision.trigger,
        "outcome": decision.outcome,
        "reason": decision.reason,
        "rule": decision.rule,
        "pool": decision.pool.slug if decision.pool else None,
        "owner": decision.member_id,
        "rule_set_version": decision.rule_set_version_id,
        "tie_break": tie_break_of(decision),
    }


def tie_break_of(decision: Decision) -> str:
    """What decided a tie; a list has it beside the trace, which it leaves where it is."""
    told: str | None = getattr(decision, "tie_break", None)
    return decision.trace.get("tie_break", "") if told is None else told
