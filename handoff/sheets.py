"""The weekly sheet: the rejections that marketing and sales look at together, frozen when it is opened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, Sum

from core.errors import NotFound
from feedback.models import AuditSheet, Disposition, Dispute, SheetItem
from feedback.settings import locked_settings, settings
from feedback.sheet import Candidate, Picked, pick
from handoff.dispute_reads import rejections
from leads.models import Opportunity
from leads.score import shown_score
from tenants.audit import record_change
from tenants.context import current_tenant_id
from tenants.models import Tenant

#: Rejections that are looked at for a sheet, the latest of each sort.
_MOST: Final = 2_000


def week_of(now: datetime, zone: str) -> date:
    """The Monday of the week, in the organisation's zone."""
    today = now.astimezone(ZoneInfo(zone)).date()
    return today - timedelta(days=today.weekday())


def candidates(*, now: datetime) -> list[Candidate]:
    """What could stand on a sheet now: open disputes, and rejections that may still be disputed and that no
    sheet had. Four queries at most."""
    since = now - timedelta(days=settings().dispute_days)
    dispute = Dispute.objects.filter(disposition=OuterRef("pk"))
    on_sheet = SheetItem.objects.filter(disposition=OuterRef("pk"))
    found = rejections(None).annotate(disputed=Exists(dispute.filter(state=Dispute.State.OPEN)))
    fresh = Q(at__gte=since) & ~Exists(dispute) & ~Exists(on_sheet)
    rows = list(found.filter(Q(disputed=True) | fresh).order_by("-disputed", "-at", "id")[:_MOST])
    amounts = _amounts(rows)
    return [_candidate(each, amounts) for each in rows]


def _amounts(rows: Sequence[Disposition]) -> dict[UUID, float]:
    """What the opportunities of these leads are worth, in the organisation's currency, by lead."""
    currency = Tenant.objects.values_list("currency", flat=True).get(id=current_tenant_id())
    ids = [each.handoff.lead_id for each in rows]
    sums = Opportunity.objects.filter(lead_id__in=ids, currency=currency).values_list("lead_id")
    return {lead: float(total or 0) for lead, total in sums.annotate(total=Sum("amount"))}


def _candidate(each: Disposition, amounts: dict[UUID, float]) -> Candidate:
    """Worth: the amount of its deals, then how urgent routing held it, its score, the company's size."""
    handoff = each.handoff
    lead, account = handoff.lead, handoff.lead.account
    amount = amounts.get(lead.id, 0.0)
    score = shown_score(lead.score, handoff.verdict) or 0
    employees = (account.employees if account else None) or 0
    said = [
        f"deals of {amount:,.0f}" if amount else "",
        f"priority {handoff.priority}" if handoff.priority > 0 else "",
        f"score {score}" if score else "",
        f"{employees:,} employees" if employees else "",
    ]
    reason = each.reason
    return Candidate(
        id=each.id,
        reason=reason.slug if reason else "",
        label=reason.label if reason else "no reason",
        disputed=bool(getattr(each, "disputed", False)),
        value=(amount, float(handoff.priority), float(score), float(employees)),
        words=", ".join(filter(None, said)),
        at=each.at,
    )


def preview(*, now: datetime) -> list[Picked]:
    """What a sheet that was opened now would hold."""
    return pick(candidates(now=now), settings().sheet_size)


@transaction.atomic
def open_sheet(*, actor: str, now: datetime, zone: str) -> AuditSheet:
    """The sheet of this week; whoever opens it first freezes it, and whoever comes second gets the same."""
    size = locked_settings().sheet_size
    week = week_of(now, zone)
    standing: AuditSheet | None = AuditSheet.objects.filter(week=week).first()
    if standing is not None:
        return standing
    chosen = pick(candidates(now=now), size)
    sheet: AuditSheet = AuditSheet.objects.create(week=week, opened_at=now, opened_by=actor)
    for place, each in enumerate(chosen, start=1):
        SheetItem.objects.create(sheet=sheet, disposition_id=each.candidate.id, place=place, why=each.why)
    record_change(
        actor=actor,
        action="sheet.opened",
        object_type="auditsheet",
        object_id=sheet.id,
        after={"week": week.isoformat(), "rejections": len(chosen)},
        now=now,
    )
    return sheet


def sheets() -> list[AuditSheet]:
    """The sheets that were opened, the latest first; a year of them."""
    return list(AuditSheet.objects.order_by("-week")[:53])


def find_sheet(week: date) -> AuditSheet | None:
    found: AuditSheet | None = AuditSheet.objects.filter(week=week).first()
    return found


@dataclass(frozen=True, slots=True)
class Line:
    """One rejection of a sheet, and how its dispute stands; None where nobody disputed it yet."""

    item: SheetItem
    disposition: Disposition
    dispute: Dispute | None

    @property
    def waits(self) -> bool:
        return self.dispute is None or self.dispute.state == Dispute.State.OPEN


def lines_of(sheet: AuditSheet) -> list[Line]:
    """The rejections of a sheet in their order; three queries."""
    items = list(SheetItem.objects.filter(sheet=sheet).order_by("place"))
    ids = [each.disposition_id for each in items]
    found = {each.id: each for each in _of_sheet(ids)}
    disputes = {
        each.disposition_id: each
        for each in Dispute.objects.filter(disposition_id__in=ids).select_related("opener", "decider")
    }
    return [
        Line(each, found[each.disposition_id], disputes.get(each.disposition_id))
        for each in items
        if each.disposition_id in found
    ]


def _of_sheet(ids: Sequence[UUID]) -> list[Disposition]:
    return list(
        Disposition.objects.filter(id__in=ids).select_related(
            "reason", "by", "handoff__lead__account", "handoff__owner", "handoff__criteria_version"
        )
    )


def get_item(item_id: UUID) -> SheetItem:
    """Raises NotFound."""
    found: SheetItem | None = SheetItem.objects.select_related("sheet").filter(id=item_id).first()
    if found is None:
        raise NotFound("There is no such rejection on a sheet.")
    return found


def get_line(item_id: UUID) -> Line:
    """One rejection of a sheet. Raises NotFound."""
    item = get_item(item_id)
    (disposition,) = _of_sheet([item.disposition_id])
    dispute = Dispute.objects.filter(disposition=disposition).select_related("opener", "decider").first()
    return Line(item, disposition, dispute)


def document(line: Line) -> dict[str, Any]:
    """A rejection of a sheet as the API gives it, but for its evidence."""
    reason = line.disposition.reason
    return {
        "item": line.item.id,
        "place": line.item.place,
        "why": line.item.why,
        "lead": line.disposition.handoff.lead_id,
        "handoff": line.disposition.handoff_id,
        "reason": reason.slug if reason else None,
        "note": line.disposition.note,
        "dispute": line.dispute.id if line.dispute else None,
        "state": line.dispute.state if line.dispute else None,
    }


def week_on_sheet(disposition_id: UUID) -> date | None:
    """The week of the last sheet that a rejection was on; None for one that was on none."""
    items = SheetItem.objects.filter(disposition_id=disposition_id)
    found: date | None = items.order_by("-sheet__week").values_list("sheet__week", flat=True).first()
    return found
