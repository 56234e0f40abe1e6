"""Nobody leaves with open work: what stands in the way of switching somebody off, and the way out."""

from __future__ import annotations

from core.errors import Conflict
from handoff.words import listed
from leads.models import Handoff
from routing.models import RoutingSettings
from routing.pool_use import leave_pools
from routing.settings import pools_left_empty
from sla.models import PolicyVersion
from sla.policies import find_policy
from sla.units import policy_lines
from tenants.clock import database_clock
from tenants.models import Member
from tenants.services import departure_guards, departure_locks
from tenants.versions import title_of, version_in_force


def register() -> None:
    """Called once, when the app is ready."""
    departure_locks.append(leave_pools)
    departure_guards.extend(
        [_owns_no_open_lead, _is_not_the_fallback, _is_not_last_in_a_pool, _is_not_named_by_the_policy]
    )


def _owns_no_open_lead(member: Member) -> None:
    mine = Handoff.objects.filter(owner_id=member.id, state=Handoff.State.OPEN, is_history=False)
    count = mine.count()
    if count:
        leads = "1 open lead" if count == 1 else f"{count} open leads"
        raise Conflict(f"{member.name} still owns {leads}: reassign them first.", open_leads=count)


def _is_not_the_fallback(member: Member) -> None:
    if RoutingSettings.objects.filter(fallback_id=member.id).exists():
        raise Conflict(
            f"{member.name} catches the leads that nobody takes: name another fallback person first."
        )


def _is_not_last_in_a_pool(member: Member) -> None:
    """Whom the rules would send leads to would be nobody. Where somebody leaves, a successor has the seat by
    now."""
    pools = [pool.name for pool in pools_left_empty(member)]
    if pools:
        raise Conflict(
            f"{member.name} is the last one in {listed(pools)}, and leads are sent there: add somebody "
            "else first, or let them leave for good, which asks who takes over."
        )


def _is_not_named_by_the_policy(member: Member) -> None:
    """A step of the ladder that names somebody who is gone would fall to the fallback person in silence."""
    now = database_clock()
    for line in policy_lines():
        version = version_in_force(PolicyVersion, now, line)
        policy = find_policy(version.id) if version else None
        if (
            version
            and policy
            and member.id in {act.member_id for step in policy.ladder for act in step.actions}
        ):
            raise Conflict(
                f"The escalation ladder names {member.name}: publish a version of the {title_of(version)}"
                " that names somebody else first."
            )
