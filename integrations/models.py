"""What came in, and what became of it."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from tenants.models import TenantModel, tenant_fk


class IntakeEntry(TenantModel):
    """Every payload as it arrived. Committed before the work on it begins, so a crash loses nothing."""

    class Outcome(models.TextChoices):
        RECEIVED = "received"  # no answer yet: still at work, or it crashed
        CREATED = "created"
        ENGAGED = "engaged"  # a known person came again
        REFUSED = "refused"  # 4xx
        FAILED = "failed"  # 5xx

    at = models.DateTimeField()
    channel = models.CharField(max_length=20)  # "api", "bulk", "csv"
    actor = models.CharField(max_length=80)
    payload = models.TextField()  # as received, cut at 1 MB
    outcome = models.CharField(max_length=8, choices=Outcome.choices, default=Outcome.RECEIVED)
    detail = models.JSONField(default=dict)  # the problem document, or counts
    lead = tenant_fk("leads.Lead", null=True, on_delete=models.SET_NULL)

    class Meta(TenantModel.Meta):
        indexes = [models.Index(fields=["tenant", "-at"], name="intake_by_time")]


class ImportRun(TenantModel):
    """A file of history, imported in batches; a crash resumes after `rows_done`."""

    file_name = models.CharField(max_length=200)
    file_hash = models.CharField(max_length=64)
    mapping = models.CharField(max_length=80)
    rows_done = models.PositiveIntegerField(default=0)
    created = models.PositiveIntegerField(default=0)
    updated = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    errors = models.JSONField(default=list)  # [{"line", "field", "message"}], the first 1,000
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "file_hash", "mapping"],
                condition=Q(finished_at__isnull=True),
                name="one_running_import",
            )
        ]


class Drill(TenantModel):
    """Test leads on the whole real way, and what was seen of them. One at a time."""

    class State(models.TextChoices):
        ASKED = "asked"  # its leads are still to be sent
        RUNNING = "running"  # they are sent, and looked at
        DONE = "done"
        CANCELLED = "cancelled"

    state = models.CharField(max_length=9, choices=State.choices, default=State.ASKED)
    actor = models.CharField(max_length=80)
    asked_at = models.DateTimeField()
    seconds = models.PositiveSmallIntegerField()  # that the first touch of its leads is promised in
    leads = models.JSONField()  # [{"name", "kind", "country", "employees", "source", "title"}]
    sending_until = models.DateTimeField(null=True)  # a worker sends them; after this another may
    tries = models.PositiveSmallIntegerField(default=0)  # to send them
    key_id = models.UUIDField(null=True)  # of the API key that they are sent with
    sent_at = models.DateTimeField(null=True)
    answers = models.JSONField(default=list)  # what the API said of each, see drill.cards.Seen.answer
    closed_at = models.DateTimeField(null=True)
    passed = models.BooleanField(null=True)
    cards = models.JSONField(default=list)  # [{"name", "lead", "lines"}], see drill.cards.Line

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant"], condition=Q(state__in=["asked", "running"]), name="one_drill_at_a_time"
            )
        ]
        indexes = [models.Index(fields=["tenant", "-asked_at", "-id"], name="drill_by_time")]


class DrillReceipt(TenantModel):
    """A webhook of a drill that arrived, signed rightly, at the portal's own receiver."""

    drill = tenant_fk("integrations.Drill", related_name="receipts", on_delete=models.CASCADE)
    message_id = models.CharField(max_length=80)
    kind = models.CharField(max_length=40)
    handoff_id = models.UUIDField()
    at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "drill", "message_id"], name="receipt_once"),
        ]


class DrillPlan(TenantModel):
    """The set of leads that an organisation drills with, and when it does so by itself."""

    leads = models.JSONField(default=list)  # as Drill.leads
    seconds = models.PositiveSmallIntegerField(default=20)
    weekday = models.PositiveSmallIntegerField(null=True)  # 0 is Monday; None: on demand only
    minute = models.PositiveSmallIntegerField(default=9 * 60)  # of the organisation's day
    next_at = models.DateTimeField(null=True)
    changed_at = models.DateTimeField()
    changed_by = models.CharField(max_length=80)

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant"], name="one_drill_plan")]
        indexes = [
            models.Index(
                fields=["next_at", "tenant"],
                condition=Q(next_at__isnull=False),
                name="drill_plan_due_anywhere",
            )
        ]
