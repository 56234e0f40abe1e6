"""Nobody leaves with open work: what stands in the way of switching somebody off, and the way out."""

from __future__ import annotations

from core.errors import Conflict
from leads.models import Handoff
from routing.models import RoutingSettings
from tenants.models import Member
from tenants.services import departure_guards


def register() -> None:
    """Called once, when the app is ready."""
    departure_guards.extend([_owns_no_open_lead, _is_not_the_fallback])


def _owns_no_open_lead(member: Member) -> None:
    count = Handoff.objects.filter(owner_id=member.id, state=Handoff.State.OPEN).count()
    if count:
        leads = "1 open lead" if count == 1 else f"{count} open leads"
        raise Conflict(f"{member.name} still owns {leads}: reassign them first.", open_leads=count)


def _is_not_the_fallback(member: Member) -> None:
    if RoutingSettings.objects.filter(fallback_id=member.id).exists():
        raise Conflict(
            f"{member.name} catches the leads that nobody takes: name another fallback person first."
        )
