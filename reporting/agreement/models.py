"""Versions of the agreement, who signed and read them, and what became of them afterwards."""

from __future__ import annotations

from datetime import datetime

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from reporting.agreement.terms import Terms, from_document
from tenants.models import TenantModel, tenant_fk


class Side(models.TextChoices):
    MARKETING = "marketing", "Marketing"
    SALES = "sales", "Sales"


class AgreementSettings(TenantModel):
    """How an organisation signs. Whoever signs holds this row, so that they take turns."""

    freeze_days = models.PositiveSmallIntegerField(default=30)  # after both signed; 0: none
    review_day = models.PositiveSmallIntegerField(default=5)  # of each month
    # Members who must all sign for a side; empty: any one whose role may.
    marketing_signers = ArrayField(models.UUIDField(), default=list)
    sales_signers = ArrayField(models.UUIDField(), default=list)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant"], name="agreement_settings_once"),
            models.CheckConstraint(
                condition=Q(review_day__gte=1, review_day__lte=28), name="agreement_review_day"
            ),
        ]


class Agreement(TenantModel):
    """One version: the terms as they were when the first of its signers signed, and what they promise."""

    class State(models.TextChoices):
        OPEN = "open", "Waits for signatures"
        IN_FORCE = "in_force", "In force"
        REPLACED = "replaced", "Replaced"
        LAPSED = "lapsed", "Lapsed"  # the terms changed before everybody had signed

    number = models.PositiveIntegerField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.OPEN)
    document = models.JSONField()
    digest = models.CharField(max_length=64)
    opened_at = models.DateTimeField()
    in_force_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    frozen_until = models.DateTimeField(null=True)
    # What the engine found configured that is not what was signed, and since when; blank: nothing.
    changed_digest = models.CharField(max_length=64, blank=True)
    changed_at = models.DateTimeField(null=True)
    reminded_on = models.DateField(null=True)  # the day of recalibration that people were reminded of

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "number"], name="agreement_number_once"),
            models.UniqueConstraint(fields=["tenant"], condition=Q(state="open"), name="agreement_one_open"),
            models.UniqueConstraint(
                fields=["tenant"], condition=Q(state="in_force"), name="agreement_one_in_force"
            ),
        ]

    def terms_at(self, now: datetime) -> Terms:
        """What was signed, as it holds at an instant: with what was scheduled then and came since."""
        return from_document(self.document).at(now)

    def promises(self, terms: Terms, now: datetime) -> bool:
        """Whether these terms are what was signed."""
        signed = from_document(self.document)
        held = signed.at(now)
        return terms.digest == (self.digest if held is signed else held.digest)


class Signature(TenantModel):
    """Somebody signed a version, for one side."""

    agreement = tenant_fk("reporting.Agreement", related_name="signatures", on_delete=models.CASCADE)
    side = models.CharField(max_length=9, choices=Side.choices)
    member = tenant_fk("tenants.Member")
    role = models.CharField(max_length=12)  # at that time
    at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "agreement", "member"], name="agreement_signed_once_by_each"
            )
        ]


class Reading(TenantModel):
    """Somebody confirmed that they have read a version."""

    agreement = tenant_fk("reporting.Agreement", on_delete=models.CASCADE)
    member = tenant_fk("tenants.Member")
    at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "agreement", "member"], name="agreement_read_once_by_each"
            )
        ]


class FreezeOverride(TenantModel):
    """One side agreed that a draft may be published within the freeze: as it was saved then, no later."""

    agreement = tenant_fk("reporting.Agreement", on_delete=models.CASCADE)
    kind = models.CharField(max_length=20)  # of tenants.versions.kinds
    version_id = models.UUIDField()  # of that kind's table
    number = models.PositiveIntegerField()
    revision = models.PositiveIntegerField()
    side = models.CharField(max_length=9, choices=Side.choices)
    member = tenant_fk("tenants.Member")
    reason = models.CharField(max_length=300)
    at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "agreement", "version_id", "revision", "side"],
                name="freeze_override_once_by_side",
            ),
            models.UniqueConstraint(
                fields=["tenant", "agreement", "version_id", "revision", "member"],
                name="freeze_override_once_by_each",
            ),
        ]


class Recalibration(TenantModel):
    """A quarter's look at the numbers, and what was decided."""

    agreement = tenant_fk("reporting.Agreement", on_delete=models.CASCADE)
    at = models.DateTimeField()
    member = tenant_fk("tenants.Member")
    is_changed = models.BooleanField()  # a draft of the SLA policy was made of proposals
    note = models.CharField(max_length=300, blank=True)
    proposals = models.JSONField(default=list)  # as they were shown

    class Meta(TenantModel.Meta):
        indexes = [models.Index(fields=["tenant", "agreement", "-at"], name="recalibration_by_time")]
