from __future__ import annotations

from datetime import datetime

import pytest

from reporting.views import asked, costs, handoffs, kpi, kpi_leads, kpis, volume
from web.api import TenantAPIView


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch, now: datetime) -> None:
    """Pages and calls read the same time: Tuesday, 17 November 2026, 10:00 in Berlin."""
    for module in (asked, costs, handoffs, kpi, kpi_leads, kpis, volume):
        monkeypatch.setattr(module, "database_clock", lambda: now)
    monkeypatch.setattr(TenantAPIView, "clock", staticmethod(lambda: now))
