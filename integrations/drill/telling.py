"""What the messages about drills say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.urls import reverse

from integrations.drill.cards import Result, from_json
from integrations.models import Drill
from notifications.context import Context, Row, register
from tenants.context import current_tenant_id
from tenants.models import Tenant

_SUBJECT: Final = "drill:"
_NAMED: Final = 3


def install() -> None:
    """Speak for these messages. Called once, when the app is ready."""
    register("drill.", context_of)


def context_of(rows: Sequence[Row], now: datetime) -> Mapping[UUID, Context]:
    """The words of each message that is still worth telling. See notifications.context."""
    drills = {
        str(drill.id): drill
        for drill in Drill.objects.filter(id__in={row.subject.removeprefix(_SUBJECT) for row in rows})
    }
    zone = ZoneInfo(Tenant.objects.values_list("time_zone", flat=True).get(id=current_tenant_id()))
    return {
        row.id: _context(drills[row.subject.removeprefix(_SUBJECT)], zone)
        for row in rows
        if row.subject.removeprefix(_SUBJECT) in drills
    }


def failures(drill: Drill) -> list[str]:
    """What failed, a line each: "Asks for a demo, webhook arrived: none arrived ..."."""
    return [
        f"{card['name']}, {line.label.lower()}: {line.text}"
        for card in drill.cards
        for line in from_json(card["lines"])
        if line.result is Result.FAILED
    ]


def _context(drill: Drill, zone: ZoneInfo) -> Context:
    failed = failures(drill)
    at = drill.asked_at.astimezone(zone)
    named = dict(zip(("first", "second", "third"), [*failed[:_NAMED], "", "", ""], strict=False))
    words = {
        **named,
        "when": f"{at.day} {at:%b, %H:%M %Z}",
        "what": f"{len(failed)} step{'' if len(failed) == 1 else 's'}",
        "more": f"And {len(failed) - _NAMED} more." if len(failed) > _NAMED else "",
    }
    facts = {"drill": str(drill.id), "failed": failed[:20]}
    return Context(words, facts, reverse("integrations:drill", args=[drill.id]))
