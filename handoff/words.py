"""Codes of the engine in words for people. Codes are stored and sent, words are only shown."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.utils import timezone

from sla import targets

#: A target in a due line: "first touch 14:15", "decide by Wed 09:52".
DUE: Final = {
    "first_touch": "first touch",
    "decision": "decide by",
    "attempts": "attempts by",
    "sql_decision": "SQL by",
}


def due_words(target: str) -> str:
    """A target before its time: "first touch", "SAL to SQL by"."""
    return DUE.get(target) or f"{targets.label(target)} by"


TOUCHES: Final = {
    "call": "Call",
    "email": "E-mail",
    "meeting": "Meeting",
    "linkedin": "LinkedIn message",
    "sms": "SMS",
}

ENGAGEMENTS: Final = {
    "demo_request": "Asked for a demo",
    "pricing_page": "Looked at the pricing page",
    "contact_form": "Sent the contact form",
    "content_download": "Downloaded content",
    "page_view": "Read a page",
    "webinar": "Attended a webinar",
    "trial_started": "Started a trial",
    "email_reply": "Replied by e-mail",
    "arrival": "Arrived",
}

#: Why a candidate was passed over, or chosen, and why a lead has no owner.
REASONS: Final = {
    "weighted_round_robin": "Their turn in the pool",
    "round_robin": "Their turn in the pool",
    "least_loaded": "Most room below their limit",
    "fastest": "Could answer soonest",
    "account_owner": "Owns the account",
    "claimed": "Claimed it",
    "may_claim": "May claim it",
    "waits_for_claim": "Waits to be claimed by somebody of its pool",
    "held": "Held until somebody of its pool is at work",
    "by_hand": "Chosen by a person",
    "stand_in": "Named by the escalation ladder",
    "queued": "The escalation ladder put it in the queue: give it to somebody",
    "nurture": "A nurture sequence answers it instead of a person",
    "outside": "Chosen by another system",
    "fallback": "Fallback person",
    "all_at_cap": "Everybody in the pool is at their cap",
    "nobody_available": "Nobody in the pool is available",
    "pool_exhausted": "Everybody in the pool had it before",
    "pool_missing": "The pool of the rule does not exist or is switched off",
    "pool_empty": "The pool has no people",
    "no_rule": "No routing rule matched",
    "no_rule_set": "No routing rules are published",
    "hop_limit": "It moved as often as it may",
    "owner_inactive": "That person is not active",
    "owner_owns_no_leads": "That person takes no leads",
    "fallback_missing": "No fallback person is named",
    "fallback_had_it": "The fallback person had it before",
    "inactive": "Not active",
    "owns_no_leads": "Takes no leads",
    "earlier_owner": "Had this lead before",
    "off_rotation": "Off the rotation",
    "no_weight": "Weight 0: takes no turns",
    "on_leave": "Out",
    "at_cap": "At the cap of open leads",
    "at_day_cap": "At the cap of leads a day",
    "at_week_cap": "At the cap of leads a week",
    "at_deal_cap": "At the cap of open opportunities",
    "never_open": "Has no working hours",
    "opens_later": "Starts work later than others",
    "later_turn": "Comes later in the rotation",
    "not_at_work": "Not at work",
}

#: What is said otherwise to whoever it is about.
_OF_YOU: Final = {
    "weighted_round_robin": "Your turn in the pool",
    "round_robin": "Your turn in the pool",
    "least_loaded": "You had most room below your limit",
    "fastest": "You could answer soonest",
    "account_owner": "You own the account",
    "claimed": "You claimed it",
    "fallback": "You catch what nobody takes",
    "at_cap": "At your cap of open leads",
    "at_day_cap": "At your cap of leads a day",
    "at_week_cap": "At your cap of leads a week",
    "at_deal_cap": "At your cap of open opportunities",
    "inactive": "You were not active",
    "earlier_owner": "You had this lead before",
    "never_open": "You have no working hours",
    "opens_later": "You start work later than others",
    "later_turn": "You come later in the rotation",
    "not_at_work": "You were not at work",
}


def reason_of(code: str, *, is_you: bool = False) -> str:
    """Why somebody was chosen or passed over, told to them (is_you) or to somebody else."""
    return (_OF_YOU.get(code) if is_you else None) or say(REASONS, code)


#: Why a lead has no owner, where the same code says something else of a person.
_UNOWNED: Final = {
    "outside": "Another system chooses the owners here, and it named nobody",
}


def unowned_reason(code: str) -> str:
    """Why a lead has no owner."""
    return _UNOWNED.get(code) or say(REASONS, code or "nobody_available")


TIE_BREAKS: Final = {
    "only_one": "Nobody else in the pool could take it.",
    "load": "Most room below their limit.",
    "turns": "Fewest turns taken in this pool.",
    "longest_waiting": "As many turns as others, and waiting longest since the last lead.",
    "id": "As many turns and as long a wait as others: the fixed order decides.",
}

ENDED: Final = {
    "breach": "overdue",
    "hand_over": "handed over",
    "away": "its owner went away",
    "outside": "given to somebody else by another system",
    "reassigned": "reassigned",
    "rerouted": "refused as not theirs",
    "closed": "closed",
    "undone": "undone",
}

TRIGGERS: Final = {
    "intake": "When it arrived",
    "breach": "After it was overdue",
    "hand_over": "When it was handed over",
    "away": "When its owner went away",
    "reassigned": "When it was reassigned",
    "rerouted": "When it was refused as not theirs",
    "drain": "When somebody became available",
    "outside": "As another system asked",
    "claimed": "When it was claimed",
    "undone": "When an answer was undone",
}

ACTIONS: Final = {
    "remind_owner": "owner reminded",
    "warn_manager": "manager warned",
    "tell_manager": "manager told",
    "tell_director": "director told",
    "tell_chain": "manager and director told",
    "tell_person": "a named person told",
    "raise_priority": "priority raised",
    "call_webhook": "webhooks called",
    "reassign": "moved on",
    "move_to_queue": "put in the queue",
}

OUTCOMES: Final = {
    "rejected": "Rejected",
    "nurture": "In nurture",
    "disqualified": "Disqualified",
    "won": "Won",
    "lost": "Lost",
}


def say(words: dict[str, str], code: str) -> str:
    """The words of a code; an unknown one is made readable as it is."""
    return words.get(code) or code.replace("_", " ").capitalize()


def touch_outcome(text: str) -> str:
    """How a touch went, as people read it: a code of another system ("no_answer") without its underscores."""
    return text if " " in text else text.replace("_", " ").strip()


#: The sentences of `moves`, which speak to the new owner, for everybody else who reads them.
_OF_ANOTHER: Final = (
    ("It was your turn", "It was their turn"),
    ("names you as", "names them as"),
    ("and you catch what is left", "and they catch what is left"),
    ("chose you for it", "chose them for it"),
)


def why_them(reason: str) -> str:
    """Why somebody got a lead, told to somebody else."""
    for you, them in _OF_ANOTHER:
        reason = reason.replace(you, them, 1)
    return reason


def lower_first(text: str) -> str:
    """The text in the middle of a sentence: its first letter small, unless it is an acronym."""
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]


def listed(parts: list[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return " and ".join(part for part in (", ".join(parts[:-1]), *parts[-1:]) if part)


def moment(at: datetime) -> str:
    """An instant for a sentence, in the zone of whoever asks: "17 Nov, 14:12 CET"."""
    local = timezone.localtime(at)
    return f"{local.day} {local:%b, %H:%M} {local.tzname()}"
