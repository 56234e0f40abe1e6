"""The bell in the app. "Sending" is writing the notices, in the transaction that marks the delivery sent:
once.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from notifications.channels.base import Channel, Outcome, Parcel, Rendered, Sent
from notifications.models import Notice
from tenants.bulk import insert_rows


class InAppChannel(Channel):
    name = "inapp"
    spacing_seconds = 0  # the bell lists them: nothing to bundle

    def send(self, parcel: Parcel, messages: Sequence[Rendered], now: datetime) -> Outcome:
        return Sent()

    def record(self, parcel: Parcel, messages: Sequence[Rendered], now: datetime) -> None:
        assert parcel.member_id is not None
        insert_rows(
            [
                Notice(
                    id=message.id,
                    member_id=parcel.member_id,
                    kind=message.kind,
                    subject=message.subject,
                    data=dict(message.data),
                    at=message.at,
                )
                for message in messages
            ],
            conflict="on conflict do nothing",
        )
