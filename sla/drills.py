"""The clocks of a drill: what its leads are promised runs for seconds of wall clock, so that a warning, a
breach and all that follows can be seen within a minute, at any hour.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Final

from sla.targets import COMPANY_ONLY, Target
from sla.tiers import Duration, TargetSpec, Tier

#: A drill is about the first answer: what is promised beside it ends after so many times its seconds, when
#: the drill is over.
_LATER: Final = 5


def promises(tier: Tier, drill_seconds: int | None) -> tuple[TargetSpec, ...]:
    """What a tier promises a handoff: as its policy says, or shortened where it belongs to a drill."""
    if drill_seconds is None:
        return tier.targets
    return tuple(shortened(spec, drill_seconds) for spec in tier.targets)


@cache
def shortened(spec: TargetSpec, seconds: int) -> TargetSpec:
    """The promise as a drill makes it. What a machine keeps is left as it is: a drill waits for people.

    The same for the same, so that whoever remembers promises knows them again.
    """
    if spec.target in COMPANY_ONLY:
        return spec
    size = seconds if spec.target == Target.FIRST_TOUCH else _LATER * seconds
    return replace(spec, duration=Duration("seconds", size), wall=True)
