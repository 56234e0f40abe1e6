"""What sales must fill in before a lead takes a step, and when a status counts as stale: both settings, off
until chosen.

A field is owed by its name: one of REQUIRED_FIELDS, "custom.<name>" of the organisation's own fields, or
"sql.<key>" for an answer to the SQL criteria, which may be owed at a stage after SQL.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from core.errors import FieldError, ValidationFailed, pointer
from leads.criteria import values_of
from leads.incoming import MAX_CUSTOM_KEYS, storable
from leads.lifecycle import Stage
from leads.models import Lead, LeadSettings
from leads.quality import is_known
from leads.requirements import REQUIRED_FIELDS
from leads.sql_bar import Bar
from tenants.config import configured

#: Steps that may ask for fields, in the order of the lifecycle.
ASKING: Final = (Stage.SAL, Stage.SQL, Stage.OPPORTUNITY, Stage.WON, Stage.LOST, Stage.DISQUALIFIED)
#: Of them, those after the SQL step, which may ask for its answers.
AFTER_SQL: Final = (Stage.OPPORTUNITY, Stage.WON, Stage.LOST, Stage.DISQUALIFIED)
#: Stages whose leads may grow stale: those of an open handoff.
STANDING: Final = (Stage.MQL, Stage.SAL, Stage.SQL, Stage.OPPORTUNITY)
MOST_OWED: Final = 40
MOST_DAYS: Final = 250
CUSTOM, SQL = "custom.", "sql."
CUSTOM_NAME: Final = 60
CUSTOM_TEXT: Final = 500
_CUSTOM_NAME: Final = re.compile(r"\w(?:[\w .-]*[\w.-])?")
_NUMBERS: Final = ("score", "account.employees", "account.revenue")
#: What a correction calls them, where that is another name.
_CORRECTED: Final = {"company_name": "company.name", "country": "company.country", "region": "company.region"}


@dataclass(frozen=True, slots=True)
class OwedField:
    """A field of the lead or its company that a step asks for. number: a whole number is wanted."""

    name: str
    label: str
    number: bool = False

    @property
    def is_custom(self) -> bool:
        return self.name.startswith(CUSTOM)

    @property
    def corrected_as(self) -> str:
        """Its name among corrections (`leads.corrections.said_of`)."""
        return _CORRECTED.get(self.name) or self.name.replace("account.", "company.", 1)


@configured
def settings_row() -> LeadSettings:
    """The organisation's settings; those of a new one where nothing was chosen. One query."""
    return LeadSettings.objects.first() or LeadSettings()


def owed_label(name: str, bar: Bar | None = None) -> str:
    """A field that may be owed, in words."""
    if name.startswith(CUSTOM):
        return name.removeprefix(CUSTOM).replace("_", " ").capitalize()
    if name.startswith(SQL):
        question = bar.question(name.removeprefix(SQL)) if bar else None
        return question.label if question else name.removeprefix(SQL).replace("_", " ").capitalize()
    return REQUIRED_FIELDS.get(name, name)


def owed_at(stage: Stage) -> tuple[list[OwedField], list[str]]:
    """(fields, keys of the SQL criteria) that a step asks for."""
    names = settings_row().owed.get(str(stage), ())
    fields = [
        OwedField(name, owed_label(name), name in _NUMBERS) for name in names if not name.startswith(SQL)
    ]
    return fields, [name.removeprefix(SQL) for name in names if name.startswith(SQL)]


def missing(lead: Lead, fields: Sequence[OwedField]) -> list[OwedField]:
    """Those of the fields that are not known of the lead (`leads.quality.is_known`)."""
    if not fields:
        return []
    values = values_of(lead, lead.account if lead.account_id else None)
    return [each for each in fields if not _is_known(lead, values, each)]


def _is_known(lead: Lead, values: Mapping[str, object], each: OwedField) -> bool:
    if each.is_custom:
        return lead.custom.get(each.name.removeprefix(CUSTOM)) not in (None, "", [], {})
    return is_known(values, each.name)


