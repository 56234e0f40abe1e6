"""What would become of one lead, by the draft or by what is in force: tier, deadlines, pool, person.

The same pure functions as live, on facts of a lead that is there or that somebody types, at a moment that
they choose. People's leads, limits and turns are as they are now. Nothing is written, locked or counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from core.businesstime import CalendarClosedError, Gap, WorkCalendar, tidy
from core.errors import Conflict
from core.rules import Facts
from leads.criteria import SCHEMA, Criteria, Judgement, compile_content, facts_of, load_criteria
from leads.models import CriteriaVersion, DataWait, Lead
from leads.past import last_closing, past_of
from leads.triggers import Triggers, triggers_in_force
from leads.triggers import judge as judge_triggers
from routing.decide import ACCOUNT_OWNER, DecisionResult, RuleSet, compile_rule_set, decide
from routing.facts import Board, load_setup, read_loads, read_people, read_pools
from routing.models import RuleSetVersion
from sla.services import TierMatch, match_tier
from sla.targets import Target, label
from sla.timers import schedule
from tenants.calendars import house_calendar_version, load_calendar
from tenants.config import steady_config
from tenants.versions import version_in_force

NOT_QUALIFIED: Final = "not_qualified"
NO_RULE_SET: Final = "no_rule_set"
HELD: Final = "held"
OUTSIDE: Final = "outside"
_SHOWN: Final = (Target.FIRST_TOUCH, Target.DECISION)


@dataclass(frozen=True, slots=True)
class Due:
    """A promise of the tier. company: on the organisation's hours; owner: on those of who would get it."""

    target: str
    label: str
    company: datetime | None
    owner: datetime | None


