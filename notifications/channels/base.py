"""What a channel is. A new one is a file beside this with a subclass of Channel, and a line in
settings.NOTIFICATION_CHANNELS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any, ClassVar
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.utils.module_loading import import_string

from notifications.context import Attachment


@dataclass(frozen=True, slots=True)
class Rendered:
    """One message in words. link is absolute, or "". whom: the lead, "Anna Weber (Kestrel)", or "". facts are
    for machines. html, attachments: see notifications.context.Context."""

    id: UUID
    event_id: UUID
    kind: str
    subject: str
    data: Mapping[str, Any]
    at: datetime
    title: str
    body: str
    link: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    whom: str = ""
    html: str = field(default="", repr=False)
    attachments: Sequence[Attachment] = field(default=(), repr=False)

    @property
    def is_of_lead(self) -> bool:
        """Whether its link leads to a lead, and to no report or list."""
        return urlsplit(self.link).path.startswith("/leads/")


@dataclass(frozen=True, slots=True)
class Parcel:
    """A claimed delivery: to whom, and which try it is. `id` is the same at every try.

    name, address: of the person (e-mail address) or the endpoint (URL).
    secrets:       that sign a webhook, newest first.
    """

    tenant_id: UUID
    id: UUID
    channel: str
    attempt: int
    name: str
    address: str
    member_id: UUID | None = None
    endpoint_id: UUID | None = None
    secrets: Sequence[str] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Sent:
    """The other side has it."""


@dataclass(frozen=True, slots=True)
class Retry:
    """It may work later. after_seconds: not before that, where the other side said so."""

    error: str
    after_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Dead:
    """It will never work. gone: the endpoint asked for no more."""

    error: str
    gone: bool = False


Outcome = Sent | Retry | Dead


class Channel:
    """A way to reach somebody.

    spacing_seconds: least time between two deliveries to one recipient; what comes meanwhile is bundled.
    bundle:          most messages in one delivery.
    keeps_hours:     what is not urgent waits for the reader's working day (notifications.timing).
    """

    name: ClassVar[str]
    spacing_seconds: ClassVar[int] = 60
    bundle: ClassVar[int] = 200
    keeps_hours: ClassVar[bool] = False

    def send(self, parcel: Parcel, messages: Sequence[Rendered], now: datetime) -> Outcome:
        """Carry it, outside any transaction and in any thread: no database here. At most 15 seconds."""
        raise NotImplementedError

    def record(self, parcel: Parcel, messages: Sequence[Rendered], now: datetime) -> None:
        """Write what belongs to a sent delivery, in the transaction that marks it sent."""


@cache
def channel(name: str) -> Channel:
    """The channel of that name. Raises LookupError when settings do not name it."""
    try:
        path = settings.NOTIFICATION_CHANNELS[name]
    except KeyError:
        raise LookupError(f"There is no channel {name!r}.") from None
    made = import_string(path)()
    assert isinstance(made, Channel)
    return made
