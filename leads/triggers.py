"""What hands a lead over to sales: our criteria, or what another system, a score or a form says.

One place, asked for every arrival and correction after the criteria have judged. Whatever hands a lead over,
who never qualifies by the criteria's exclusions does not, and what must be known before a handoff must be
known.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from core.errors import FieldError, ValidationFailed
from core.rules import Facts
from leads.criteria import ENGAGEMENT_KINDS, Criteria, Judgement
from leads.incoming import ENGAGEMENT_LIMITS, LEAD_LIMITS, MAX_INTEGER, storable
from leads.models import Lead, LeadSettings
from leads.owed import settings_row
from leads.score import FIELD as SCORE_FIELD
from tenants.config import configured

CRITERIA, OUTSIDE, SCORE, FORM = "criteria", "outside_stage", "score", "form"
KINDS: Final[dict[str, str]] = {
    CRITERIA: "It meets the MQL criteria",
    OUTSIDE: "Another system says so: its stage is one of these",
    SCORE: "Its score reaches a number",
    FORM: "It sent one of these forms",
}
MOST_STAGES: Final = 40
MOST_SYSTEMS: Final = 10  # whose word about a lead is remembered
MOST_FORMS: Final = 40
#: Systems that write their names in a way of their own.
_SYSTEMS: Final = {
    "hubspot": "HubSpot",
    "salesforce": "Salesforce",
    "marketo": "Marketo",
    "pardot": "Pardot",
    "pipedrive": "Pipedrive",
    "dynamics": "Dynamics",
}
_SIGNS: Final = re.compile(r"[\W_]+")
#: What says that a lead is to be handed over: (OUTSIDE, system) and (SCORE, "").
Standing = frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Triggers:
    """What hands a lead over here; one of the kinds is enough.

    stages: (system, stage) as compared, the system "" for any. named: as they were written.
    """

    kinds: frozenset[str]
    stages: frozenset[tuple[str, str]] = frozenset()
    named: tuple[str, ...] = ()
    score_from: int | None = None
    forms: frozenset[str] = frozenset()

    @property
    def is_plain(self) -> bool:
        """Our criteria alone, as for everybody who has chosen nothing."""
        return self.kinds == {CRITERIA}

    def stage_says_so(self, system: str, stage: str) -> bool:
        if OUTSIDE not in self.kinds or not stage:
            return False
        return not {("", _compared(stage)), (system.casefold(), _compared(stage))}.isdisjoint(self.stages)

    def score_says_so(self, score: object) -> bool:
        if SCORE not in self.kinds or self.score_from is None or not isinstance(score, int | float):
            return False
        return score >= self.score_from

    def standing(self, lead: Lead, score: object) -> Standing:
        """What says so by how the lead stands: the last word of each system, the score.

        score: as the criteria count it, or as it came in.
        """
        says = {
            (OUTSIDE, system.casefold())
            for system, stage in stages_of(lead).items()
            if self.stage_says_so(system, stage)
        }
        return frozenset(says | ({(SCORE, "")} if self.score_says_so(score) else set()))


def _compared(text: str) -> str:
    """A stage's name for comparing: "Marketing Qualified Lead" is "marketingqualifiedlead"."""
    return _SIGNS.sub("", text.casefold())


def stages_of(lead: Lead) -> dict[str, str]:
    """The last word of each system about the lead's stage, by the system as it was written."""
    found: dict[str, str] = dict(lead.stage_by_system or {})
    if lead.outside_stage and lead.outside_system.casefold() not in {each.casefold() for each in found}:
        found[lead.outside_system] = lead.outside_stage
    return found


def note_stage(lead: Lead, system: str, stage: str, *, newer: bool) -> None:
    """Remember what a system calls the lead's stage. newer: than what is known; else it only fills a gap."""
    known = stages_of(lead)
    same = [each for each in known if each.casefold() == system.casefold()]
    if newer or not same:
        kept = {each: known[each] for each in known if each not in same}
        while len(kept) >= MOST_SYSTEMS:
            del kept[min(kept)]
        lead.stage_by_system = {**kept, system: stage}
    if newer or not lead.outside_stage:
        lead.outside_stage, lead.outside_system = stage, system