@dataclass(frozen=True, slots=True)
class Answer:
    """judgement: None before criteria are published, unless something else hands leads over. tier: None
    before a policy is. result: None where no rule was asked, for the reason `why_not`: "not_qualified",
    "held", "nurture", "outside" or "no_rule_set". waits_for: of a lead that is held, what may still come."""

    facts: Facts
    judgement: Judgement | None
    tier: TierMatch | None
    dues: Sequence[Due]
    result: DecisionResult | None
    why_not: str = ""
    waits_for: Sequence[str] = ()

    @property
    def qualifies(self) -> bool:
        return self.judgement is not None and self.judgement.qualified and not self.judgement.needs


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a lead beside its facts.

    lead:      with its stage in other systems. closed_at: when its last handoff ended.
    whatever:  it is routed whether it qualifies or not, since it was handed over before.
    was_held:  it waited for enrichment already, as long as that may last.
    """

    lead: Lead
    closed_at: datetime | None = None
    whatever: bool = False
    was_held: bool = False


@dataclass(frozen=True, slots=True)
class Desk:
    """What answers are read from: rules, criteria, what hands leads over, and the board at a moment.

    routes: the rules choose owners here; False: another system does.
    """

    at: datetime
    rules: RuleSet | None
    criteria: Criteria | None
    board: Board
    triggers: Triggers
    routes: bool = True

    def answer(self, facts: Facts, known: Known) -> Answer:
        """What would become of a lead with these facts."""
        judged = None
        if self.criteria is not None:
            facts = self.criteria.scored(facts)
            judged = self.criteria.judge(facts)
        judged = judge_triggers(
            self.triggers,
            judged,
            criteria=self.criteria,
            lead=known.lead,
            facts=facts,
            past=facts.engagements,
            closed_at=known.closed_at,
        )
        try:
            tier = match_tier(facts, at=self.at)
        except Conflict:
            tier = None
        if tier is not None:
            facts = Facts({**facts.values, "sla.tier": tier.tier.slug}, facts.engagements, facts.now)
            if judged is not None and self.criteria is not None:
                needs = self.criteria.requirements.lacking(facts.values, tier.tier.slug)
                judged = replace(judged, needs=needs)
        why_not, waits_for = "", self._waits_for(facts, known)
        if not known.whatever and (judged is None or not judged.qualified or judged.needs):
            why_not = NOT_QUALIFIED
        elif waits_for:
            why_not = HELD
        elif tier is not None and tier.tier.nurture is not None:
            why_not = "nurture"
        elif not self.routes:
            why_not = OUTSIDE
        elif self.rules is None:
            why_not = NO_RULE_SET
        result = None
        if not why_not and self.rules is not None:
            result = decide(
                facts=facts,
                rule_set=self.rules,
                pools=self.board.pools,
                candidates=self.board.candidates,
                now=self.at,
            )
        dues = [] if why_not in (NOT_QUALIFIED, HELD) or tier is None else self._dues(tier, result)
        return Answer(facts, judged, tier, dues, result, why_not, waits_for if why_not == HELD else ())

    def _waits_for(self, facts: Facts, known: Known) -> list[str]:
        """What the lead is held for, so that it may still come."""
        hold = self.criteria.requirements.hold if self.criteria is not None else None
        if hold is None or known.whatever or known.was_held:
            return []
        return hold.lacking(facts.values)

    def _dues(self, found: TierMatch, result: DecisionResult | None) -> list[Due]:
        house = load_calendar(house_calendar_version())
        person = self.board.candidates.get(result.member_id or "") if result else None
        hours = person.calendar if person else None
        pool = self.board.pools.get(result.pool or "") if result else None
        if pool is not None and pool.calendar is not None and result and result.counters_after is not None:
            hours = pool.calendar
        dues = []
        for target in _SHOWN:
            spec = found.tier.spec(target)
            if spec is None:
                continue
            leave = tidy(_gaps(person.absences)) if person is not None and not spec.wall else ()
            company = _due(spec, self.at, house)
            owner = _due(spec, self.at, hours, leave) if person is not None else None
            dues.append(Due(target, label(target), company, owner))
        return dues


def _gaps(absences: Sequence[tuple[datetime, datetime]]) -> list[Gap]:
    return [Gap(start, end, "leave") for start, end in absences]


def _due(spec: Any, at: datetime, hours: WorkCalendar | None, gaps: Sequence[Any] = ()) -> datetime | None:
    try:
        return schedule(spec, at, hours, gaps).due_at
    except CalendarClosedError:
        return None


def desk(
    *,
    at: datetime,
    now: datetime,
    rules: Mapping[str, Any] | None = None,
    criteria: Mapping[str, Any] | None = None,
    board: Board | None = None,
) -> Desk:
    """A desk with the rules and criteria in force now, or with those given as contents. board: as `board_at`
    gave it, where several desks ask the same people.

    Raises core.rules.InvalidRule and ValidationFailed for a content that makes no sense.
    """
    if rules is None:
        version = version_in_force(RuleSetVersion, now)
        rules = version.content if version else None
    compiled = compile_rule_set(rules, SCHEMA) if rules else None
    return Desk(
        at,
        compiled,
        _criteria(criteria, now),
        board or board_at(at),
        triggers_in_force(),
        load_setup(lambda: now).enabled,
    )


def _criteria(content: Mapping[str, Any] | None, now: datetime) -> Criteria | None:
    if content is not None:
        return compile_content(content, number=0)
    version = version_in_force(CriteriaVersion, now)
    return load_criteria(version) if version else None


def board_at(at: datetime, *, others: Iterable[UUID] = ()) -> Board:
    """Pools, people and what they carry now, seen at a moment: leave and local days are those of then.

    others: members without a seat who matter: who own the accounts of leads.
    """
    board = Board(at)
    with steady_config():
        read_people(board, read_pools(), others=others)
    read_loads(board, list(board.candidates), lock=False)
    return board


def account_owner(facts: Facts) -> list[UUID]:
    """Who owns the account, as `others` of a board."""
    owner = facts.values.get(ACCOUNT_OWNER)
    return [UUID(str(owner))] if owner else []


def facts_of_lead(lead: Lead, at: datetime) -> Facts:
    """What is known of a lead now, read at a moment."""
    return facts_of(lead, lead.account, past_of([lead.id])[lead.id], at)


def known_of_lead(lead: Lead, at: datetime) -> Known:
    """A lead that is there."""
    closings = list(lead.handoffs.values_list("closed_at", flat=True))
    closed_at = last_closing(closings, at)
    held = DataWait.objects.filter(lead_id=lead.id, kind=DataWait.Kind.ENRICHMENT)
    was_held = any(ended or due_at <= at for ended, due_at in held.values_list("ended_at", "due_at"))
    return Known(lead, closed_at, whatever=bool(closings), was_held=was_held)


def member_id_of(answer: Answer) -> UUID | None:
    """Who would get it."""
    result = answer.result
    return UUID(result.member_id) if result is not None and result.member_id else None
