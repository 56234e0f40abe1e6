"""What criteria would make of the leads of lately, beside those in force. Writes nothing.

Each lead is judged as it was at its latest sign of life: when it came, or the last thing that it did. Judged
by the clock of today nearly every lead of a month ago would be out of its windows, under any criteria. What
it did counts as when it is judged again: since its last handoff was closed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from core.errors import FieldError, ValidationFailed
from core.rules import Facts
from leads.account_facts import Beside
from leads.criteria import Criteria, compile_content, facts_of, load_criteria
from leads.list_names import ListNames
from leads.models import CriteriaVersion, Lead
from leads.preview_facts import SeenLead, see_leads
from leads.reasons import reasons_against
from tenants.versions import version_in_force

USUAL: Final = 1_000
MOST: Final = 10_000
#: Leads that change, shown with their reasons.
MOST_SHOWN: Final = 200


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
    rules = [rule for side in sides for rule in side.rules]
    seen = see_leads(last, rules)
    # A score that nobody asks for is not counted; one from outside is a column like the others.
    counts = [side.asks_score and side.signals is not None for side in sides]
    before = after = 0
    changed: list[tuple[SeenLead, bool]] = []
    for lead in seen:
        facts = Facts(lead.values, lead.did, lead.at)
        would = draft.qualifies(draft.scored(facts) if counts[0] else facts)
        does = current is not None and current.qualifies(current.scored(facts) if counts[1] else facts)
        before += does
        after += would
        if would is not does:
            changed.append((lead, would))
    gained = sum(1 for *_, would in changed if would)
    return CriteriaPreview(
        leads=len(seen),
        before=before,
        after=after,
        gained=gained,
        lost=len(changed) - gained,
        version=version.number if version else 0,
        changed=_explained(changed[:MOST_SHOWN], draft, current),
    )


def _explained(
    changed: Sequence[tuple[SeenLead, bool]], draft: Criteria, current: Criteria | None
) -> list[ChangedLead]:
    """The leads that change, with what decides each."""
    leads = Lead.objects.select_related("account").in_bulk([UUID(seen.key) for seen, _ in changed])
    beside = Beside((lead, lead.account) for lead in leads.values())
    found, lists = [], ListNames()
    for seen, would in changed:
        lead = leads.get(UUID(seen.key))
        if lead is None:
            continue
        refuses = current if would else draft
        facts = facts_of(lead, lead.account, seen.did, seen.at, criteria=refuses, beside=beside)
        when = "Until now" if would else "Now"
        unmet = reasons_against(lists.in_verdict(refuses.judge(facts).verdict), when) if refuses else []
        reasons = tuple(each.text for each in unmet)
        found.append(ChangedLead(lead.id, lead.full_name, lead.company, seen.at, would, reasons))
    return found
