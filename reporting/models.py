"""Facts that managers' pages are computed from: derived, rebuildable, never written by hand."""

from __future__ import annotations

from django.db import models

from tenants.models import TenantModel, tenant_fk


class TargetFact(TenantModel):
    """One timer with everything a report groups it by. `id` is the timer's id. Rebuilt whole for each dirty
    handoff."""

    handoff = tenant_fk("leads.Handoff", on_delete=models.CASCADE)
    lead_id = models.UUIDField()
    target = models.CharField(max_length=12)
    clock = models.CharField(max_length=7)
    member_id = models.UUIDField(null=True)  # company clock: the owner who answered, else the present one
    team_id = models.UUIDField(null=True)
    source = models.CharField(max_length=80, blank=True)
    campaign = models.CharField(max_length=120, blank=True)
    tier = models.CharField(max_length=60)
    tier_name = models.CharField(max_length=80, blank=True)
    started_at = models.DateTimeField()
    due_at = models.DateTimeField()
    met_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)  # answered, moved on or closed: nothing more to do
    verdict = models.CharField(max_length=9)  # met, missed, open, paused, cancelled: see reporting.measures
    business_seconds = models.PositiveIntegerField(null=True)
    wall_seconds = models.PositiveIntegerField(null=True)
    is_history = models.BooleanField(default=False)

    class Meta(TenantModel.Meta):
        indexes = [
            # All that a report reads, so that a period is counted from the index alone.
            models.Index(
                fields=["tenant", "clock", "target", "started_at"],
                include=[
                    "verdict",
                    "due_at",
                    "met_at",
                    "closed_at",
                    "business_seconds",
                    "member_id",
                    "team_id",
                    "source",
                    "campaign",
                    "tier",
                    "tier_name",
                ],
                name="fact_of_period",
            ),
            models.Index(fields=["tenant", "handoff"], name="fact_by_handoff"),
            models.Index(
                fields=["tenant", "clock", "-due_at", "-id"],
                condition=models.Q(verdict__in=["missed", "open"]),
                name="fact_unkept",
            ),
            models.Index(
                fields=["tenant", "clock", "-due_at", "-id"],
                condition=models.Q(verdict__in=["missed", "open"], closed_at__isnull=True),
                name="fact_unanswered",
            ),
        ]
