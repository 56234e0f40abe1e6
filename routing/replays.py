"""What the last simulation of a draft said, and how many leads no rule took, for the pages of the rules. See
handoff.simulation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import Count

from routing.models import Decision, RuleSetVersion, SimulationRun
from routing.overview import COUNTED_DAYS
from routing.rules_edit import has_rest

#: The reason of a decision whose lead no rule took.
NO_RULE: Final = "no_rule"
_PARTS: Final = ("leads", "nobody", "against", "reasons")


@dataclass(frozen=True, slots=True)
class LastReplay:
    """away: leads that go to somebody else than by the rules in force. unmatched: that no rule took.
    is_stale: the draft was saved since."""

    id: UUID
    days: int
    leads: int
    away: int
    nobody: int
    unmatched: int
    is_stale: bool


def last_replay(draft: RuleSetVersion | None) -> LastReplay | None:
    """The newest finished simulation of a draft; None where there is none. One query."""
    if draft is None:
        return None
    done = SimulationRun.objects.filter(
        state=SimulationRun.State.DONE, side=SimulationRun.Side.DRAFT, version_number=draft.number
    )
    columns = (
        "id",
        "days",
        "revision",
        "result__leads",
        "result__nobody",
        "result__against",
        "result__reasons",
    )
    row = done.order_by("-asked_at", "-id").values_list(*columns).first()
    if row is None:
        return None
    run_id, days, revision, leads, nobody, against, reasons = row
    one = against.get("live") or against["past"]
    away = one["moved"] + one["gained"] + one["lost"]
    unmatched = (reasons or {}).get(NO_RULE, 0)
    return LastReplay(run_id, days, leads, away, nobody, unmatched, revision != draft.revision)


def unmatched_words(content: Mapping[str, Any], replay: LastReplay | None, *, now: datetime) -> str:
    """How many leads no rule took: by the draft, where a replay of it as it is says so, else by the rules
    that were in force. "" for rules that take everyone. At most one query."""
    if has_rest(content, "pools"):
        return ""
    if replay is not None and not replay.is_stale:
        return f"{replay.unmatched:,} of the {replay.leads:,} replayed leads matched no rule of it."
    lately = Decision.objects.filter(reason=NO_RULE, at__gte=now - timedelta(days=COUNTED_DAYS), at__lte=now)
    leads = lately.aggregate(leads=Count("handoff", distinct=True))["leads"]
    said = f"{leads:,} lead{'' if leads == 1 else 's'}" if leads else "no lead"
    return f"In the last {COUNTED_DAYS} days {said} matched no rule of those in force."
