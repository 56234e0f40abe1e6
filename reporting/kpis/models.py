"""Owners and targets of KPIs, and what each source cost. Owners and targets are only ever added: the database
lets nobody change one."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from tenants.models import TenantModel, tenant_fk


class KpiTarget(TenantModel):
    """What a KPI is to reach from a month on, until a later row says otherwise; as commitments have it.

    Of a KPI that a commitment promises too there are none: the commitment's target is its own.
    """

    kpi = models.CharField(max_length=24)  # of catalog.CATALOG
    # Per cent, days, or money in the organisation's currency; null: none any more.
    target = models.DecimalField(max_digits=16, decimal_places=2, null=True)
    valid_from = models.DateField()  # the first of a month
    set_at = models.DateTimeField()
    set_by = models.CharField(max_length=80)  # an actor of tenants.audit
    why = models.CharField(max_length=300)

    class Meta(TenantModel.Meta):
        constraints = [
            models.CheckConstraint(condition=Q(valid_from__day=1), name="kpi_target_from_a_first_of_month"),
        ]
        indexes = [models.Index(fields=["tenant", "kpi", "valid_from", "set_at"], name="kpi_targets")]


class KpiOwner(TenantModel):
    """Who answers for a KPI from a moment on, until a later row names somebody else, or nobody."""

    kpi = models.CharField(max_length=24)
    member = tenant_fk("tenants.Member", null=True)  # null: nobody any more
    set_at = models.DateTimeField()
    set_by = models.CharField(max_length=80)

    class Meta(TenantModel.Meta):
        indexes = [models.Index(fields=["tenant", "kpi", "set_at"], name="kpi_owners")]


class SourceCost(TenantModel):
    """What a source cost in a month. Those of one source add up: one without a campaign is what no campaign
    has, not the sum of them. Amounts in a currency other than the organisation's are kept, and counted
    nowhere: they come of a time when it had another one."""

    month = models.DateField()  # its first day
    source = models.CharField(max_length=80)  # as leads name it
    campaign = models.CharField(max_length=120, blank=True)
    amount = models.DecimalField(max_digits=14, decimal_places=2)
    currency = models.CharField(max_length=3)  # ISO 4217
    set_at = models.DateTimeField()
    set_by = models.CharField(max_length=80)  # an actor of tenants.audit

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "month", "source", "campaign"], name="source_cost_once"
            ),
            models.CheckConstraint(
                condition=Q(month__day=1, amount__gte=0) & ~Q(source=""), name="source_cost_of_a_month"
            ),
        ]