def read_fields(asked: Sequence[OwedField], said: Mapping[str, Any]) -> dict[str, Any]:
    """Values by the names of what is asked, blank and null left out. Raises ValidationFailed at
    /fields/<name> for a field that is not asked and for a value of the wrong kind."""
    known = {each.name: each for each in asked}
    found: dict[str, Any] = {}
    errors: list[FieldError] = []
    for name, value in said.items():
        path = pointer("fields", str(name)[:80])
        field = known.get(name)
        if field is None:
            text = f"This step does not ask for {str(name)[:80]!r}."
            text += f" It asks for: {', '.join(known)}." if known else " It asks for nothing."
            errors.append(FieldError(path, text, "unknown_field"))
        elif value is None or value == "":
            continue
        elif field.number:
            if isinstance(value, int) and not isinstance(value, bool):
                found[name] = value
            else:
                errors.append(FieldError(path, "A whole number is wanted.", "wrong_type"))
        elif not isinstance(value, str) or not storable(value):
            errors.append(FieldError(path, "A text is wanted.", "wrong_type"))
        elif len(value) > CUSTOM_TEXT:
            errors.append(FieldError(path, f"At most {CUSTOM_TEXT} characters.", "max_length"))
        elif value.strip():
            found[name] = value.strip()
    if errors:
        raise ValidationFailed(errors[0].message, field_errors=errors)
    return found


# --- Checking what is chosen ---


def check_owed(said: object, bar: Bar) -> dict[str, list[str]]:
    """Fields by stage, as they are kept. Raises ValidationFailed at /owed/<stage>[/<place>]."""
    if not isinstance(said, dict):
        raise ValidationFailed.at("/owed", "An object of lists by stage is wanted.", "wrong_type")
    errors: list[FieldError] = []
    kept: dict[str, list[str]] = {}
    for stage, names in said.items():
        path = pointer("owed", str(stage)[:40])
        if stage not in ASKING:
            errors.append(FieldError(path, f"Use one of: {', '.join(ASKING)}.", "invalid_choice"))
        elif not isinstance(names, list) or len(names) > MOST_OWED:
            errors.append(FieldError(path, f"A list of at most {MOST_OWED} fields.", "wrong_type"))
        else:
            for place, name in enumerate(names):
                problem = _owed_problem(name, Stage(stage), bar)
                if problem:
                    code = "bad_name" if str(name).startswith(CUSTOM) else "unknown_field"
                    errors.append(FieldError(f"{path}/{place}", problem, code))
            good = [name for name in names if isinstance(name, str)]
            if good:
                kept[str(stage)] = list(dict.fromkeys(good))
    if errors:
        raise ValidationFailed(errors[0].message, field_errors=errors)
    return {str(stage): kept[stage] for stage in ASKING if stage in kept}


def _owed_problem(name: object, stage: Stage, bar: Bar) -> str:
    if not isinstance(name, str) or not storable(name):
        return "The name of a field is wanted."
    if name.startswith(CUSTOM):
        rest = name.removeprefix(CUSTOM)
        if len(rest) <= CUSTOM_NAME and _CUSTOM_NAME.fullmatch(rest):
            return ""
        return (
            f"{rest[:CUSTOM_NAME]!r} cannot be the name of a field of yours: 1 to {CUSTOM_NAME} letters, "
            "digits, spaces, dots, - and _, as it stands in custom."
        )
    if name.startswith(SQL):
        if stage not in AFTER_SQL:
            return "Answers can be owed after SQL; at SQL the criteria say themselves what must be."
        known = [each.key for each in bar.questions]
        if name.removeprefix(SQL) not in known:
            return f"The SQL criteria ask no {name.removeprefix(SQL)[:80]!r}. They ask: {', '.join(known)}."
        return ""
    if name not in REQUIRED_FIELDS:
        return f"There is no field {name[:80]!r}."
    return ""


def check_stale(said: object) -> dict[str, int]:
    """Working days by stage, as they are kept. Raises ValidationFailed at /stale_days/<stage>."""
    if not isinstance(said, dict):
        raise ValidationFailed.at("/stale_days", "An object of days by stage is wanted.", "wrong_type")
    errors: list[FieldError] = []
    for stage, days in said.items():
        path = pointer("stale_days", str(stage)[:40])
        if stage not in STANDING:
            errors.append(FieldError(path, f"Use one of: {', '.join(STANDING)}.", "invalid_choice"))
        elif days is not None and (
            not isinstance(days, int) or isinstance(days, bool) or not 1 <= days <= MOST_DAYS
        ):
            errors.append(
                FieldError(path, f"1 to {MOST_DAYS} working days, or null for never.", "out_of_range")
            )
    if errors:
        raise ValidationFailed(errors[0].message, field_errors=errors)
    return {str(stage): said[stage] for stage in STANDING if said.get(stage) is not None}


def room_for_custom(lead: Lead, names: Sequence[str]) -> bool:
    """Whether the lead's own fields may grow by these."""
    return len({*lead.custom, *names}) <= MAX_CUSTOM_KEYS
