"""The demo's receiver of webhooks finds its endpoint again at the next start."""

from __future__ import annotations

from datetime import datetime

import pytest

from notifications.models import WebhookEndpoint
from notifications.secrets import webhook_secret
from slaportal.demo.receiver import secrets_by_path, subscribe
from tests.factories import Org

pytestmark = pytest.mark.django_db


def test_after_a_drill_the_next_start_takes_the_demos_endpoint_and_not_the_drills(
    acme: Org, now: datetime
) -> None:
    """Their addresses begin and end alike, and with the other's secret no signature holds."""
    drills = f"http://127.0.0.1:8000/drill/receiver/{acme.id}"
    with acme.scope():
        own = WebhookEndpoint.objects.create(url=drills, is_own=True, is_active=False, created_at=now)
    subscribe(acme.id, 5001)
    with acme.scope():
        later = f"http://127.0.0.1:8141/drill/receiver/{acme.id}"
        WebhookEndpoint.objects.create(url=later, is_own=True, is_active=False, created_at=now)
    subscribe(acme.id, 5002)
    with acme.scope():
        (found,) = WebhookEndpoint.objects.filter(is_own=False)
        assert found.url == f"http://127.0.0.1:5002/{acme.id}"
        own.refresh_from_db()
        assert (own.url, own.is_active) == (drills, False)
    assert secrets_by_path([acme.id]) == {f"/{acme.id}": webhook_secret(found.id, found.secret_number)}