def _stage_of(entry: str) -> tuple[str, str]:
    system, separator, stage = entry.partition(":")
    return (system.strip().casefold(), _compared(stage)) if separator else ("", _compared(entry))


@configured
def triggers_in_force() -> Triggers:
    """What hands a lead over in this organisation. One query."""
    return triggers_of(settings_row())


def triggers_of(row: LeadSettings) -> Triggers:
    """The same by the organisation's settings."""
    return Triggers(
        kinds=frozenset(row.triggers or [CRITERIA]),
        stages=frozenset(_stage_of(entry) for entry in row.outside_stages),
        named=tuple(row.outside_stages),
        score_from=row.score_from,
        forms=frozenset(row.form_kinds),
    )


def note_change(
    lead: Lead, before: Standing, triggers: Triggers, now: datetime, *, score: object
) -> Standing:
    """Remember when the lead came to stand so that it is handed over; what says so since now.
    before: `standing` before the arrival.

    After a handoff has ended what stood before does not open the next: a system that goes on saying "MQL"
    says nothing new, whatever others said meanwhile.
    """
    risen = triggers.standing(lead, score) - before
    if risen:
        lead.triggered_at = now
    return risen


def judge(
    triggers: Triggers,
    judgement: Judgement | None,
    *,
    criteria: Criteria | None,
    lead: Lead,
    facts: Facts,
    past: Iterable[tuple[str, str | None, datetime]],
    closed_at: datetime | None,
    risen: Standing = frozenset(),
) -> Judgement | None:
    """The judgement with what hands leads over here; unchanged where that is our criteria alone.

    past: what the lead did since its last handoff ended, at closed_at. risen: what says so since now, and so
          is the reason before what said so already.
    """
    if triggers.is_plain:
        return judgement
    by, text = "", ""
    excluded = criteria is not None and any(rule.matches(facts) for _, rule in criteria.exclude)
    score = facts.value(SCORE_FIELD)
    stands = triggers.standing(lead, score)
    stands = stands & risen or stands
    system = _speaker(lead, stands)
    is_new = closed_at is None or (lead.triggered_at is not None and lead.triggered_at >= closed_at)
    form = next((kind for kind, _, _ in past if kind in triggers.forms), "") if FORM in triggers.kinds else ""
    if CRITERIA in triggers.kinds and judgement is not None and judgement.qualified:
        by, text = CRITERIA, "It meets the MQL criteria"
    elif system is not None and is_new:
        by, text = OUTSIDE, f"{system_name(system)} said {stages_of(lead)[system]}"
    elif (SCORE, "") in stands and is_new:
        by, text = SCORE, f"Its score is {score}, and {triggers.score_from} is enough"
    elif form:
        by, text = FORM, f"It sent a form: {form_name(form)}"
    if excluded and by:
        by, text = "", f"{text}; but it never qualifies by the criteria"
    met = bool(by)
    told = {"met": met, "by": by, "text": text or f"Not yet: {waits_for(triggers)}"}
    if judgement is None:
        verdict: dict[str, Any] = {"met": met, "version": 0, "criteria": []}
        return Judgement(qualified=met, fits=True, needs=[], verdict={**verdict, "trigger": told})
    return replace(judgement, qualified=met, verdict={**judgement.verdict, "met": met, "trigger": told})


def _speaker(lead: Lead, stands: Standing) -> str | None:
    """The system whose word hands the lead over: the one that spoke last where several say so."""
    say_so = [each for each in stages_of(lead) if (OUTSIDE, each.casefold()) in stands]
    return next((each for each in say_so if each == lead.outside_system), say_so[0] if say_so else None)


def system_name(system: str) -> str:
    """A system as people write it."""
    return _SYSTEMS.get(system.casefold(), system) or "Another system"


def form_name(kind: str) -> str:
    return ENGAGEMENT_KINDS.get(kind) or kind.replace("_", " ").capitalize()


