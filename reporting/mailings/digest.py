"""The digest of a week: what marketing delivered and what sales made of it.

Every number is the rejections report's of the same seven days (reporting.definitions), so that the links lead
to the same figures. Notable notes: of each reason of marketing's side the longest note that a rep wrote, the
most frequent reasons first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Count, Min
from django.db.models.functions import Length
from django.urls import reverse

from feedback.models import Disposition, Dispute
from feedback.settings import settings as feedback_settings
from handoff.dispute_reads import disputable, visible_disputes
from reporting import selectors
from reporting.definitions import Share
from reporting.selectors import Question, ReasonRow, Tally
from reporting.selectors.feedback import overturned_count
from reporting.selectors.funnels import Key, tallies_of
from reporting.selectors.questions import HANDOFF_SPLITS, handoff_facts
from tenants.models import Member, Tenant

#: Rows of a split that are told one by one.
MOST_ROWS: Final = 10
MOST_NOTES: Final = 5
#: Characters of a note that a mail repeats.
NOTE_LENGTH: Final = 400
SPLITS: Final = ("campaign", "source")


@dataclass(frozen=True, slots=True)
class DigestRow:
    """A campaign or source, in the week and in the one before."""

    key: Key
    name: str
    tally: Tally
    before: Tally


@dataclass(frozen=True, slots=True)
class Split:
    """others: how many values more there are."""

    rows: list[DigestRow]
    others: int


@dataclass(frozen=True, slots=True)
class NotableNote:
    lead_id: UUID
    lead: str
    reason: str
    note: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Disputes:
    """open: wait for a decision, the oldest since `since`. disputable: rejections that may still be disputed,
    the first of them until `until`."""

    open: int = 0
    since: datetime | None = None
    disputable: int = 0
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Digest:
    """overturned: of the week's rejections, by disputes."""

    week: date
    whole: Tally
    before: Tally
    reasons: list[ReasonRow]
    splits: Mapping[str, Split]
    notes: list[NotableNote]
    overturned: int
    disputes: Disputes

    @property
    def last(self) -> date:
        return last_of(self.week)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to tell: nothing was delivered, is open or can be disputed."""
        return not (self.whole.all["mqls"] or self.disputes.open or self.disputes.disputable)


def last_of(week: date) -> date:
    """The Sunday of the week from a Monday."""
    return week + timedelta(days=6)


def week_question(tenant: Tenant, week: date, sight: Mapping[str, Any]) -> Question:
    """The question of the seven days from a Monday, as far as somebody may ask it."""
    return Question(zone=ZoneInfo(tenant.time_zone), first=week, last=last_of(week), **sight)


def digest_of(tenant: Tenant, week: date, *, now: datetime, reader: Member | None) -> Digest:
    """The digest of the week from a Monday. reader: None sees the whole organisation.

    The number of queries does not depend on that of the rows.
    """
    question = week_question(tenant, week, selectors.sight_of(reader) if reader else {})
    ground = selectors.handoff_ground(question)
    names = selectors.load_names({})
    splits, found = {}, None
    for by in SPLITS:
        found = selectors.rejections(question, by, now=now, names=names, ground=ground)
        groups = found.groups[:MOST_ROWS]
        column = HANDOFF_SPLITS[by][0]
        former = tallies_of(question.before, column, ground, now, None, [group.key for group in groups])
        rows = [
            DigestRow(group.key, group.name, group.tally, former.get(group.key, Tally())) for group in groups
        ]
        splits[by] = Split(rows, found.number - len(rows))
    assert found is not None
    return Digest(
        week=week,
        whole=found.whole,
        before=found.before,
        reasons=found.reasons,
        splits=splits,
        notes=_notes(question, found.reasons),
        overturned=overturned_count(question),
        disputes=_disputes(reader, now),
    )


def _notes(question: Question, reasons: list[ReasonRow]) -> list[NotableNote]:
    ranks = {row.slug: place for place, row in enumerate(reasons)}
    told = handoff_facts(question).filter(decision="rejected").exclude(reason_side="routing")
    notes = (
        Disposition.objects.filter(
            kind=Disposition.Kind.REJECTED,
            undone_at__isnull=True,
            handoff_id__in=told.values("id"),
            reason__isnull=False,
        )
        .exclude(note="")
        .annotate(length=Length("note"))
        .order_by("reason_id", "-length", "-at", "id")
        .distinct("reason_id")
        .select_related("reason", "by", "handoff__lead__account")
    )
    chosen = sorted(notes, key=lambda each: ranks.get(each.reason.slug, len(ranks)))[:MOST_NOTES]
    return [
        NotableNote(
            lead_id=each.handoff.lead_id,
            lead=each.handoff.lead.full_name or each.handoff.lead.email or "a lead",
            reason=each.reason.label,
            note=_short(each.note),
            by=each.by.name if each.by else "",
            at=each.at,
        )
        for each in chosen
    ]


def _short(note: str) -> str:
    said = " ".join(note.split())
    return said if len(said) <= NOTE_LENGTH else said[:NOTE_LENGTH].rstrip() + "…"


def _disputes(reader: Member | None, now: datetime) -> Disputes:
    waiting = visible_disputes(reader).select_related(None).filter(state=Dispute.State.OPEN).order_by()
    may = disputable(reader, now=now).select_related(None).order_by()
    opened = waiting.aggregate(number=Count("id"), first=Min("opened_at"))
    answered = may.aggregate(number=Count("id"), first=Min("at"))
    days = timedelta(days=feedback_settings().dispute_days)
    return Disputes(
        open=opened["number"],
        since=opened["first"],
        disputable=answered["number"],
        until=answered["first"] + days if answered["number"] else None,
    )


# --- For programs -------------------------------------------------------------------------------------------

_TOLD: Final = {"delivered": "mqls", "accepted": "accepted", "rejected": "rejected", "nurture": "nurtured"}


def as_document(digest: Digest) -> dict[str, Any]:
    """What the API and webhooks give."""
    return {
        "week": digest.week.isoformat(),
        "first": digest.week.isoformat(),
        "last": digest.last.isoformat(),
        **_numbers(digest.whole),
        "before": _numbers(digest.before),
        "overturned": digest.overturned,
        "reasons": [
            {"reason": row.slug, "label": row.label, "count": row.count, "before": row.before}
            for row in digest.reasons
        ],
        **{
            f"by_{by}": [
                {by: row.key or "", **_numbers(row.tally), "before": _numbers(row.before)}
                for row in split.rows
            ]
            for by, split in digest.splits.items()
        },
        "notes": [
            {"lead": str(each.lead_id), "reason": each.reason, "note": each.note, "at": each.at.isoformat()}
            for each in digest.notes
        ],
        "disputes": {
            "open": digest.disputes.open,
            "oldest": digest.disputes.since.isoformat() if digest.disputes.since else None,
            "disputable": digest.disputes.disputable,
            "first_until": digest.disputes.until.isoformat() if digest.disputes.until else None,
        },
        "link": reverse("reporting:digest") + f"?week={digest.week.isoformat()}",
    }


def _numbers(tally: Tally) -> dict[str, Any]:
    counts: Counter[str] = tally.all
    rate: Share = tally.acceptance
    return {
        **{name: counts[column] for name, column in _TOLD.items()},
        "undecided": counts["undecided"],
        "acceptance": rate.as_dict(),
    }
