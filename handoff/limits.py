"""How long the texts may be that people and programs give with an act: as long as the columns that keep
them."""

from __future__ import annotations

from typing import Any, Final

from feedback.models import NOTE_LIMIT
from leads.models import StageChange, Touch
from sla.models import Excuse, Pause


def _length(model: Any, column: str) -> int:
    return int(model._meta.get_field(column).max_length)


TOUCH_NOTE: Final = _length(Touch, "note")
TOUCH_OUTCOME: Final = _length(Touch, "outcome")
EXTERNAL_ID: Final = _length(Touch, "external_id")
ANSWER_NOTE: Final = NOTE_LIMIT
PAUSE_NOTE: Final = _length(Pause, "note")
EXCUSE_NOTE: Final = _length(Excuse, "note")
STAGE_WHY: Final = _length(StageChange, "why")
#: Why a lead was moved: it stands in the new owner's sentence, which has more to say.
MOVE_WHY: Final = 120
