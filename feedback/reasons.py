"""The reasons a new organisation starts with. Slugs are part of the API; labels and hints are the tenant's
to change."""

from __future__ import annotations

from dataclasses import dataclass

from feedback.models import Reason


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
)
