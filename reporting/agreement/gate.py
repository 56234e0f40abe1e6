"""The freeze: within it no version is published before somebody of each side said that it may be."""

from __future__ import annotations

from collections.abc import Callable
from zoneinfo import ZoneInfo

from core.errors import FieldError
from reporting.agreement.dates import day_words
from reporting.agreement.models import Agreement, FreezeOverride, Side
from tenants.clock import Clock
from tenants.context import current_tenant_id
from tenants.models import Tenant, VersionedModel

FROZEN = "agreement_frozen"


def freeze_errors(clock: Clock) -> Callable[[VersionedModel], list[FieldError]]:
    """What stands between a version and its publication because the agreement is frozen. For
    `tenants.versions.gates`; an earlier version is used again without asking. One query where nothing is
    frozen."""

    def errors_of(version: VersionedModel) -> list[FieldError]:
        agreement = (
            Agreement.objects.filter(state=Agreement.State.IN_FORCE, frozen_until__gt=clock())
            .only("id", "number", "frozen_until")
            .first()
        )
        if agreement is None:
            return []
        said = set(
            FreezeOverride.objects.filter(
                agreement=agreement, version_id=version.id, revision=version.revision
            ).values_list("side", flat=True)
        )
        missing = [side.label for side in Side if side.value not in said]
        if not missing:
            return []
        zone = ZoneInfo(Tenant.objects.values_list("time_zone", flat=True).get(id=current_tenant_id()))
        until = day_words(agreement.frozen_until.astimezone(zone).date())
        who = " and ".join(missing).lower()
        return [
            FieldError(
                "",
                f"The agreement that both sides signed is frozen until {until}. To publish this version"
                f" before, {who} must say so on the Agreement page, with a reason.",
                FROZEN,
            )
        ]

    return errors_of
