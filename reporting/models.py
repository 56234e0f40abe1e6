"""Facts that managers' pages are computed from: derived, rebuildable, never written by hand."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from reporting.agreement.models import (
    Agreement,
    AgreementSettings,
    FreezeOverride,
    Reading,
    Recalibration,
    Signature,
)
from reporting.baseline.models import Baseline
from reporting.commitments.models import CommitmentNote, CommitmentTarget
from reporting.kpis.models import KpiOwner, KpiTarget, SourceCost
from reporting.mailings.models import Episode, Mailing, MailOptOut, MailSettings, Subscription
from reporting.outcomes.models import (
    CampaignVerdict,
    OutcomeSettings,
    SurveyAnswer,
    SurveyDone,
    SurveyQuestion,
    SurveyRound,
)
from reporting.reviews.models import (
    BreakdownNote,
    Review,
    ReviewDecision,
    ReviewNote,
    ReviewSettings,
)
from tenants.models import TenantModel, tenant_fk

__all__ = [
    "Agreement",
    "AgreementSettings",
    "Baseline",
    "BreakdownNote",
    "CampaignVerdict",
    "CommitmentNote",
    "CommitmentTarget",
    "Episode",
    "FreezeOverride",
    "HandoffFact",
    "HandoffRollUp",
    "KpiOwner",
    "KpiTarget",
    "LeakSettings",
    "MailOptOut",
    "MailSettings",
    "Mailing",
    "OutcomeSettings",
    "Reading",
    "Recalibration",
    "ReportView",
    "Review",
    "ReviewDecision",
    "ReviewNote",
    "ReviewSettings",
    "RollUp",
    "RollUpState",
    "Signature",
    "SourceCost",
    "Subscription",
    "SurveyAnswer",
    "SurveyDone",
    "SurveyQuestion",
    "SurveyRound",
    "TargetFact",
]

_NO_NUMBERS = models.Value([], ArrayField(models.BigIntegerField()))


class TargetFact(TenantModel):
    """One timer with everything a report groups it by. `id` is the timer's id. Rebuilt whole for each dirty
    handoff.

    A clock that an import recorded (leads.ImportedCycle) has no timer: its id is made of the handoff's and
    the target, and its working time is not known.
    """

    handoff = tenant_fk("leads.Handoff", on_delete=models.CASCADE)
    lead_id = models.UUIDField()
    # Of leads.Handoff.Kind. The database's default serves code that does not know it yet.
    kind = models.CharField(max_length=8, default="inbound", db_default="inbound")
    target = models.CharField(max_length=40)
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
    # What pauses were worth to it: when it would have been due without them (null: it was never paused), and
    # the working seconds that they took of an answered clock.
    plain_due_at = models.DateTimeField(null=True)
    paused_seconds = models.PositiveIntegerField(null=True)
    # Its excuse was approved. The database's default serves code that does not know it yet.
    excused = models.BooleanField(default=False, db_default=False)

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
                    "plain_due_at",
                    "paused_seconds",
                    "kind",
                ],
                name="fact_of_period",
            ),
            # Few, and in no roll-up.
            models.Index(
                fields=["tenant", "clock", "target", "started_at"],
                condition=models.Q(kind="outbound"),
                name="fact_outbound",
            ),
            models.Index(fields=["tenant", "handoff"], name="fact_by_handoff"),
            # Few: counted beside the roll-ups.
            models.Index(
                fields=["tenant", "clock", "started_at"],
                condition=models.Q(excused=True),
                name="fact_excused",
            ),
            # Of paused clocks those that a deadline without pauses may break by the mere passing of time.
            models.Index(
                fields=["tenant", "clock", "plain_due_at"],
                condition=models.Q(verdict__in=["open", "paused"], plain_due_at__isnull=False),
                name="fact_open_paused",
            ),
            # So that whether anybody paused anything in a period is known at once.
            models.Index(
                fields=["tenant", "clock", "started_at"],
                condition=models.Q(plain_due_at__isnull=False),
                name="fact_paused",
            ),
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
            # Deadlines that passed and that the engine has not noted yet: a handful at any moment.
            models.Index(
                fields=["tenant", "clock", "due_at"],
                condition=models.Q(verdict="open"),
                name="fact_open",
            ),
        ]


class HandoffFact(TenantModel):
    """One handoff with all that became of it. `id` is the handoff's id. Rebuilt whole where it is dirty.

    Instants are as they were recorded: a deal that is won without anybody having said SQL has no `sql_at`
    (reporting.measures says what counts as reached). Test leads have none.
    """

    lead_id = models.UUIDField()
    kind = models.CharField(max_length=8, default="inbound", db_default="inbound")  # of leads.Handoff.Kind
    number = models.PositiveIntegerField()  # of the lead's handoffs
    is_history = models.BooleanField(default=False)
    # Who owned it when it was answered, else who owns it, else the last who did, and that person's team.
    member_id = models.UUIDField(null=True)
    team_id = models.UUIDField(null=True)
    source = models.CharField(max_length=80, blank=True)
    campaign = models.CharField(max_length=120, blank=True)
    channel = models.CharField(max_length=80, blank=True)
    segment = models.CharField(max_length=12, blank=True)  # of measures.SEGMENTS; blank: size not known
    tier = models.CharField(max_length=60, blank=True)
    tier_name = models.CharField(max_length=80, blank=True)
    criteria_number = models.PositiveIntegerField(null=True)  # version that judged it
    lacks = ArrayField(models.CharField(max_length=40), default=list)  # of leads.quality.COMPLETE

    created_at = models.DateTimeField()  # the lead's
    started_at = models.DateTimeField()  # MQL
    assigned_at = models.DateTimeField(null=True)  # had an owner for the first time
    first_touch_at = models.DateTimeField(null=True)
    decided_at = models.DateTimeField(null=True)  # sales' first standing answer
    accepted_at = models.DateTimeField(null=True)
    sql_at = models.DateTimeField(null=True)
    opportunity_at = models.DateTimeField(null=True)
    won_at = models.DateTimeField(null=True)
    lost_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)

    decision = models.CharField(max_length=8, blank=True)  # of feedback.Disposition.Kind
    reason = models.CharField(max_length=40, blank=True)  # slug that the last standing answer gave
    reason_side = models.CharField(max_length=10, blank=True)
    outcome = models.CharField(max_length=12, blank=True)  # of leads.Handoff.Outcome

    touches = models.PositiveSmallIntegerField(default=0)  # by people
    moves = models.PositiveSmallIntegerField(default=0)  # to another owner
    wrong_owner_moves = models.PositiveSmallIntegerField(default=0)  # of these: refused as not theirs
    # The company's clocks of first touch and of the decision: verdict as TargetFact's, working seconds of
    # answered ones.
    touch_verdict = models.CharField(max_length=9, blank=True)
    touch_seconds = models.PositiveIntegerField(null=True)
    decision_verdict = models.CharField(max_length=9, blank=True)
    decision_seconds = models.PositiveIntegerField(null=True)

    # Of its opportunities in the organisation's currency; null: none of them has an amount.
    amount = models.DecimalField(max_digits=16, decimal_places=2, null=True)
    won_amount = models.DecimalField(max_digits=16, decimal_places=2, null=True)

    # Feedback, for reporting.feedback_measures. The database's defaults serve code that does not know them.
    feedback = models.CharField(max_length=12, blank=True, default="", db_default="")  # the first standing
    feedback_at = models.DateTimeField(null=True)
    decision_due_at = models.DateTimeField(null=True)  # on the company's clock
    overturned = models.BooleanField(default=False, db_default=False)  # its rejection was, by a dispute
    dispute = models.CharField(max_length=10, blank=True, default="", db_default="")  # Dispute.State

    class Meta(TenantModel.Meta):
        indexes = [
            models.Index(fields=["tenant", "started_at"], name="handoff_fact_of_period"),
            models.Index(fields=["tenant", "member_id", "started_at"], name="handoff_fact_by_member"),
            models.Index(fields=["tenant", "source", "started_at"], name="handoff_fact_by_source"),
            models.Index(
                fields=["tenant", "campaign", "started_at"],
                condition=~models.Q(campaign=""),
                name="handoff_fact_by_campaign",
            ),
            models.Index(
                fields=["tenant", "decided_at"],
                condition=~models.Q(reason=""),
                name="handoff_fact_with_reason",
            ),
            models.Index(fields=["tenant", "lead_id"], name="handoff_fact_by_lead"),
            # Few of many: how long the won ones took, and which leads became an opportunity.
            models.Index(
                fields=["tenant", "closed_at"],
                condition=models.Q(outcome="won"),
                name="handoff_fact_won",
            ),
            models.Index(
                fields=["tenant", "created_at"],
                condition=models.Q(opportunity_at__isnull=False) | models.Q(won_at__isnull=False),
                name="handoff_fact_opportunity",
            ),
            # Few, and in no roll-up.
            models.Index(
                fields=["tenant", "started_at"],
                condition=models.Q(kind="outbound"),
                name="handoff_fact_outbound",
            ),
            # Few: those that stand somewhere.
            models.Index(
                fields=["tenant", "started_at"],
                condition=models.Q(closed_at__isnull=True),
                name="handoff_fact_open",
            ),
            # Few of many: what is owed an answer, and what was disputed.
            models.Index(
                fields=["tenant", "started_at", "decision_due_at"],
                condition=models.Q(feedback=""),
                name="handoff_fact_unanswered",
            ),
            models.Index(
                fields=["tenant", "started_at"],
                condition=~models.Q(dispute=""),
                name="handoff_fact_disputed",
            ),
        ]


class RollUp(TenantModel):
    """Facts counted together: the clocks that started on one day, or in one week, and have the same values
    in the columns of one cube (reporting.rollups). Only there where it counts something.

    Ids of no member and no team are `rollups.NOBODY`, so that keys compare. Response times are four lists of
    one length: the lower end of a bucket (reporting.measures), how many answers in time and late fell into
    it, and their seconds together. A cell keeps the name of a tier that one of its facts ever gave.
    """

    cube = models.CharField(max_length=8)
    days = models.PositiveSmallIntegerField()  # 1, or 7 from a Monday on
    day = models.DateField()  # the first, in the organisation's time zone
    clock = models.CharField(max_length=7)
    target = models.CharField(max_length=40)
    team_id = models.UUIDField()
    member_id = models.UUIDField()
    value = models.CharField(max_length=120, blank=True)  # a source or a campaign
    tier = models.CharField(max_length=60)
    tier_name = models.CharField(max_length=80, blank=True)
    kept = models.PositiveIntegerField()
    broken = models.PositiveIntegerField()
    running = models.PositiveIntegerField()  # as stored: with deadlines that passed unnoted
    called_off = models.PositiveIntegerField()
    unanswered = models.PositiveIntegerField()  # of the broken
    starts = ArrayField(models.PositiveIntegerField(), default=list)
    in_time = ArrayField(models.PositiveIntegerField(), default=list)
    late = ArrayField(models.PositiveIntegerField(), default=list)
    seconds = ArrayField(models.PositiveBigIntegerField(), default=list)
    # What changes where pauses are ignored: of the kept and of the called off those that would be broken, and
    # by how much each bucket counts more or less. The last three are empty where nothing changes.
    kept_by_pause = models.PositiveIntegerField(default=0, db_default=0)
    called_off_by_pause = models.PositiveIntegerField(default=0, db_default=0)
    shift_in_time = ArrayField(models.IntegerField(), default=list, db_default=_NO_NUMBERS)
    shift_late = ArrayField(models.IntegerField(), default=list, db_default=_NO_NUMBERS)
    shift_seconds = ArrayField(models.BigIntegerField(), default=list, db_default=_NO_NUMBERS)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=[
                    "tenant",
                    "cube",
                    "days",
                    "clock",
                    "target",
                    "day",
                    "team_id",
                    "member_id",
                    "value",
                    "tier",
                ],
                name="rollup_once",
            )
        ]
        indexes = [
            # The cells of some of very many campaigns, whatever the period.
            models.Index(
                fields=["tenant", "value", "clock", "days", "day"],
                condition=models.Q(cube="campaign"),
                name="rollup_of_campaign",
            )
        ]


class RollUpState(TenantModel):
    """That the roll-ups of an organisation are complete, whose days they count, and which cubes they have
    (rollups.LAYOUT). Without it, after the organisation moved to another zone, or after an upgrade with
    another layout, reports count facts until all cells are counted anew."""

    zone = models.CharField(max_length=60)
    layout = models.PositiveSmallIntegerField(default=1, db_default=1)
    # The same of the roll-ups of handoffs (handoff_rollups.LAYOUT). The database's defaults serve code that
    # does not know them yet.
    handoffs_zone = models.CharField(max_length=60, blank=True, default="", db_default="")
    handoffs_layout = models.PositiveSmallIntegerField(default=1, db_default=1)
    # The same of the roll-ups of leads (lead_rollups.LAYOUT).
    leads_zone = models.CharField(max_length=60, blank=True, default="", db_default="")
    leads_layout = models.PositiveSmallIntegerField(default=1, db_default=1)

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant"], name="rollup_state_once")]


def _count() -> models.PositiveIntegerField[int, int]:
    return models.PositiveIntegerField(default=0)


class HandoffRollUp(TenantModel):
    """Facts of handoffs counted together, as RollUp counts those of clocks: the handoffs that started on one
    day, or in one week, and have the same values in the columns of one cube (reporting.handoff_rollups).

    The counts are those of reporting.definitions.COUNTS. What is spread out (definitions.SPREAD) is four
    lists of one length, ordered: of what, the lower end of a bucket, how many fell into it, and their seconds
    together. Cells by reason have no lists.
    """

    cube = models.CharField(max_length=15)
    days = models.PositiveSmallIntegerField()  # 1, or 7 from a Monday on
    day = models.DateField()
    team_id = models.UUIDField()
    member_id = models.UUIDField()
    value = models.CharField(max_length=120, blank=True)  # a source, a campaign, a channel or a segment
    tier = models.CharField(max_length=60, blank=True)
    reason = models.CharField(max_length=40, blank=True)  # of a rejection; in cubes by reason
    tier_name = models.CharField(max_length=80, blank=True)

    mqls = _count()
    accepted = _count()
    rejected = _count()
    rejected_for_routing = _count()
    nurtured = _count()
    undecided = _count()
    lost = _count()
    disqualified = _count()
    contacted = _count()
    untouched = _count()
    closed_untouched = _count()
    touches = _count()
    moves = _count()
    wrong_owner_moves = _count()
    with_amount = _count()
    reachable = _count()
    bad_data = _count()
    explained = _count()
    unexplained = _count()
    imported = _count()
    live_decided = models.PositiveIntegerField(default=0, db_default=0)
    live_rejected = models.PositiveIntegerField(default=0, db_default=0)
    progressing = models.PositiveIntegerField(default=0, db_default=0)
    sal = _count()
    sql = _count()
    opportunity = _count()
    won = _count()
    sal_30 = _count()
    sql_30 = _count()
    opportunity_30 = _count()
    won_30 = _count()
    sal_60 = _count()
    sql_60 = _count()
    opportunity_60 = _count()
    won_60 = _count()
    sal_90 = _count()
    sql_90 = _count()
    opportunity_90 = _count()
    won_90 = _count()
    mql_rejected = _count()
    mql_nurture = _count()
    mql_disqualified = _count()
    sal_nurture = _count()
    sal_lost = _count()
    sal_disqualified = _count()
    sql_nurture = _count()
    sql_lost = _count()
    sql_disqualified = _count()
    opportunity_nurture = _count()
    opportunity_lost = _count()
    amount = models.DecimalField(max_digits=20, decimal_places=2, default=0)
    won_amount = models.DecimalField(max_digits=20, decimal_places=2, default=0)
    kinds = ArrayField(models.PositiveSmallIntegerField(), default=list)
    starts = ArrayField(models.PositiveIntegerField(), default=list)
    counts = ArrayField(models.PositiveIntegerField(), default=list)
    seconds = ArrayField(models.PositiveBigIntegerField(), default=list)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=[
                    "tenant",
                    "cube",
                    "days",
                    "day",
                    "team_id",
                    "member_id",
                    "value",
                    "tier",
                    "reason",
                ],
                # So that the largest of a hundred thousand campaigns are found by the index alone.
                include=["mqls"],
                name="handoff_rollup_once",
            )
        ]
        indexes = [
            # The cells of some of very many campaigns, whatever the period.
            models.Index(
                fields=["tenant", "cube", "value", "days", "day"],
                condition=models.Q(cube__in=["campaign", "reason_campaign"]),
                name="handoff_rollup_of_campaign",
            )
        ]


class LeadChange(TenantModel):
    """What a change of one lead takes from the counts of created leads (negative) or gives to them; written
    by the database as part of the change (migration 0029), removed when it is in the cells of LeadRollUp.

    Test leads count for nothing. leads: created; subscribers, disqualified: of these, by their stage.
    """

    created_at = models.DateTimeField()  # of the lead
    source = models.CharField(max_length=80)
    campaign = models.CharField(max_length=120)
    channel = models.CharField(max_length=80)
    leads = models.SmallIntegerField()
    subscribers = models.SmallIntegerField()
    disqualified = models.SmallIntegerField()


class LeadRollUp(TenantModel):
    """Leads counted together by the day they were created on, or the week (reporting.lead_rollups). Only
    there where it counts something."""

    cube = models.CharField(max_length=8)
    days = models.PositiveSmallIntegerField()  # 1, or 7 from a Monday on
    value = models.CharField(max_length=120, blank=True)  # a source, a campaign or a channel
    day = models.DateField()
    leads = _count()
    subscribers = _count()
    disqualified = _count()

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "cube", "days", "value", "day"],
                include=["leads", "subscribers", "disqualified"],
                name="lead_rollup_once",
            )
        ]


class LeakSettings(TenantModel):
    """What the organisation set for its leak finder. Without a row the defaults hold."""

    sql_percent = models.PositiveSmallIntegerField(default=30)  # MQL to SQL below this leaks
    wrong_owner_percent = models.PositiveSmallIntegerField(default=5)  # of routed leads; beyond this leaks
    cohort_days = models.PositiveSmallIntegerField(default=90)  # for which each lead is followed
    enough_attempts = models.PositiveSmallIntegerField(default=4)
    fast_minutes = models.PositiveIntegerField(null=True)  # working minutes; null: the target of its tier

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant"], name="leak_settings_once")]


class ReportView(TenantModel):
    """That somebody opened a report on a day of the organisation's: one row a person, report and day."""

    member = tenant_fk("tenants.Member", on_delete=models.CASCADE)
    report = models.CharField(max_length=20)
    day = models.DateField()

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "day", "member", "report"], name="report_view_once")
        ]
