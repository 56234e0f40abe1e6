"""Reads about disputes: who sees which, who may do what, and the facts of both sides."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from core.errors import NotFound
from feedback.models import Disposition, Dispute, Reason
from feedback.settings import settings
from handoff.lead_page import criteria_lines
from handoff.selectors import SEES_ALL
from leads.list_names import ListNames
from leads.models import Assignment, Handoff, Touch
from tenants.models import Member, Role, Team

#: Who may object to a rejection.
DISPUTERS: Final = (Role.MARKETING, Role.ADMIN)
#: Who may decide a dispute.
DECIDERS: Final = (Role.MARKETING, Role.MANAGER, Role.ADMIN)
#: Who reads disputes at all.
READERS: Final = (Role.MARKETING, Role.MANAGER, Role.EXECUTIVE)

_WITH: Final = (
    "disposition__reason",
    "disposition__by",
    "handoff__lead__account",
    "handoff__owner",
    "handoff__criteria_version",
    "opener",
    "decider",
    "fresh_handoff__owner",
)


def visible_disputes(member: Member | None) -> QuerySet[Dispute]:
    """Those that a member may read: a manager's teams'; all, for marketing, executives, admins, programs."""
    found: QuerySet[Dispute] = Dispute.objects.select_related(*_WITH)
    return found.filter(in_sight(member, "handoff__"))


def get_dispute(member: Member | None, dispute_id: UUID) -> Dispute:
    """Raises NotFound, also for what this member may not see."""
    found: Dispute | None = visible_disputes(member).filter(id=dispute_id).first()
    if found is None:
        raise NotFound("There is no such dispute.")
    return found


def rejections(member: Member | None) -> QuerySet[Disposition]:
    """Answers that are rejections of marketing's leads and stand as answered, of real leads. What came in
    with an import has no answers."""
    found: QuerySet[Disposition] = Disposition.objects.filter(
        kind=Disposition.Kind.REJECTED, undone_at__isnull=True, handoff__is_test=False
    )
    found = found.select_related(
        "reason", "by", "handoff__lead__account", "handoff__owner", "handoff__criteria_version"
    )
    return found.filter(in_sight(member, "handoff__"))


def disputable(member: Member | None, *, now: datetime) -> QuerySet[Disposition]:
    """Rejections that may still be disputed."""
    since = now - timedelta(days=settings().dispute_days)
    disputed = Dispute.objects.filter(disposition=OuterRef("pk"))
    return rejections(member).filter(~Exists(disputed), at__gte=since)


def in_sight(member: Member | None, handoff: str) -> Q:
    """What a member may read, over the path to the handoff."""
    if member is None or member.role in SEES_ALL:
        return Q()
    if member.role != Role.MANAGER:
        return Q(pk__in=[])
    led = Team.objects.filter(Q(manager=member) | Q(backup=member)).values("id")
    return (
        Q(**{f"{handoff}owner__team_id__in": led})
        | (Q(**{f"{handoff}owner__team_id": member.team_id}) if member.team_id else Q(pk__in=[]))
        | Q(**{f"{handoff}owner": member})
        | Q(**{f"{handoff}owner__isnull": True})
    )


def open_count(member: Member) -> int:
    """Disputes that this member sees and that wait to be decided."""
    return visible_disputes(member).filter(state=Dispute.State.OPEN).count()


# --- Who ---


def why_not_decide(*, rejecter_id: UUID | None, opener_id: UUID | None, member: Member | None) -> str:
    """Why this person may not decide, as a sentence; "" where they may.

    Nobody decides about their own rejection, or about what they disputed themselves; of the second an
    organisation's only admin may: there nobody else could.
    """
    if member is None:
        return ""
    if member.role not in DECIDERS:
        return "Marketing, a manager or an admin decides about a dispute."
    if rejecter_id is not None and rejecter_id == member.id:
        return "Somebody else must decide: you rejected this lead."
    if opener_id is not None and opener_id == member.id and not _only_admin(member):
        return "Somebody else must decide: you disputed this rejection."
    return ""


def _only_admin(member: Member) -> bool:
    others = Member.objects.filter(role=Role.ADMIN, is_active=True).exclude(id=member.id)
    return member.role == Role.ADMIN and not others.exists()


# --- Both sides ---


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a rejection, as it was then.

    criteria: the lines of the verdict with which the lead was handed over, by the version of that day.
    touches: attempts by people, the first first. minutes: from the handover to the rejection.
    owners: how many had it. note: the rep's.
    """

    disposition: Disposition
    criteria_number: int | None
    criteria: Sequence[dict[str, Any]]
    touches: Sequence[Touch]
    owners: int
    minutes: int

    @property
    def handoff(self) -> Handoff:
        found: Handoff = self.disposition.handoff
        return found

    @property
    def reason(self) -> Reason | None:
        found: Reason | None = self.disposition.reason
        return found

    @property
    def rejecter(self) -> str:
        return self.disposition.by.name if self.disposition.by else "A program"

    @property
    def seconds(self) -> int:
        """How long after the handover it was rejected."""
        return self.minutes * 60

    @property
    def met(self) -> int:
        return sum(line["state"] == "met" for line in self.criteria)

    @property
    def document(self) -> dict[str, Any]:
        """As the API answers it."""
        verdict = self.handoff.verdict or {}
        return {
            "criteria_version": self.criteria_number,
            "criteria": [
                {"label": each["label"], "state": each["state"], "seen": each["seen"]}
                for each in verdict.get("criteria", ())
            ],
            "touches": [
                {"kind": each.kind, "at": each.at, "outcome": each.outcome, "note": each.note}
                for each in self.touches
            ],
            "owners": self.owners,
            "minutes_to_rejection": self.minutes,
        }


def evidence_of(dispositions: Collection[Disposition]) -> dict[UUID, Evidence]:
    """The facts behind rejections, by the disposition's id; two queries whatever their number.

    They bring their handoff, its criteria version and their reason along (`rejections`).
    """
    ids = [each.handoff_id for each in dispositions]
    touches: dict[UUID, list[Touch]] = {each: [] for each in ids}
    made = Touch.objects.filter(handoff_id__in=ids, automatic=False, undone_at__isnull=True)
    for touch in made.select_related("by").order_by("at", "id"):
        assert touch.handoff_id is not None
        touches[touch.handoff_id].append(touch)
    owners: dict[UUID, set[UUID]] = {each: set() for each in ids}
    for handoff_id, member_id in Assignment.objects.filter(handoff_id__in=ids).values_list(
        "handoff_id", "member_id"
    ):
        owners[handoff_id].add(member_id)
    found, lists = {}, ListNames()
    for each in dispositions:
        handoff: Handoff = each.handoff
        version = handoff.criteria_version
        found[each.id] = Evidence(
            disposition=each,
            criteria_number=version.number if version else None,
            criteria=criteria_lines(lists.in_verdict(handoff.verdict)),
            touches=[touch for touch in touches[handoff.id] if touch.at <= each.at],
            owners=len(owners[handoff.id]),
            minutes=int((each.at - handoff.started_at).total_seconds() // 60),
        )
    return found
