"""Configuration is kept in memory until somebody changes it, and not a moment longer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from leads.models import CriteriaVersion, LeadSettings, SqlBarVersion
from notifications.models import WebhookEndpoint
from routing.models import Pool, PoolSeat, RepLoad, RoutingSettings, RuleSetVersion
from sla.models import PolicyVersion
from tenants.config import configured, steady_config
from tenants.models import Calendar, Leave, Member, RepProfile, Team
from tests.factories import Org


def stamp(org: Org) -> int:
    with connection.cursor() as cursor:
        cursor.execute("select config_stamp from tenants_tenant where id = %s", [str(org.id)])
        return int(cursor.fetchone()[0])


def test_every_table_of_configuration_stamps_its_changes(in_acme, now):
    org = in_acme
    changes: list[Callable[[], Any]] = [
        lambda: Member.objects.filter(id=org.admin.id).update(name="Ada"),
        lambda: Member.objects.filter(id=org.reps[0].id).update(is_active=False),
        lambda: Team.objects.update(manager=None),
        lambda: RepProfile.objects.update(weight=2),
        lambda: Leave.objects.create(member=org.reps[0], starts_at=now, ends_at=now + timedelta(days=1)),
        lambda: Leave.objects.all().delete(),
        lambda: Calendar.objects.update(current_version_id=None),
        lambda: CriteriaVersion.objects.update(state="retired"),
        lambda: LeadSettings.objects.create(score_from=70),
        lambda: SqlBarVersion.objects.create(
            number=1, content={"questions": []}, created_at=now, created_by="system"
        ),
        lambda: RuleSetVersion.objects.update(state="retired"),
        lambda: RoutingSettings.objects.update(enabled=False),
        lambda: PoolSeat.objects.update(weight=3),
        lambda: PolicyVersion.objects.update(state="retired"),
        lambda: WebhookEndpoint.objects.create(url="https://example.com", created_at=now),
        lambda: org.tenant.save(),
    ]
    for number, change in enumerate(changes):
        before = stamp(org)
        change()
        assert stamp(org) != before, number


def test_what_changes_with_every_lead_does_not(in_acme):
    before = stamp(in_acme)
    Pool.objects.update(counters={"a": 1})
    RepLoad.objects.update(open_leads=5)
    assert stamp(in_acme) == before


def test_a_change_in_one_organisation_leaves_the_others(acme, globex):
    with globex.scope():
        before = stamp(globex)
    with acme.scope():
        PoolSeat.objects.update(weight=3)
    with globex.scope():
        assert stamp(globex) == before


def test_an_answer_is_kept_until_a_change_and_per_organisation(acme, globex):
    asked: list[str] = []

    @configured
    def names(part: str) -> list[str]:
        asked.append(part)
        return sorted(Member.objects.filter(name__startswith=part).values_list("name", flat=True))

    def ask(org: Org, part: str = "Ada") -> list[str]:
        with org.scope(), steady_config():
            return names(part)

    assert ask(acme) == ask(acme) == ["Ada Acme"]
    assert asked == ["Ada"]
    assert ask(globex) == ["Ada Globex"]
    assert ask(acme, "Mona") == ["Mona Acme"]
    assert asked == ["Ada", "Ada", "Mona"]
    with acme.scope():
        Member.objects.filter(name="Ada Acme").update(name="Ada Lovelace")
        assert names("Ada") == ["Ada Lovelace"]  # outside of a block the database is asked
    assert ask(acme) == ["Ada Lovelace"]
    assert ask(globex) == ["Ada Globex"]
    assert len(asked) == 5


def test_a_change_that_was_rolled_back_is_not_remembered(in_acme):
    @configured
    def weights() -> set[int]:
        return set(PoolSeat.objects.values_list("weight", flat=True))

    with pytest.raises(RuntimeError), transaction.atomic():  # noqa: PT012
        PoolSeat.objects.update(weight=7)
        with steady_config():
            assert weights() == {7}
        raise RuntimeError
    PoolSeat.objects.update(weight=2)
    with steady_config():
        assert weights() == {2}
