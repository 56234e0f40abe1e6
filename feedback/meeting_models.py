"""Meetings that SDRs book for AEs."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from tenants.models import TenantModel, tenant_fk


class Meeting(TenantModel):
    """One appointment of a lead with an AE, booked by an SDR. Another day is another row that follows it."""

    class State(models.TextChoices):
        BOOKED = "booked", "Booked"
        ACCEPTED = "accepted", "Accepted"
        NO_SHOW = "no_show", "No-show"
        DISQUALIFIED = "disqualified", "Disqualified"
        CANCELLED = "cancelled", "Cancelled"
        RESCHEDULED = "rescheduled", "Rescheduled"  # before it was held

    class Absent(models.TextChoices):
        PROSPECT = "prospect", "The prospect"
        SDR = "sdr", "The SDR"
        AE = "ae", "The AE"

    class Seniority(models.TextChoices):
        C_LEVEL = "c_level", "C-level or owner"
        VP = "vp", "Vice president"
        DIRECTOR = "director", "Director or head"
        MANAGER = "manager", "Manager"
        STAFF = "staff", "Staff"

    lead = tenant_fk("leads.Lead", related_name="meetings", on_delete=models.CASCADE)
    handoff = tenant_fk("leads.Handoff", related_name="meetings", on_delete=models.CASCADE)
    sdr = tenant_fk("tenants.Member", related_name="meetings_booked")
    ae = tenant_fk("tenants.Member", related_name="meetings_held")
    booked_at = models.DateTimeField()
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    attendee_title = models.CharField(max_length=120, blank=True)
    seniority = models.CharField(max_length=8, choices=Seniority.choices, blank=True)
    next_step = models.CharField(max_length=300, blank=True)
    # Answers to the qualified-meeting criteria, as SqlAnswers.answers, whether all are met, and the number of
    # the version that asked: 0 for the default.
    checks = models.JSONField(default=list)
    qualified = models.BooleanField(default=False)
    bar_number = models.PositiveIntegerField(default=0, db_default=0)
    state = models.CharField(max_length=12, choices=State.choices, default=State.BOOKED)
    absent = models.CharField(max_length=8, choices=Absent.choices, blank=True)
    reason = tenant_fk("feedback.Reason", null=True)
    follow_up = models.DateField(null=True)  # when the SDR tries again
    follows = tenant_fk("feedback.Meeting", null=True, related_name="next_ones")
    decided_at = models.DateTimeField(null=True)
    decided_by = models.CharField(max_length=80, blank=True)
    note = models.TextField(blank=True, max_length=2_000)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "lead"], condition=Q(state="booked"), name="one_booked_meeting_per_lead"
            ),
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="meeting_forward"),
            models.CheckConstraint(
                condition=Q(state="booked", decided_at__isnull=True)
                | Q(~Q(state="booked"), decided_at__isnull=False),
                name="meeting_decided_with_time",
            ),
            models.CheckConstraint(
                condition=Q(~Q(state="no_show"), absent="") | Q(Q(state="no_show"), ~Q(absent="")),
                name="no_show_says_who",
            ),
            models.CheckConstraint(
                condition=~Q(state="disqualified") | Q(reason__isnull=False),
                name="disqualified_meeting_with_reason",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "state", "starts_at", "id"], name="meeting_by_state"),
            models.Index(fields=["tenant", "starts_at"], name="meeting_by_start"),
            models.Index(fields=["tenant", "ae", "starts_at"], name="meeting_by_ae"),
            models.Index(fields=["tenant", "sdr", "starts_at"], name="meeting_by_sdr"),
            models.Index(fields=["tenant", "handoff"], name="meeting_by_handoff"),
        ]
