"""What the texts may speak of: a layer above registers, by kind, who knows the facts behind a message.

The outbox holds ids. When a message is sent (or read in the bell) its words are looked up for the whole batch
at once by the provider of its kind. A provider that gives nothing for a row says that the world has moved on:
the row is not sent any more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Row:
    """A message as providers see it.

    member_id: who reads it; None for a webhook.
    at:        when it was written.
    channel:   by which it goes; "" where it is read again.
    told:      it was sent before and is read again (the bell): facts may be missing, but it is never moot.
    """

    id: UUID
    kind: str
    subject: str
    data: Mapping[str, Any]
    member_id: UUID | None
    at: datetime
    told: bool = False
    channel: str = ""

    def moment(self, now: datetime) -> datetime:
        """The time that "3 min left" is counted from: now, or when it was told."""
        return self.at if self.told else now


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that a mail carries. type: "text/csv"."""

    name: str
    content: bytes
    type: str


@dataclass(frozen=True, slots=True)
class Context:
    """words: placeholder -> text, in the reader's zone. facts: JSON for webhooks. path: the page,
    "/leads/<id>". html: the whole of a mail of its own, escaped; "" where it is made of the text.
    """

    words: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    path: str = ""
    html: str = ""
    attachments: Sequence[Attachment] = ()


Provider = Callable[[Sequence[Row], datetime], Mapping[UUID, Context]]
_providers: dict[str, Provider] = {}


def register(kind_prefix: str, provider: Provider) -> None:
    """Let `provider` speak for the kinds that begin so ("lead.", "timer."). The longest prefix wins.

    Called once, from an AppConfig.ready. The provider runs in the tenant's scope and must be set-based.
    """
    _providers[kind_prefix] = provider


def contexts(rows: Sequence[Row], now: datetime) -> dict[UUID, Context]:
    """The context of each row that is still worth telling; each provider is asked once.

    Kinds that nobody speaks for get an empty context.
    """
    found: dict[UUID, Context] = {}
    asked: dict[str, list[Row]] = {}
    for row in rows:
        prefix = max((known for known in _providers if row.kind.startswith(known)), key=len, default=None)
        if prefix is None:
            found[row.id] = Context()
        else:
            asked.setdefault(prefix, []).append(row)
    for prefix, its_rows in asked.items():
        found.update(_providers[prefix](its_rows, now))
    return found
