"""What the last simulation of a draft said, for the page of the rules. See handoff.simulation."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from routing.models import RuleSetVersion, SimulationRun


@dataclass(frozen=True, slots=True)
class LastReplay:
    """away: leads that go to somebody else than by the rules in force. is_stale: it was saved since."""

    id: UUID
    days: int
    leads: int
    away: int
    nobody: int
    is_stale: bool


def last_replay(draft: RuleSetVersion | None) -> LastReplay | None:
    """The newest finished simulation of a draft; None where there is none. One query."""
    if draft is None:
        return None
    done = SimulationRun.objects.filter(
        state=SimulationRun.State.DONE, side=SimulationRun.Side.DRAFT, version_number=draft.number
    )
    columns = ("id", "days", "revision", "result__leads", "result__nobody", "result__against")
    row = done.order_by("-asked_at", "-id").values_list(*columns).first()
    if row is None:
        return None
    run_id, days, revision, leads, nobody, against = row
    one = against.get("live") or against["past"]
    away = one["moved"] + one["gained"] + one["lost"]
    return LastReplay(run_id, days, leads, away, nobody, revision != draft.revision)
