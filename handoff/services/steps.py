"""What a lead owes before it takes a step of the lifecycle: fields of its own, answers to the SQL criteria.

Asked under the handoff's lock; what is sent along is filled in first, in the same transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.errors import DomainError, FieldError, ValidationFailed, pointer
from handoff.services.acting import Actor
from handoff.words import lower_first
from leads import owed, sql_bar
from leads.corrections import correct_lead, said_of
from leads.lifecycle import Stage
from leads.models import Handoff, Lead, SqlAnswers
from leads.owed import CUSTOM, OwedField
from leads.sql_bar import Bar, Question
from tenants.audit import record_change
from tenants.bulk import insert_rows, update_rows
from tenants.clock import Clock
from tenants.config import steady_config
from tenants.models import Role
from tenants.roundtrips import travelling_together


@dataclass(frozen=True, slots=True)
class Step:
    """What a step asks for that is not known yet.

    questions: of the SQL criteria `bar`. needed: keys of those that must be answered whatever the bar says.
    """

    to: Stage
    bar: Bar
    fields: tuple[OwedField, ...] = ()
    questions: tuple[Question, ...] = ()
    needed: frozenset[str] = frozenset()


def step_to(lead: Lead, handoff: Handoff | None, to: Stage, *, now: datetime) -> Step:
    """What a lead owes before it comes to a stage. Three queries at most."""
    fields, keys = owed.owed_at(to)
    bar = sql_bar.bar_in_force(now) if to == Stage.SQL or keys else Bar(None, 0, ())
    missing = tuple(owed.missing(lead, fields))
    if to == Stage.SQL:
        return Step(to, bar, missing, bar.questions)
    last = sql_bar.answers_of(handoff.id) if keys and handoff is not None else None
    given = {row["key"] for row in last.answers if row["value"] is not None} if last else set()
    questions = tuple(each for each in bar.questions if each.key in keys and each.key not in given)
    return Step(to, bar, missing, questions, frozenset(each.key for each in questions))


def take_step(
    handoff: Handoff,
    to: Stage,
    *,
    fields: Mapping[str, Any],
    answers: Mapping[str, Any],
    actor: Actor,
    now: datetime,
    clock: Clock,
) -> None:
    """Fill in what is said, and keep the answers to the SQL criteria.

    Raises ValidationFailed, with the place of each, where anything that the step asks for is still missing or
    falls short, and where something is said that it does not ask.
    """
    step = step_to(handoff.lead, handoff, to, now=now)
    said = owed.read_fields(step.fields, fields)
    answered = sql_bar.read_answers(step.questions, answers)
    judged = sql_bar.judge(step.questions, answered, needed=step.needed)
    problems = [
        (each.label, FieldError(pointer("fields", each.name), "Fill it in.", "required"))
        for each in step.fields
        if each.name not in said
    ]
    problems += judged.problems
    if problems:
        told = " ".join(f"{label}: {lower_first(each.message)}" for label, each in problems)
        raise ValidationFailed(
            f"This lead cannot become {to.label} yet. {told}",
            field_errors=[each for _, each in problems],
            stage=str(to),
        )
    if said:
        _fill_in(handoff, step.fields, said, actor=actor, now=now, clock=clock)
    if step.questions:
        _keep_answers(handoff, step, judged.rows, actor=actor, now=now)


def add_to_step(
    handoff: Handoff,
    at: Stage,
    *,
    fields: Mapping[str, Any],
    answers: Mapping[str, Any],
    actor: Actor,
    now: datetime,
    clock: Clock,
) -> None:
    """What is said of a lead that took the step before: answers stand beside and in place of earlier ones, in
    a row of their own, and fields that are not known yet are filled in. Nothing else is asked for.

    Raises ValidationFailed as `take_step` where something is said that the step does not ask, or falls short.
    """
    owed_fields, keys = owed.owed_at(at)
    bar = sql_bar.bar_in_force(now)
    asked = [each for each in bar.questions if at == Stage.SQL or each.key in keys]
    said = owed.read_fields(owed_fields, fields)
    answered = sql_bar.read_answers(asked, answers)
    judged = sql_bar.judge([each for each in asked if each.key in answered], answered)
    if judged.problems:
        told = " ".join(f"{label}: {lower_first(each.message)}" for label, each in judged.problems)
        raise ValidationFailed(
            f"This lead would not be {at.label} by that. {told}",
            field_errors=[each for _, each in judged.problems],
            stage=str(at),
        )
    missing = tuple(each for each in owed.missing(handoff.lead, owed_fields) if each.name in said)
    if missing:
        new = {each.name: said[each.name] for each in missing}
        _fill_in(handoff, missing, new, actor=actor, now=now, clock=clock)
    if not judged.rows:
        return
    last = sql_bar.answers_of(handoff.id)
    before = list(last.answers) if last else sql_bar.judge(asked, {}).rows
    said_rows = {row["key"]: row for row in judged.rows}
    rows = [said_rows.pop(row["key"], row) for row in before] + list(said_rows.values())
    if last is None or last.version_id != bar.id or rows != before:
        _write_answers(handoff, Step(at, bar), rows, actor=actor, now=now)


def _fill_in(
    handoff: Handoff,
    asked: Sequence[OwedField],
    said: Mapping[str, Any],
    *,
    actor: Actor,
    now: datetime,
    clock: Clock,
) -> None:
    """Write the fields, as a correction does: the lead is judged again, and stays in its handoff."""
    lead = handoff.lead
    own = {name.removeprefix(CUSTOM): str(value) for name, value in said.items() if name.startswith(CUSTOM)}
    if own:
        if not owed.room_for_custom(lead, list(own)):
            raise ValidationFailed.at("/fields", "This lead has as many fields of its own as it may.", "max")
        lead.custom = {**lead.custom, **own}
        lead.updated_at = now
        update_rows([lead], ["custom", "updated_at"])
    paths = {each.name: each.corrected_as for each in asked if not each.is_custom and each.name in said}
    if paths:
        try:
            _correct(lead, {path: said[name] for name, path in paths.items()}, actor, now, clock)
        except DomainError as refusal:
            raise _at_our_fields(refusal, paths) from refusal
    record_change(
        actor=actor.key,
        action="lead.correct",
        object_type="lead",
        object_id=lead.id,
        after={"fields": sorted(said), "handed_over": False},
        now=now,
    )
    handoff.lead = Lead.objects.select_related("account").get(id=lead.id)


def _correct(lead: Lead, values: Mapping[str, Any], actor: Actor, now: datetime, clock: Clock) -> None:
    is_rep = actor.member is not None and actor.member.role == Role.REP
    with steady_config(), travelling_together():
        correct_lead(lead, said_of(values), now=now, clock=clock, fills_only=is_rep)


def _at_our_fields(refusal: DomainError, paths: Mapping[str, str]) -> DomainError:
    """The refusal of a correction with the places of what was said here."""
    names = {f"/{path.replace('.', '/')}": name for name, path in paths.items()}
    errors = [
        FieldError(
            pointer("fields", names[each.path]) if each.path in names else each.path, each.message, each.code
        )
        for each in refusal.field_errors
    ]
    return type(refusal)(refusal.message, field_errors=errors, **refusal.data)


def _keep_answers(
    handoff: Handoff, step: Step, rows: list[dict[str, Any]], *, actor: Actor, now: datetime
) -> None:
    """Write the answers down. What a later step adds stands beside what was said at SQL, in a row of its
    own."""
    if step.to != Stage.SQL:
        last = sql_bar.answers_of(handoff.id)
        new = {row["key"] for row in rows}
        rows = [*(row for row in (last.answers if last else []) if row["key"] not in new), *rows]
    _write_answers(handoff, step, rows, actor=actor, now=now)


def _write_answers(
    handoff: Handoff, step: Step, rows: list[dict[str, Any]], *, actor: Actor, now: datetime
) -> None:
    insert_rows(
        [
            SqlAnswers(
                lead_id=handoff.lead_id,
                handoff_id=handoff.id,
                version_id=step.bar.id,
                number=step.bar.number,
                stage=str(step.to),
                at=now,
                actor=actor.key,
                met=all(row["met"] for row in rows),
                answers=rows,
            )
        ]
    )
