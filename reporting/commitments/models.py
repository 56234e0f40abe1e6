"""Targets of commitments and notes about them. Rows are only ever added: the database lets nobody change
one."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from tenants.models import TenantModel


class CommitmentTarget(TenantModel):
    """What one side promised from a month on, until a later row says otherwise.

    Of the rows of one commitment, those with the latest `valid_from` that is not after a month hold in it,
    and of these the one set last.
    """

    commitment = models.CharField(max_length=20)  # of catalog.CATALOG
    # MQLs a month, or per cent; null: nothing is promised any more.
    target = models.PositiveIntegerField(null=True)
    weekly_floor = models.PositiveIntegerField(null=True)  # of volume
    counts_rejected = models.BooleanField(default=True)  # of volume: whether rejected MQLs count
    valid_from = models.DateField()  # the first of a month
    set_at = models.DateTimeField()
    set_by = models.CharField(max_length=80)  # an actor of tenants.audit
    why = models.CharField(max_length=300)

    class Meta(TenantModel.Meta):
        constraints = [
            models.CheckConstraint(
                condition=Q(valid_from__day=1), name="commitment_target_from_a_first_of_month"
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "commitment", "valid_from", "set_at"], name="commitment_targets")
        ]


class CommitmentNote(TenantModel):
    """What somebody has to say about how a commitment was kept in a month."""

    commitment = models.CharField(max_length=20)
    month = models.DateField()  # its first day
    text = models.CharField(max_length=1_000)
    at = models.DateTimeField()
    by = models.CharField(max_length=80)  # an actor of tenants.audit

    class Meta(TenantModel.Meta):
        indexes = [models.Index(fields=["tenant", "month", "at"], name="commitment_notes_of_month")]
