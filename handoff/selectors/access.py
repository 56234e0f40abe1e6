"""Who may see and do what. What a person may not see is not there: NotFound."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from core.errors import NotFound
from feedback.models import Meeting
from leads.models import Assignment, Handoff, Lead
from tenants.models import Member, Role, Team, Tenant

#: Who reads every lead of the organisation.
SEES_ALL: Final = (Role.ADMIN, Role.MARKETING, Role.EXECUTIVE)
#: Who may act on leads.
ACTS: Final = (Role.REP, Role.MANAGER, Role.ADMIN)


def teams_of(member: Member) -> list[UUID]:
    """The teams that a manager watches: those they lead or stand in for, and their own."""
    ids = set(Team.objects.filter(Q(manager=member) | Q(backup=member)).values_list("id", flat=True))
    if member.team_id is not None:
        ids.add(member.team_id)
    return sorted(ids)


def visible_leads(member: Member) -> QuerySet[Lead]:
    """The leads that a member may open: a rep's own and former ones; a manager's teams' and those that no
    rep ever had; everybody's for the roles that read all."""
    leads: QuerySet[Lead] = Lead.objects.all()
    if member.role in SEES_ALL:
        return leads
    owned = Assignment.objects.filter(handoff__lead_id=OuterRef("pk"))
    if member.role == Role.MANAGER:
        theirs = owned.filter(Q(member__team_id__in=teams_of(member)) | Q(member=member))
        # Unrouted, or not handed over yet: any manager may take care of it.
        return leads.filter(Q(owner__isnull=True) & ~Exists(owned) | Q(Exists(theirs)) | _unrouted_now())
    return leads.filter(Exists(owned.filter(member=member)))


def _unrouted_now() -> Q:
    waiting = Handoff.objects.filter(lead_id=OuterRef("pk"), state=Handoff.State.OPEN, owner__isnull=True)
    return Q(Exists(waiting))


def get_lead(*, tenant: Tenant, member: Member, lead_id: UUID) -> Lead:
    """A lead that this member may open, with its account: one that they see, or with which they booked or
    have a meeting. NotFound for others' and for none alike."""
    lead = _found(visible_leads(member), tenant, lead_id)
    if lead is None and member.role not in SEES_ALL:
        meets = Meeting.objects.filter(Q(sdr=member) | Q(ae=member), lead_id=lead_id)
        lead = _found(Lead.objects.filter(Exists(meets)), tenant, lead_id)
    if lead is None:
        raise NotFound("There is no such lead.")
    return lead


def _found(leads: QuerySet[Lead], tenant: Tenant, lead_id: UUID) -> Lead | None:
    return (
        leads.annotate(colleagues=_colleagues())
        .filter(tenant=tenant, id=lead_id)
        .select_related("account", "account__owner", "account__parent")
        .first()
    )


def last_handoff(lead_id: UUID) -> Handoff | None:
    """The lead's open handoff, or else the one that was closed last; None before the first."""
    found: Handoff | None = Handoff.objects.filter(lead_id=lead_id).order_by("-number").first()
    return found


def _colleagues() -> Coalesce:
    """How many other leads the lead's account has."""
    same = Lead.objects.filter(account_id=OuterRef("account_id")).exclude(id=OuterRef("id")).order_by()
    counted = same.values("account_id").annotate(number=Count("id")).values("number")
    return Coalesce(Subquery(counted), 0)


def watched(member: Member) -> list[UUID] | None:
    """The teams whose people a board shows to this member, besides the member; None for everybody's."""
    return None if member.role in SEES_ALL else teams_of(member)
