"""The reasons a new organisation starts with. Slugs are part of the API; labels and hints are the tenant's
to change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from feedback.models import Reason
from leads.lifecycle import Stage


@dataclass(frozen=True, slots=True)
class DefaultReason:
    kind: Reason.Kind
    slug: str
    label: str
    hint: str
    side: Reason.Side = Reason.Side.MARKETING
    note_required: bool = False
    earns_credit: bool = False


REJECT, NURTURE = Reason.Kind.REJECT, Reason.Kind.NURTURE
DISQUALIFIED, LOST = Reason.Kind.DISQUALIFIED, Reason.Kind.LOST

#: Stages to which a reason of each kind may lead; the first where it says nothing else. A reason that is
#: routing's leads nowhere: the lead goes on to another person.
LEADS_TO: Final[Mapping[Reason.Kind, tuple[Stage, ...]]] = {
    REJECT: (Stage.REJECTED, Stage.NURTURE, Stage.DISQUALIFIED),
    NURTURE: (Stage.NURTURE,),
    DISQUALIFIED: (Stage.DISQUALIFIED,),
    LOST: (Stage.LOST, Stage.NURTURE),
}


def stage_of(reason: Reason) -> Stage | None:
    """The stage that a lead comes to by this reason; None where it goes to another person instead."""
    if reason.side == Reason.Side.ROUTING:
        return None
    return Stage(reason.leads_to) if reason.leads_to else LEADS_TO[Reason.Kind(reason.kind)][0]


DEFAULT_REASONS: tuple[DefaultReason, ...] = (
    DefaultReason(REJECT, "wrong_title", "Wrong title or role", "Not somebody who decides or influences"),
    DefaultReason(REJECT, "wrong_company_size", "Wrong company size", "Too small or too large for us"),
    DefaultReason(REJECT, "wrong_industry", "Wrong industry", "A field we do not serve"),
    DefaultReason(REJECT, "competitor", "Competitor", "Works for a competitor"),
    DefaultReason(REJECT, "existing_customer", "Existing customer", "Belongs to customer success"),
    DefaultReason(REJECT, "no_budget", "No budget indicated", "Said that there is no money for it"),
    DefaultReason(
        REJECT, "bad_contact_data", "Bad contact data", "Phone or e-mail does not work", earns_credit=True
    ),
    DefaultReason(REJECT, "not_evaluating", "Not currently evaluating", "No project now; research or study"),
    DefaultReason(REJECT, "duplicate", "Duplicate", "Already a lead, customer or open deal"),
    DefaultReason(
        REJECT,
        "wrong_territory",
        "Wrong territory",
        "Right lead, other region: routes again",
        Reason.Side.ROUTING,
    ),
    DefaultReason(
        REJECT, "wrong_owner", "Wrong owner", "Right lead, other person: routes again", Reason.Side.ROUTING
    ),
    DefaultReason(REJECT, "other", "Other", "Needs a note", note_required=True),
    DefaultReason(NURTURE, "not_evaluating", "Wrong timing", "Real need, but later"),
    DefaultReason(NURTURE, "no_budget", "No budget yet", "Comes back when there is money"),
    DefaultReason(NURTURE, "no_response", "No response", "Reached out as agreed, heard nothing"),
    DefaultReason(NURTURE, "other", "Other", "Needs a note", note_required=True),
    DefaultReason(DISQUALIFIED, "no_need", "No need", "Talked, and there is nothing that we could solve"),
    DefaultReason(DISQUALIFIED, "not_a_fit", "Not a fit", "Company or use is not what we are made for"),
    DefaultReason(DISQUALIFIED, "no_authority", "Not the decision maker", "And leads to nobody who decides"),
    DefaultReason(DISQUALIFIED, "competitor", "Competitor", "Works for a competitor"),
    DefaultReason(DISQUALIFIED, "bad_contact_data", "Bad contact data", "Phone or e-mail does not work"),
    DefaultReason(DISQUALIFIED, "other", "Other", "Needs a note", note_required=True),
    DefaultReason(LOST, "competitor", "Chose a competitor", "Bought from somebody else"),
    DefaultReason(LOST, "price", "Price", "Too expensive for what it gives"),
    DefaultReason(LOST, "no_budget", "No budget", "The money was not there, or went elsewhere"),
    DefaultReason(LOST, "no_decision", "No decision", "The project was stopped or put off"),
    DefaultReason(LOST, "missing_feature", "Missing feature", "Something that they need is not there"),
    DefaultReason(LOST, "no_response", "No response", "Went silent after it had begun"),
    DefaultReason(LOST, "other", "Other", "Needs a note", note_required=True),
)
