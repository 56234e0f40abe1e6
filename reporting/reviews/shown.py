"""A review as it is shown: live while it is open, from what was frozen ever after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from reporting.reviews import pack, record
from reporting.reviews.gather import pack_of
from reporting.reviews.models import Review
from reporting.reviews.pack import Correction, Pack, corrections
from reporting.reviews.periods import period_of
from reporting.reviews.record import Decision, Note, Said, said_in
from tenants.audit import names_of_actors
from tenants.models import Tenant

#: Not compared with today's: what is proposed is of the quarter that was, what was changed has no number.
_NOT_COMPARED = ("proposals", "changes")


@dataclass(frozen=True, slots=True)
class Shown:
    """as_of: when the numbers were taken. addenda: notes after the close. decisions: as they stand today; of
    a closed review `said` has them as they were."""

    pack: Pack
    said: Said
    as_of: datetime
    addenda: Sequence[Note]
    decisions: Sequence[Decision]
    closed_by: str


def shown_of(review: Review, *, tenant: Tenant, now: datetime) -> Shown:
    """What a page, a file and a mail say of a review."""
    if review.frozen is None or review.closed_at is None:
        said = said_in(review)
        found = pack_of(tenant=tenant, period=period_of(review), now=now)
        return Shown(found, said, now, (), said.decisions, "")
    later = said_in(review, since=review.closed_at)
    return Shown(
        pack.from_document(review.frozen),
        record.from_document(review.frozen["said"]),
        review.closed_at,
        later.notes,
        later.decisions,
        names_of_actors([review.closed_by])[review.closed_by],
    )


def corrections_of(review: Review, *, tenant: Tenant, now: datetime) -> list[Correction]:
    """Which numbers of a closed review are other ones by now."""
    if review.frozen is None:
        return []
    live = pack_of(tenant=tenant, period=period_of(review), now=now)
    # Through JSON, as the frozen ones went.
    return list(corrections(pack.from_document(review.frozen), live, without=_NOT_COMPARED))
