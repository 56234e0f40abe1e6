"""What sales said, and what became of it where marketing objected."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from leads.lifecycle import Stage
from tenants.models import TenantModel, tenant_fk

NOTE_LIMIT = 4_000  # characters of what people say with an answer
ARGUMENT_LIMIT = 2_000


class Reason(TenantModel):
    """One entry of the tenant's taxonomy. `side` says whose it is: routing's reasons reroute, marketing's
    are counted. One that is not active was retired: it stays in history and in reports by its name."""

    class Kind(models.TextChoices):
        REJECT = "reject", "Reject"
        NURTURE = "nurture", "Nurture"
        DISQUALIFIED = "disqualified", "Disqualified"
        LOST = "lost", "Lost"

    class Side(models.TextChoices):
        MARKETING = "marketing", "Marketing"
        ROUTING = "routing", "Routing"

    kind = models.CharField(max_length=12, choices=Kind.choices, default=Kind.REJECT)
    slug = models.SlugField(max_length=40, db_index=False)  # its unique key leads with the tenant
    label = models.CharField(max_length=60)
    hint = models.CharField(max_length=120, blank=True)
    side = models.CharField(max_length=10, choices=Side.choices, default=Side.MARKETING)
    note_required = models.BooleanField(default=False)
    earns_credit = models.BooleanField(default=False)  # the rotation gives the turn back
    # Where the lead goes by it; blank: to the stage of its kind (feedback.reasons.LEADS_TO).
    leads_to = models.CharField(max_length=12, choices=Stage.choices, blank=True, default="", db_default="")
    position = models.PositiveSmallIntegerField(default=0)
    is_active = models.BooleanField(default=True)

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant", "kind", "slug"], name="reason_slug_once")]


class FeedbackSettings(TenantModel):
    """What an organisation agreed about answers and objections to them: one row a tenant."""

    dispute_days = models.PositiveSmallIntegerField(
        default=10
    )  # after the answer, day by day of the calendar
    sheet_size = models.PositiveSmallIntegerField(default=7)  # rows of a weekly sheet

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant"], name="feedback_settings_once")]


class Disposition(TenantModel):
    """Sales' answer on a handoff. "Progressing" says that the lead is being worked, closes nothing and may be
    said again; every other answer is given once."""

    class Kind(models.TextChoices):
        ACCEPTED = "accepted"
        REJECTED = "rejected"
        NURTURE = "nurture"
        PROGRESSING = "progressing"
        DISQUALIFIED = "disqualified"
        LOST = "lost"

    handoff = tenant_fk("leads.Handoff", related_name="dispositions", on_delete=models.CASCADE)
    kind = models.CharField(max_length=12, choices=Kind.choices)
    reason = tenant_fk("feedback.Reason", null=True)
    note = models.TextField(blank=True, max_length=NOTE_LIMIT)
    until = models.DateField(null=True)  # nurture: when to look again
    by = tenant_fk("tenants.Member", null=True)
    actor = models.CharField(max_length=80)
    at = models.DateTimeField()
    undone_at = models.DateTimeField(null=True)
    # A dispute found it wrong: it stands as answered, and reports tell numbers without it beside.
    overturned_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "handoff", "kind"],
                condition=Q(undone_at__isnull=True) & ~Q(kind="progressing"),
                name="disposition_once",
            )
        ]
        indexes = [
            models.Index(fields=["tenant", "-at"], name="disposition_by_time"),
            models.Index(fields=["tenant", "handoff"], name="disposition_by_handoff"),
        ]


class AuditSheet(TenantModel):
    """The rejections that both sides look at in one week, frozen when somebody opened the sheet."""

    week = models.DateField()  # its Monday, in the organisation's zone
    opened_at = models.DateTimeField()
    opened_by = models.CharField(max_length=80)

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant", "week"], name="one_sheet_a_week")]


class SheetItem(TenantModel):
    """One rejection on a sheet. why: a sentence, said when it was picked."""

    sheet = tenant_fk("feedback.AuditSheet", related_name="items", on_delete=models.CASCADE)
    disposition = tenant_fk("feedback.Disposition", on_delete=models.CASCADE)
    place = models.PositiveSmallIntegerField()
    why = models.CharField(max_length=300)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "sheet", "disposition"], name="sheet_item_once")
        ]


class Dispute(TenantModel):
    """Marketing's objection to a rejection; one a rejection, ever. Of a rejection that was on a weekly sheet
    without one, the row is made with its outcome and has no argument."""

    class State(models.TextChoices):
        OPEN = "open", "Open"
        UPHELD = "upheld", "Upheld"
        OVERTURNED = "overturned", "Overturned"
        CRITERIA = "criteria", "Criteria to change"
        ROUTING = "routing", "Routing to change"

    handoff = tenant_fk("leads.Handoff", related_name="disputes", on_delete=models.CASCADE)
    disposition = tenant_fk("feedback.Disposition", related_name="disputes", on_delete=models.CASCADE)
    argument = models.TextField(blank=True, max_length=ARGUMENT_LIMIT)
    opened_at = models.DateTimeField()
    opened_by = models.CharField(max_length=80)
    opener = tenant_fk("tenants.Member", null=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    decided_at = models.DateTimeField(null=True)
    decided_by = models.CharField(max_length=80, blank=True)
    decider = tenant_fk("tenants.Member", null=True)
    note = models.TextField(blank=True, max_length=ARGUMENT_LIMIT)  # of whoever decided
    week = models.DateField(null=True)  # of the sheet on which it was decided
    fresh_handoff = tenant_fk("leads.Handoff", null=True)  # with which an overturned lead came back
    same_rep = models.BooleanField(default=False)  # it may go to whoever rejected it

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "disposition"], name="disputed_once"),
            models.CheckConstraint(
                condition=Q(state="open", decided_at__isnull=True)
                | Q(~Q(state="open"), decided_at__isnull=False),
                name="dispute_decided_with_time",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "state", "-opened_at", "-id"], name="dispute_by_state"),
            models.Index(fields=["tenant", "-opened_at", "-id"], name="dispute_by_time"),
            models.Index(fields=["tenant", "handoff"], name="dispute_by_handoff"),
            models.Index(
                fields=["tenant", "fresh_handoff"],
                condition=Q(fresh_handoff__isnull=False),
                name="dispute_by_fresh_handoff",
            ),
        ]


class FollowUp(TenantModel):
    """What a dispute's outcome owes: a version of the criteria or of the routing rules that answers it."""

    class About(models.TextChoices):
        CRITERIA = "criteria", "Criteria"
        ROUTING = "routing", "Routing"

    dispute = tenant_fk("feedback.Dispute", related_name="follow_ups", on_delete=models.CASCADE)
    about = models.CharField(max_length=8, choices=About.choices)
    opened_at = models.DateTimeField()
    version_id = models.UUIDField(null=True)  # of leads.CriteriaVersion or routing.RuleSetVersion
    version_number = models.PositiveIntegerField(null=True)
    answered_at = models.DateTimeField(null=True)
    answered_by = models.CharField(max_length=80, blank=True)
    dropped_at = models.DateTimeField(null=True)  # the dispute was opened again

    class Meta(TenantModel.Meta):
        constraints = [
            models.CheckConstraint(
                condition=Q(answered_at__isnull=True, version_id__isnull=True)
                | Q(answered_at__isnull=False, version_id__isnull=False),
                name="follow_up_answered_by_version",
            )
        ]
        indexes = [
            models.Index(fields=["tenant", "about", "opened_at"], name="follow_up_by_time"),
            models.Index(fields=["tenant", "dispute"], name="follow_up_by_dispute"),
        ]


# That of meeting_models.py is ours too.
from feedback.meeting_models import Meeting  # noqa: E402

__all__ = [
    "ARGUMENT_LIMIT",
    "NOTE_LIMIT",
    "AuditSheet",
    "Disposition",
    "Dispute",
    "FeedbackSettings",
    "FollowUp",
    "Meeting",
    "Reason",
    "SheetItem",
]
