"""Calls of the API on a clock that stands still."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.test import Client

from tenants.clock import fixed_clock
from tests.factories import Org
from web.api import TenantAPIView
from web.throttling import KeyRateThrottle

Call = Callable[..., Any]


@pytest.fixture
def api_clock(monkeypatch: pytest.MonkeyPatch, now: datetime) -> Callable[[datetime], None]:
    """Set the time of the API; it begins at `now`."""

    def set_to(moment: datetime) -> None:
        monkeypatch.setattr(TenantAPIView, "clock", staticmethod(fixed_clock(moment)))
        # A call that is the first of its minute takes its block of the rate with a statement more.
        monkeypatch.setattr(KeyRateThrottle, "clock", staticmethod(moment.timestamp))

    set_to(now)
    return set_to


@pytest.fixture
def post(client: Client, api_clock: Callable[[datetime], None]) -> Call:
    """Post JSON, or raw bytes, as an organisation."""

    def send(org: Org, path: str, body: Any, **headers: str) -> Any:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {**org.auth, **{name.replace("_", "-"): value for name, value in headers.items()}}
        return client.post(f"/api/v1/{path}", raw, content_type="application/json", headers=sent)

    return send


@pytest.fixture
def get(client: Client, api_clock: Callable[[datetime], None]) -> Call:
    """Get an address as an organisation."""

    def fetch(org: Org, path: str, **query: str) -> Any:
        return client.get(f"/api/v1/{path}", query, headers=org.auth)

    return fetch
