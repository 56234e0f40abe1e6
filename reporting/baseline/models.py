"""The period of imported history that the present is held against."""

from __future__ import annotations

from django.db import models

from tenants.models import TenantModel


class Baseline(TenantModel):
    """One named period; the standing one is that which nothing replaced.

    numbers: as counted at `counted_at`, {measure: {"count", "base", "left_out", "median", "p90", "unknown"}},
    see baseline.counting. mqls: imported MQLs of the period. files: names of those that they came from.
    """

    name = models.CharField(max_length=80)
    first = models.DateField()
    last = models.DateField()
    files = models.JSONField(default=list)
    mqls = models.PositiveIntegerField()
    numbers = models.JSONField(default=dict)
    counted_at = models.DateTimeField()
    made_at = models.DateTimeField()
    made_by = models.CharField(max_length=80)
    replaced_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant"],
                condition=models.Q(replaced_at__isnull=True),
                name="one_standing_baseline",
            ),
            models.CheckConstraint(condition=models.Q(last__gte=models.F("first")), name="baseline_forward"),
        ]
        indexes = [models.Index(fields=["tenant", "-made_at"], name="baseline_by_time")]
