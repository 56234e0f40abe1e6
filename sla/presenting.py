"""What pages and calls show of clocks that would move."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from leads.models import Handoff, Lead
from sla import targets
from sla.moving import Preview, PreviewRow
from web.templatetags.sp import late_text

_ONTO: Final = {"hours": "in working time from then on", "wall": "by the wall clock from then on"}
_CLOCKS: Final = {"company": "Company's clock", "owner": "Owner's clock"}


@dataclass(frozen=True, slots=True)
class MoveRow:
    """One clock of a preview, in words. change: "2h 10m later", "by the wall clock from then on"."""

    lead: Lead
    target: str
    clock: str
    due_at: datetime
    new_due_at: datetime
    overdue: bool
    change: str


def move_rows(preview: Preview) -> list[MoveRow]:
    """The clocks that a preview shows one by one, with their leads; one query."""
    ids = {row.timer.handoff_id for row in preview.rows}
    handoffs = Handoff.objects.select_related("lead").defer("verdict").in_bulk(ids)
    return [
        MoveRow(
            lead=handoffs[row.timer.handoff_id].lead,
            target=targets.label(row.timer.target),
            clock=_CLOCKS[row.timer.clock],
            due_at=row.timer.due_at,
            new_due_at=row.new_due_at,
            overdue=row.overdue,
            change=_change(row),
        )
        for row in preview.rows
    ]


def _change(row: PreviewRow) -> str:
    said = []
    if row.seconds:
        said.append(f"{late_text(abs(row.seconds))} {'later' if row.seconds > 0 else 'earlier'}")
    if row.onto:
        said.append(_ONTO[row.onto])
    return ", ".join(said)
