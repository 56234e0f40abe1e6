"""Reads of leads. Every lead is got through `get_lead`: not yours and not there are both NotFound."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db.models import Exists, F, OuterRef, QuerySet, Window
from django.db.models.functions import RowNumber

from core.errors import NotFound
from leads.models import (
    Assignment,
    CriteriaVersion,
    Engagement,
    Handoff,
    Lead,
    LeadExternalId,
    SqlAnswers,
)


def get_lead(*, lead_id: UUID) -> Lead:
    """The lead, with its account and owner. Raises NotFound."""
    lead: Lead | None = Lead.objects.select_related("account", "owner").filter(id=lead_id).first()
    if lead is None:
        raise NotFound("There is no such lead.")
    return lead


def leads_filtered(
    *,
    stage: str = "",
    owner_id: UUID | None = None,
    source: str = "",
    external_id: str = "",
    updated_since: datetime | None = None,
) -> QuerySet[Lead]:
    """Leads by what the list may be asked for; every filter given must hold. Unordered."""
    found: QuerySet[Lead] = Lead.objects.select_related("account", "owner")
    if stage:
        found = found.filter(stage=stage)
    if owner_id is not None:
        found = found.filter(owner_id=owner_id)
    if source:
        found = found.filter(source=source)
    if external_id:
        named = LeadExternalId.objects.filter(external_id=external_id).values("lead_id")
        found = found.filter(id__in=named)
    if updated_since is not None:
        found = found.filter(updated_at__gte=updated_since)
    return found


def latest_handoffs(lead_ids: Sequence[UUID]) -> dict[UUID, Handoff]:
    """The open or else the last handoff of each lead that ever had one, with its owner."""
    found: dict[UUID, Handoff] = {}
    for handoff in Handoff.objects.select_related("owner").filter(lead_id__in=lead_ids).order_by("number"):
        found[handoff.lead_id] = handoff
    return found


def latest_assignments(handoff_ids: Sequence[UUID]) -> dict[UUID, Assignment]:
    """The open or else the last assignment of each handoff that ever had an owner."""
    found: dict[UUID, Assignment] = {}
    for assignment in Assignment.objects.filter(handoff_id__in=handoff_ids).order_by("hop"):
        found[assignment.handoff_id] = assignment
    return found


def latest_engagements(lead_ids: Sequence[UUID], *, each: int = 20) -> dict[UUID, list[Engagement]]:
    """The latest `each` engagements of each lead, the newest first."""
    found: dict[UUID, list[Engagement]] = {lead_id: [] for lead_id in lead_ids}
    if not found:
        return found
    place = Window(RowNumber(), partition_by="lead_id", order_by=[F("at").desc(), F("id").desc()])
    rows = Engagement.objects.filter(lead_id__in=lead_ids).annotate(place=place).filter(place__lte=each)
    for engagement in rows.order_by("lead_id", "place"):
        found[engagement.lead_id].append(engagement)
    return found


def latest_sql_answers(handoff_ids: Sequence[UUID]) -> dict[UUID, SqlAnswers]:
    """What was answered last to the SQL criteria in each of these handoffs; no query for none of them."""
    if not handoff_ids:
        return {}
    rows = SqlAnswers.objects.filter(handoff_id__in=handoff_ids).order_by("at", "id")
    return {row.handoff_id: row for row in rows}


def external_ids(lead_ids: Sequence[UUID]) -> dict[UUID, LeadExternalId]:
    """The first outside id of each lead that has one."""
    found: dict[UUID, LeadExternalId] = {}
    for row in LeadExternalId.objects.filter(lead_id__in=lead_ids).order_by("id"):
        found.setdefault(row.lead_id, row)
    return found


def criteria_history() -> list[CriteriaVersion]:
    """Every version of the criteria, the newest first."""
    return list(CriteriaVersion.objects.order_by("-number"))


def get_criteria_version(version_id: UUID) -> CriteriaVersion:
    """A version of the criteria. Raises NotFound."""
    found: CriteriaVersion | None = CriteriaVersion.objects.filter(id=version_id).first()
    if found is None:
        raise NotFound("There is no such version of the criteria.")
    return found


def waiting_for_data(*, limit: int = 50) -> tuple[list[Lead], Counter[str]]:
    """Leads that qualify and lack a handoff requirement, the newest first, and how often each field is what
    lacks among those shown. One that sales has already waits for nothing."""
    running = Handoff.objects.filter(lead_id=OuterRef("pk"), state=Handoff.State.OPEN)
    waiting = Lead.objects.select_related("account").exclude(needs=[]).exclude(Exists(running))
    leads = list(waiting.order_by("-updated_at", "-id")[:limit])
    return leads, Counter(field for lead in leads for field in lead.needs)
