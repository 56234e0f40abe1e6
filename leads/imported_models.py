"""What a file of history said beyond what a handoff can hold."""

from __future__ import annotations

from django.db import models

from tenants.models import TenantModel, tenant_fk


class ImportedCycle(TenantModel):
    """What the files said of one imported handoff. Reports measure it; the engine never sees it.

    Recorded clocks are when something was due elsewhere, and whether it was done by then:
    `first_touch_due_at` is answered by the handoff's first touch, `decision_due_at` by `decided_at`. What no
    file had answered by `known_until`, the moment of the import, is late where it was due by then, and else
    not known.
    """

    handoff = tenant_fk("leads.Handoff", related_name="imported", on_delete=models.CASCADE)
    files = models.JSONField(default=list)  # names, in the order they came
    days_only = models.JSONField(default=list)  # names of dates that had no time: integrations.recorded
    touched_at = models.JSONField(default=list)  # activities, ISO 8601 in UTC, ascending
    changes = models.JSONField(default=dict)  # by stage: when a file of changes first had it there
    first_touch_due_at = models.DateTimeField(null=True)
    decision_due_at = models.DateTimeField(null=True)
    decided_at = models.DateTimeField(null=True)
    known_until = models.DateTimeField()

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant", "handoff"], name="imported_cycle_once")]
