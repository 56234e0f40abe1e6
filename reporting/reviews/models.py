"""Reviews of months and quarters, what was said and decided there, and what was done about breakdowns."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from tenants.models import TenantModel, tenant_fk

NOTE_LIMIT = 1_000


class ReviewSettings(TenantModel):
    """How an organisation reviews."""

    remind_days = models.PositiveSmallIntegerField(default=5)  # after a period's end, until it is closed

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant"], name="review_settings_once")]


class Review(TenantModel):
    """One period that both sides look at together. Live until it is closed; then its numbers are `frozen`."""

    class Kind(models.TextChoices):
        MONTH = "month", "Month"
        QUARTER = "quarter", "Quarter"

    class State(models.TextChoices):
        OPEN = "open", "Open"
        CLOSED = "closed", "Closed"

    kind = models.CharField(max_length=7, choices=Kind.choices, default=Kind.MONTH)
    first_day = models.DateField()
    state = models.CharField(max_length=6, choices=State.choices, default=State.OPEN)
    opened_at = models.DateTimeField()
    reminded_at = models.DateTimeField(null=True)  # people were told that it is over and not closed
    closed_at = models.DateTimeField(null=True)
    closed_by = models.CharField(max_length=80, blank=True)  # an actor of tenants.audit
    frozen = models.JSONField(null=True)  # of pack.Pack, with the notes and decisions of that moment

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "kind", "first_day"], name="review_once"),
            models.CheckConstraint(condition=Q(first_day__day=1), name="review_from_a_first_of_month"),
            models.CheckConstraint(
                condition=Q(state="open", closed_at__isnull=True, frozen__isnull=True)
                | Q(state="closed", closed_at__isnull=False, frozen__isnull=False),
                name="review_closed_with_its_numbers",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "-first_day", "-id"], name="reviews_by_period"),
            # Few: those that people are asked to close.
            models.Index(
                fields=["tenant"], condition=Q(state="open", reminded_at__isnull=False), name="reviews_due"
            ),
        ]


class ReviewNote(TenantModel):
    """Something said in a review; after its close it is an addendum. Never changed."""

    review = tenant_fk("reporting.Review", related_name="notes", on_delete=models.CASCADE)
    text = models.CharField(max_length=NOTE_LIMIT)
    at = models.DateTimeField()
    by = models.CharField(max_length=80)

    class Meta(TenantModel.Meta):
        indexes = [models.Index(fields=["tenant", "review", "at"], name="review_notes_by_time")]


class ReviewDecision(TenantModel):
    """Something that was decided in a review: who does it, by when, and whether it is done."""

    review = tenant_fk("reporting.Review", related_name="decisions", on_delete=models.CASCADE)
    text = models.CharField(max_length=NOTE_LIMIT)
    owner = tenant_fk("tenants.Member")
    due_on = models.DateField()
    at = models.DateTimeField()
    by = models.CharField(max_length=80)
    done_at = models.DateTimeField(null=True)
    done_by = models.CharField(max_length=80, blank=True)

    class Meta(TenantModel.Meta):
        indexes = [models.Index(fields=["tenant", "review", "at"], name="review_decisions_by_time")]


class BreakdownNote(TenantModel):
    """What was done about a missed deadline. Never changed."""

    timer = tenant_fk("sla.Timer", on_delete=models.CASCADE)
    text = models.CharField(max_length=NOTE_LIMIT)
    at = models.DateTimeField()
    by = models.CharField(max_length=80)

    class Meta(TenantModel.Meta):
        indexes = [models.Index(fields=["tenant", "timer", "at"], name="breakdown_notes_by_time")]
