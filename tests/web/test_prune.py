"""What nobody will ask for again is removed; what somebody may is kept."""

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session

from tenants.models import RateWindow
from tests.factories import Org
from web.models import IdempotencyRecord
from web.tasks import prune_answers, prune_tick


def keep(org: Org, key: str, at) -> None:
    with org.scope():
        IdempotencyRecord.objects.create(key=key, request_hash="x", status=200, body="{}", created_at=at)


def keys(org: Org) -> set[str]:
    with org.scope():
        return set(IdempotencyRecord.objects.values_list("key", flat=True))


@pytest.mark.django_db
def test_stored_answers_are_kept_for_two_days(acme: Org, globex: Org, now) -> None:
    keep(acme, "old", now - timedelta(hours=49))
    keep(acme, "young", now - timedelta(hours=47))
    keep(globex, "old", now - timedelta(hours=49))
    assert prune_answers(acme.id, now=now) == 1
    assert keys(acme) == {"young"}
    assert keys(globex) == {"old"}


@pytest.mark.django_db
def test_the_tick_clears_every_tenant_sessions_and_rates(acme: Org, globex: Org, now) -> None:
    long_ago = now - timedelta(days=3650)
    keep(acme, "old", long_ago)
    keep(globex, "old", long_ago)
    Session.objects.create(session_key="a", session_data="", expire_date=long_ago)
    RateWindow.objects.create(bucket="key:1", started=1, taken=1)
    assert prune_tick() == 4
    assert keys(acme) == keys(globex) == set()
    assert not Session.objects.exists()
