"""The alarm "nobody catches what nobody takes" goes on by itself and off by itself."""

from __future__ import annotations

from datetime import datetime

import pytest

from handoff.tasks import audit_tick
from routing.models import RoutingSettings
from sla.models import Finding
from tests.factories import Org


def _raise_alarm(acme: Org, now: datetime) -> None:
    with acme.scope():
        Finding.objects.create(
            kind="fallback_missing", subject="routing", detail="Nobody catches leads.", found_at=now
        )


@pytest.mark.django_db
def test_it_stands_while_there_is_no_fallback_person(acme: Org, now: datetime) -> None:
    with acme.scope():
        RoutingSettings.objects.update(fallback=None)
    _raise_alarm(acme, now)
    assert audit_tick() == 1
    with acme.scope():
        assert Finding.objects.filter(cleared_at__isnull=True).count() == 1


@pytest.mark.django_db
def test_it_is_cleared_when_somebody_is_named(acme: Org, now: datetime) -> None:
    _raise_alarm(acme, now)
    assert audit_tick() == 0
    with acme.scope():
        assert Finding.objects.filter(cleared_at__isnull=True).count() == 0
