"""Who follows people's leave: clocks stand in it, and the packages that keep clocks are above this one."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol
from uuid import UUID


class LeaveListener(Protocol):
    """Called in the transaction that adds, changes or removes leave of a member, after it is written."""

    def __call__(self, member_id: UUID, *, now: datetime) -> None: ...


#: Filled when the apps start.
leave_listeners: list[LeaveListener] = []


def leave_changed(member_id: UUID, *, now: datetime) -> None:
    """Say that the leave of a member is not what it was."""
    for listener in leave_listeners:
        listener(member_id, now=now)