def waits_for(triggers: Triggers) -> str:
    """What would hand a lead over: "a lead is handed over by the MQL criteria, or by a score from 70 on"."""
    parts = []
    if CRITERIA in triggers.kinds:
        parts.append("the MQL criteria")
    if OUTSIDE in triggers.kinds:
        parts.append(f"the stage {_either(triggers.named)} in another system")
    if SCORE in triggers.kinds:
        parts.append(f"a score from {triggers.score_from} on")
    if FORM in triggers.kinds:
        parts.append(f"the form {_either([form_name(kind) for kind in sorted(triggers.forms)])}")
    return f"a lead is handed over by {', or by '.join(parts)}"


def _either(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}" if names else "?"


def triggered_by(verdict: dict[str, Any] | None) -> str:
    """What handed a lead over, where that was something else than our criteria; "" otherwise."""
    told = (verdict or {}).get("trigger")
    return str(told["text"]) if told and told["met"] and told["by"] != CRITERIA else ""


def trigger_why(verdict: dict[str, Any] | None) -> str:
    """Why a lead became an MQL, for its history."""
    return triggered_by(verdict) or "Meets the MQL criteria"


# --- Checking what is chosen ---


def check(
    *, kinds: Sequence[str], stages: Sequence[str], score_from: int | None, forms: Sequence[str]
) -> dict[str, Any]:
    """The choice as it is kept. Raises ValidationFailed with a path to each error."""
    errors: list[FieldError] = []
    wrong = [kind for kind in kinds if kind not in KINDS]
    if wrong:
        errors.append(FieldError("/triggers", f"Use some of: {', '.join(KINDS)}.", "invalid_choice"))
    if not kinds:
        text = "Choose at least one: without any no lead would ever reach sales."
        errors.append(FieldError("/triggers", text, "required"))
    kept = list(dict.fromkeys(entry.strip() for entry in stages if entry.strip()))
    errors += _stage_errors(kept)
    if OUTSIDE in kinds and not kept:
        errors.append(
            FieldError("/outside_stages", "Name the stages that hand a lead over, one a line.", "required")
        )
    if score_from is not None and abs(score_from) > MAX_INTEGER:
        errors.append(FieldError("/score_from", f"At most {MAX_INTEGER}.", "out_of_range"))
    if SCORE in kinds and score_from is None:
        errors.append(FieldError("/score_from", "From which score on is a lead handed over?", "required"))
    chosen = list(dict.fromkeys(kind.strip() for kind in forms if kind.strip()))
    for kind in chosen:
        if len(kind) > ENGAGEMENT_LIMITS["kind"] or not storable(kind):
            text = f"A kind has at most {ENGAGEMENT_LIMITS['kind']} characters."
            errors.append(FieldError("/form_kinds", text, "max_length"))
    if len(chosen) > MOST_FORMS:
        errors.append(FieldError("/form_kinds", f"At most {MOST_FORMS}.", "max_length"))
    if FORM in kinds and not chosen:
        errors.append(FieldError("/form_kinds", "Choose the forms that hand a lead over.", "required"))
    if errors:
        raise ValidationFailed(errors[0].message, field_errors=errors)
    return {
        "triggers": [kind for kind in KINDS if kind in kinds],
        "outside_stages": kept,
        "score_from": score_from,
        "form_kinds": chosen,
    }


def _stage_errors(entries: Sequence[str]) -> list[FieldError]:
    if len(entries) > MOST_STAGES:
        return [FieldError("/outside_stages", f"At most {MOST_STAGES} stages.", "max_length")]
    for entry in entries:
        system, separator, stage = entry.partition(":")
        if not separator:
            system, stage = "", entry
        if not _compared(stage) or not storable(entry):
            return [FieldError("/outside_stages", f"This names no stage: {entry[:80]}", "invalid")]
        if len(stage.strip()) > LEAD_LIMITS["stage"] or len(system) > LEAD_LIMITS["external_system"]:
            return [FieldError("/outside_stages", f"This is too long: {entry[:80]}", "max_length")]
    return []
