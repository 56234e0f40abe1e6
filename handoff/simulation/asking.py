"""One lead put to the draft and to what is in force, side by side, and told as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from core.errors import DomainError, ValidationFailed
from handoff import words
from handoff.simulation.cases import side_of
from handoff.simulation.leads import as_uuid
from handoff.simulation.single import (
    HELD,
    NO_RULE_SET,
    NOT_QUALIFIED,
    OUTSIDE,
    Answer,
    account_owner,
    board_at,
    desk,
    facts_of_lead,
    known_of_lead,
    member_id_of,
)
from handoff.simulation.typed import check_addresses, facts_at, known_at
from leads.matching import normalise_email
from leads.models import Lead
from leads.requirements import required_labels
from tenants.config import steady_config
from tenants.models import Member
from tenants.selectors import find_member, person_document

#: Why no rule was asked.
WHY_NOT = {
    NOT_QUALIFIED: "It is not handed over: it does not meet the criteria, and nothing else hands it over",
    HELD: "It qualifies, and is held for enrichment first",
    OUTSIDE: "Another system chooses the owner: routing is switched off here",
    "nurture": "A nurture sequence answers it instead of a person",
    NO_RULE_SET: "No routing rules are published",
}


def why_not(answer: Answer) -> str:
    """Why no rule was asked, in words; "" where one was."""
    judged = answer.judgement
    if answer.why_not == NOT_QUALIFIED and judged is None:
        return "It is not handed over: no criteria are in force"
    if answer.why_not == NOT_QUALIFIED and judged is not None and judged.qualified:
        lacks = words.listed(required_labels(judged.needs))
        return f"It is not handed over: it meets the criteria, and lacks {lacks}, which a handoff requires"
    return WHY_NOT.get(answer.why_not, "")


def find_lead(text: str) -> Lead:
    """A lead by id or e-mail. Raises ValidationFailed at /lead."""
    found: Lead | None = None
    rows = Lead.objects.select_related("account")
    if (lead_id := as_uuid(text.strip())) is not None:
        found = rows.filter(id=lead_id).first()
    else:
        try:
            found = rows.filter(email=normalise_email(text)).first()
        except ValidationFailed:
            found = None
    if found is None:
        raise ValidationFailed.at("/lead", "There is no lead with this id or e-mail.", "unknown_lead")
    return found


def check_moment(at: datetime) -> None:
    """Raises ValidationFailed at /at for a moment that no calendar knows."""
    if not 2000 <= at.year <= 2100:
        raise ValidationFailed.at("/at", "A moment from 2000 to 2100.", "range")


def with_owner_id(typed: Mapping[str, Any]) -> dict[str, Any]:
    """Typed facts with the account's owner by id, where a program named one by e-mail. Raises
    ValidationFailed at /facts/account/owner.
    """
    owner = (typed.get("account") or {}).get("owner")
    if not owner:
        return dict(typed)
    member = find_member(owner, path="/facts/account/owner")
    return {**typed, "account": {**typed["account"], "owner": str(member.id)}}


def answers(
    sides: Sequence[str],
    *,
    lead: Lead | None,
    typed: Mapping[str, Any] | None,
    at: datetime,
    now: datetime,
    broken: dict[str, str] | None = None,
) -> dict[str, Answer | None]:
    """What each side makes of a lead that is there, or of a typed one; None for a draft that is not there.

    A lead that was handed over before is routed whatever the criteria say of it now.
    broken: takes why a side cannot be asked, which is then None. Without it ValidationFailed is raised at
            /draft.
    """
    check_moment(at)
    check_addresses(typed or {})
    with steady_config():
        facts = facts_of_lead(lead, at) if lead is not None else facts_at(with_owner_id(typed or {}), at)
        known = known_of_lead(lead, at) if lead is not None else known_at(typed or {})
        board = board_at(at, others=account_owner(facts))
        found: dict[str, Answer | None] = {}
        for side in sides:
            found[side] = None
            contents = side_of(side, now)
            if contents is None:
                continue
            try:
                seat = desk(at=at, now=now, rules=contents.rules, criteria=contents.criteria, board=board)
            except DomainError as refusal:
                message = f"The {side} cannot be asked: {refusal.message}"
                if broken is None:
                    raise ValidationFailed.at(f"/{side}", message, "invalid") from refusal
                broken[side] = message
            else:
                found[side] = seat.answer(facts, known)
        return found


def ask_about(
    sides: Sequence[str],
    *,
    lead: Lead | None,
    typed: Mapping[str, Any] | None,
    at: datetime,
    now: datetime,
) -> dict[str, Any]:
    """`answers`, for programs."""
    found = answers(sides, lead=lead, typed=typed, at=at, now=now)
    return {"at": at, **{side: document(one) if one else None for side, one in found.items()}}


def document(answer: Answer) -> dict[str, Any]:
    """An answer with its whole trace, for programs."""
    judged, result = answer.judgement, answer.result
    member_id: UUID | None = member_id_of(answer)
    reason = result.reason if result else answer.why_not
    return {
        "qualified": answer.qualifies,
        "needs": judged.needs if judged else [],
        "waits_for": list(answer.waits_for),
        "qualification": judged.verdict if judged else None,
        "tier": answer.tier.tier.slug if answer.tier else None,
        "deadlines": [
            {"target": due.target, "company_due_at": due.company, "owner_due_at": due.owner}
            for due in answer.dues
        ],
        "owner": person_document(Member.objects.filter(id=member_id).first()) if member_id else None,
        "outcome": result.outcome if result else "not_routed",
        "reason": reason,
        "words": words.say(words.REASONS, reason) if result else why_not(answer),
        "pool": result.pool if result else None,
        "rule": result.rule if result else "",
        "priority": result.priority if result else 0,
        "trace": result.trace if result else {},
    }
