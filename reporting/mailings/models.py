"""Mails on a schedule: what an organisation chose, who wants none, and what was written to whom."""

from __future__ import annotations

from datetime import time
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q, Value

from tenants.models import TenantModel, tenant_fk


class Kind(models.TextChoices):
    """A weekly mail."""

    DIGEST = "digest", "Weekly digest"
    TEAM = "team", "Monday mail"


class MailSettings(TenantModel):
    """When the weekly mails leave and to whom: one row a tenant. The hour is of its time zone.

    digest_week, team_week: the Monday of the week that was told last; null before the first.
    """

    digest_on = models.BooleanField(default=True)
    weekday = models.PositiveSmallIntegerField(default=0)  # 0 is Monday
    at = models.TimeField(default=time(8))
    recipients: models.Field[list[UUID], list[UUID]] = ArrayField(
        models.UUIDField(), default=list
    )  # empty: everybody of marketing
    sends_empty = models.BooleanField(default=False)
    digest_week = models.DateField(null=True)
    team_on = models.BooleanField(default=True)
    team_week = models.DateField(null=True)
    # Two weeks of a team under this share of first touches on time are brought before the executives, or
    # those named; a week with fewer counted clocks than the least says nothing.
    escalation_percent = models.PositiveSmallIntegerField(default=80, db_default=80)
    escalation_clocks = models.PositiveSmallIntegerField(default=20, db_default=20)
    escalation_people: models.Field[list[UUID], list[UUID]] = ArrayField(
        models.UUIDField(), default=list, db_default=Value([], ArrayField(models.UUIDField()))
    )
    escalation_week = models.DateField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant"], name="mail_settings_once"),
            models.CheckConstraint(condition=Q(weekday__lte=6), name="mail_settings_weekday"),
        ]


class MailOptOut(TenantModel):
    """Somebody who wants none of a weekly mail."""

    member = tenant_fk("tenants.Member")
    kind = models.CharField(max_length=6, choices=Kind.choices)

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant", "member", "kind"], name="mail_opt_out_once")]


class Mailing(TenantModel):
    """One weekly mail to one person: written once, whoever tries again."""

    kind = models.CharField(max_length=6, choices=Kind.choices)
    week = models.DateField()  # its Monday
    member = tenant_fk("tenants.Member")
    due_at = models.DateTimeField()  # when it should have left
    at = models.DateTimeField()  # when it was written to the outbox

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "kind", "week", "member"], name="mailing_once")
        ]


class Episode(TenantModel):
    """A team whose compliance was too low for two weeks running. Open until a week that counts is not."""

    team = tenant_fk("tenants.Team", on_delete=models.CASCADE)
    week = models.DateField()  # the second of the two, its Monday
    percent = models.PositiveSmallIntegerField()  # the limit that held
    kept_before = models.PositiveIntegerField()
    base_before = models.PositiveIntegerField()
    kept = models.PositiveIntegerField()
    base = models.PositiveIntegerField()
    told: models.Field[list[UUID], list[UUID]] = ArrayField(models.UUIDField(), default=list)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    closed_week = models.DateField(null=True)  # the week in which it was good again

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "team"], condition=Q(closed_at__isnull=True), name="one_open_episode"
            ),
            models.UniqueConstraint(fields=["tenant", "team", "week"], name="episode_once_a_week"),
        ]


class Subscription(TenantModel):
    """A report that somebody gets by mail. query: of its page, as in an address. The hour is of the
    subscriber's zone; a report leaves when `next_at` has come, and tells of that moment."""

    class Frequency(models.TextChoices):
        DAILY = "daily", "Every day"
        WEEKLY = "weekly", "Every week"
        MONTHLY = "monthly", "Every month"

    member = tenant_fk("tenants.Member", on_delete=models.CASCADE)
    report = models.CharField(max_length=20)
    query = models.CharField(max_length=1000, blank=True)
    frequency = models.CharField(max_length=7, choices=Frequency.choices)
    weekday = models.PositiveSmallIntegerField(default=0)  # of weekly ones; 0 is Monday
    day = models.PositiveSmallIntegerField(default=1)  # of monthly ones; 1 to 28
    at = models.TimeField()
    next_at = models.DateTimeField()
    created_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        constraints = [
            models.CheckConstraint(
                condition=Q(weekday__lte=6) & Q(day__gte=1) & Q(day__lte=28), name="subscription_days"
            )
        ]
        indexes = [
            models.Index(fields=["tenant", "next_at"], name="subscription_due"),
            models.Index(fields=["tenant", "member"], name="subscription_of_member"),
        ]
