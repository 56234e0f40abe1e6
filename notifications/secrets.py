"""Signing secrets of webhook endpoints: derived from the portal's own key, so that none is ever stored."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.utils.crypto import salted_hmac

from core.signing import SECRET_PREFIX
from notifications.models import WebhookEndpoint

ROTATION: Final = timedelta(hours=24)  # how long the secret before goes on signing


def webhook_secret(endpoint_id: UUID, number: int) -> str:
    """Secret number 1, 2, ... of an endpoint, as "whsec_" and base64 of 32 bytes. Changes with SECRET_KEY."""
    digest = salted_hmac("notifications.webhook", f"{endpoint_id}:{number}", algorithm="sha256").digest()
    return SECRET_PREFIX + base64.b64encode(digest).decode()


def signing_secrets(endpoint: WebhookEndpoint, now: datetime) -> list[str]:
    """The secrets that sign now: the present one, and the one before for a day after a rotation."""
    numbers = [endpoint.secret_number]
    if endpoint.rotated_at is not None and now < endpoint.rotated_at + ROTATION:
        numbers.append(endpoint.secret_number - 1)
    return [webhook_secret(endpoint.id, number) for number in numbers]
