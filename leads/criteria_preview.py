"""What criteria would make of the leads of lately, beside those in force. Writes nothing.

Each lead is judged as it was at its latest sign of life: when it came, or the last thing that it did. Judged
by the clock of today nearly every lead of a month ago would be out of its windows, under any criteria.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet, TextField
from django.db.models.functions import Cast

from core.errors import FieldError, ValidationFailed
from core.rules import Facts
from leads.account_facts import Beside, Who, lists_of
from leads.criteria import (
    ACCOUNT_FIELDS,
    FLAGS,
    LEAD_FIELDS,
    Criteria,
    compile_content,
    facts_of,
    load_criteria,
)
from leads.list_use import FIELD as LISTS
from leads.matching import email_domain, is_free_mail
from leads.models import CriteriaVersion, Engagement, Handoff, Lead
from tenants.versions import version_in_force

USUAL: Final = 1_000
MOST: Final = 10_000
#: Leads that change, shown with their reasons.
MOST_SHOWN: Final = 200
#: Reasons of one lead.
_MOST_REASONS: Final = 3

Past = list[tuple[str, str, datetime]]


@dataclass(frozen=True, slots=True)
class ChangedLead:
    """A lead that the draft judges otherwise than what is in force. qualifies: by the draft. reasons: what
    decides it, in words.
    """

    id: UUID
    name: str
    company: str
    at: datetime
    qualifies: bool
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CriteriaPreview:
    """leads: judged. before, after: of them qualify by what is in force, by the draft. gained, lost: qualify
    by one of both alone. version: number of the one in force, 0 for none: then nobody qualifies before.
    changed: the latest MOST_SHOWN of those gained and lost.
    """

    leads: int
    before: int
    after: int
    gained: int
    lost: int
    version: int
    changed: Sequence[ChangedLead]

    @property
    def changing(self) -> int:
        """Leads that are judged otherwise."""
        return self.gained + self.lost


def preview_criteria(content: Mapping[str, Any], *, last: int = USUAL, now: datetime) -> CriteriaPreview:
    """Judge the last leads by a content and by the criteria in force. At most six statements, whatever the
    number of leads; up to six more where lists and parents are asked about. Test leads and imported history
    are left out.

    last: 1 to MOST leads, those heard of latest. Raises ValidationFailed with the place of every error of the
    content under /content.
    """
    try:
        draft = compile_content(content, number=0)
    except ValidationFailed as refusal:
        errors = [
            FieldError(f"/content{each.path}", each.message, each.code) for each in refusal.field_errors
        ]
        raise ValidationFailed(refusal.message, field_errors=errors) from refusal
    version = version_in_force(CriteriaVersion, now)
    current = load_criteria(version) if version else None
    sides = [draft, *([current] if current else [])]
    asked = {name for side in sides for rule in side.rules for name in rule.fields}
    rows = _rows(last, asked)
    lists = lists_of([_who(row) for row in rows]) if LISTS in asked else [[] for _ in rows]
    reads_past = any(rule.reads_engagements for side in sides for rule in side.rules)
    past = _past(last) if rows else {}
    # A score that nobody asks for is not counted; one from outside is a column like the others.
    counts = [side.asks_score and side.signals is not None for side in sides]
    before = after = 0
    changed: list[tuple[UUID, datetime, bool]] = []
    for row, its_lists in zip(rows, lists, strict=True):
        did = past.get(row["key"], [])
        at = max([row["created_at"], *(each[2] for each in did)])
        facts = Facts({**_values(row), LISTS: its_lists}, did if reads_past else (), at)
        would = draft.qualifies(draft.scored(facts) if counts[0] else facts)
        does = current is not None and current.qualifies(current.scored(facts) if counts[1] else facts)
        before += does
        after += would
        if would is not does:
            changed.append((UUID(row["key"]), at, would))
    gained = sum(1 for *_, would in changed if would)
    return CriteriaPreview(
        leads=len(rows),
        before=before,
        after=after,
        gained=gained,
        lost=len(changed) - gained,
        version=version.number if version else 0,
        changed=_explained(changed[:MOST_SHOWN], past, draft, current),
    )


def latest_leads(last: int) -> QuerySet[Lead]:
    """The last leads that are real, those heard of latest first."""
    history = Handoff.objects.filter(lead_id=OuterRef("pk"), is_history=True)
    real: QuerySet[Lead] = Lead.objects.filter(is_test=False).exclude(Exists(history))
    return real.order_by("-updated_at", "-id")[:last]


_COLUMNS: Final = {
    **{f"lead.{name}": name for name in LEAD_FIELDS},
    **{f"account.{name}": f"account__{name}" for name in (*ACCOUNT_FIELDS, *FLAGS)},
    "lead.email_domain": "email",
    "lead.free_email": "email",
    "account.parent_name": "account__parent__name",
    "account.parent_is_customer": "account__parent__is_customer",
}
_WHO: Final = ("email", "company_name", "account_id", "account__name", "account__domain")


def _who(row: Mapping[str, Any]) -> Who:
    email, company, account_id, name, domain = (row[column] for column in _WHO)
    return Who(email, company, account_id, name or "", domain or "")


#: Facts that are the lead's own, else its account's.
_PLACES: Final = {
    "place.country": ("lead.country", "account.country"),
    "place.region": ("lead.region", "account.region"),
}


def _rows(last: int, fields: Iterable[str]) -> list[dict[str, Any]]:
    """The columns that the rules read, of each lead."""
    read = {part for name in fields for part in _PLACES.get(name, (name,))}
    wanted = sorted({_COLUMNS[name] for name in read if name in _COLUMNS} | _of_lists(fields))
    return list(latest_leads(last).annotate(key=_text("id")).values("key", "created_at", *wanted))


def _of_lists(fields: Iterable[str]) -> set[str]:
    return set(_WHO) if LISTS in fields else set()


def _text(column: str) -> Cast:
    """An id as text: the driver takes long to make ids of fifty thousand."""
    return Cast(column, TextField())


_NAMES: Final = {column: name for name, column in _COLUMNS.items() if not name.endswith("email_domain")}
_FLAG_COLUMNS: Final = frozenset([*(f"account__{flag}" for flag in FLAGS), "account__parent__is_customer"])


def _values(row: Mapping[str, Any]) -> dict[str, object]:
    """As `facts_of` reads a lead, of the columns there are."""
    values: dict[str, object] = {}
    for column, value in row.items():
        if column == "email":
            domain = email_domain(value)
            values["lead.email"] = value
            values["lead.email_domain"] = domain
            values["lead.free_email"] = is_free_mail(domain) if domain else None
        elif column in _FLAG_COLUMNS:
            values[_NAMES[column]] = bool(value)
        elif column in _NAMES:
            values[_NAMES[column]] = value
    for name, (own, accounts) in _PLACES.items():
        values[name] = values.get(own) or values.get(accounts)
    return values


def _past(last: int) -> dict[str, Past]:
    """What each of the last leads did."""
    found: dict[str, Past] = defaultdict(list)
    listed = Engagement.objects.filter(lead_id__in=latest_leads(last).values("id"))
    for key, *did in listed.annotate(key=_text("lead_id")).values_list("key", "kind", "subject", "at"):
        found[key].append(tuple(did))
    return found


def _explained(
    changed: Sequence[tuple[UUID, datetime, bool]],
    past: Mapping[str, Past],
    draft: Criteria,
    current: Criteria | None,
) -> list[ChangedLead]:
    """The leads that change, with what decides each."""
    leads = Lead.objects.select_related("account").in_bulk([lead_id for lead_id, *_ in changed])
    beside = Beside((lead, lead.account) for lead in leads.values())
    found = []
    for lead_id, at, would in changed:
        lead = leads.get(lead_id)
        if lead is None:
            continue
        refuses = current if would else draft
        facts = facts_of(lead, lead.account, past.get(str(lead_id), []), at, criteria=refuses, beside=beside)
        reasons = _reasons(refuses, facts, "Until now" if would else "Now") if refuses else ()
        found.append(ChangedLead(lead.id, lead.full_name, lead.company, at, would, reasons))
    return found


def _reasons(refuses: Criteria, facts: Facts, when: str) -> tuple[str, ...]:
    """What keeps a lead from qualifying: each criterion that is not met, with what was seen."""
    said = []
    for criterion in refuses.judge(facts).verdict["criteria"]:
        if criterion["state"] == "met":
            continue
        label = criterion["label"]
        if label.startswith("Not excluded: "):
            said.append(f"{when} excluded: {label.removeprefix('Not excluded: ')}.")
        else:
            said.append(f"{when} not met: {label}{_seen(criterion)}.")
    return tuple(said[:_MOST_REASONS])


def _seen(criterion: Mapping[str, Any]) -> str:
    seen = criterion["seen"]
    if criterion["state"] == "missing" or seen in (None, ""):
        return ", not known"
    if isinstance(seen, bool):
        return f", it is {'yes' if seen else 'no'}"
    return "" if isinstance(seen, list) else f", it is {seen}"
