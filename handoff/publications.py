"""What the engine does for versions and for those whom they name: puts in force what is due, and looks every
hour whether everybody who is to hear of leads is still there.

Here and not with the versions, since it takes policies, routing and findings together.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Final
from uuid import UUID

from routing.models import RoutingSettings
from routing.selectors import fallback_of
from sla.findings import Fault, report
from sla.models import Finding, PolicyVersion
from sla.policies import find_policy
from sla.recipients import named_members
from sla.units import policy_lines
from tenants import versions
from tenants.clock import Clock
from tenants.context import tenant_scope
from tenants.models import Publication, VersionState

HELD: Final = "publication_held"
FALLBACK_MISSING: Final = "fallback_missing"
NAMED_MISSING: Final = "named_missing"
KINDS: Final = frozenset({HELD, FALLBACK_MISSING, NAMED_MISSING})


def publish_due(tenant_id: UUID, clock: Clock) -> int:
    """Put the versions in force whose time has come; how many. One that does not pass its check is held, and
    a finding says why.
    """
    count = 0
    with tenant_scope(tenant_id):
        now = clock()
        for kind in versions.kinds():
            if not kind.dated:
                continue
            while True:  # several lines of a kind may be due
                arrived, held = versions.bring_due(kind, now)
                if arrived is None and held is None:
                    break
                count += arrived is not None
                if held is not None:
                    version = kind.model.objects.get(id=held.version_id)
                    which = versions.title_of(version)
                    detail = f"Version {version.number} of the {which} could not come into force: {held.why}"
                    report([Fault(HELD, f"publication:{held.id}", detail)], now=now)
    return count


def look_after_the_named(now: datetime) -> int:
    """Look whether the fallback person and everybody whom the policy names is there and active; how many are
    not. In the tenant's scope.
    """
    wrong = list(_missing(now))
    report(wrong, now=now)
    return len(wrong)


def clear_mended(findings: Collection[Finding], now: datetime) -> int:
    """Clear those of an organisation's open findings that are about versions and people and stand no more;
    how many of all are left. Without a query where none is about them. In the tenant's scope.
    """
    ours = [finding for finding in findings if finding.kind in KINDS]
    if not ours:
        return len(findings)
    standing = {(fault.kind, fault.subject) for fault in _missing(now)}
    held = Publication.objects.filter(state=Publication.State.HELD).values_list("id", flat=True)
    standing |= {(HELD, f"publication:{order_id}") for order_id in held}
    mended = [finding.id for finding in ours if (finding.kind, finding.subject) not in standing]
    if mended:
        Finding.objects.filter(id__in=mended).update(cleared_at=now)
    return len(findings) - len(mended)


def _missing(now: datetime) -> Iterator[Fault]:
    """Everybody who is missing."""
    if fallback_of() is None:
        setting = RoutingSettings.objects.select_related("fallback").first()
        who = setting.fallback if setting else None
        yield Fault(
            FALLBACK_MISSING,
            "routing",
            f"{who.name} is to catch the leads that nobody takes, and is not active any more."
            if who
            else "No active person is named to catch the leads that nobody takes.",
        )
    for version in _looked_at(now):
        policy = find_policy(version.id)
        if policy is None:
            continue
        members = named_members(policy.ladder)
        which = "in force" if version.state == VersionState.PUBLISHED else "that is scheduled"
        for member_id in {act.member_id for step in policy.ladder for act in step.actions if act.member_id}:
            member = members.get(member_id)
            if member is None or not member.is_active:
                name = f"{member.name}, who is not active" if member else "somebody who is not there any more"
                yield Fault(
                    NAMED_MISSING,
                    f"policy:{version.id}:{member_id.hex[:12]}",
                    f"The {versions.title_of(version)} {which} (version {version.number}) names {name}.",
                )


def _looked_at(now: datetime) -> list[PolicyVersion]:
    """The policies in force and those to come: the main one's and those of business units."""
    found = [
        version
        for line in policy_lines()
        for version in (
            versions.version_in_force(PolicyVersion, now, line),
            versions.version_to_come(PolicyVersion, line),
        )
    ]
    return list({version.id: version for version in found if version is not None}.values())
