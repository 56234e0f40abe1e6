"""What is kept about outcomes: how they are attributed, what campaigns were found to be, and surveys."""

from __future__ import annotations

import uuid

from django.db import models

from tenants.models import TenantModel, tenant_fk


class OutcomeSettings(TenantModel):
    """How an organisation reads its outcomes; without a row the defaults hold."""

    class Attribution(models.TextChoices):
        FIRST = "first", "First touch"
        LAST = "last", "Last touch"
        HANDOFF = "handoff", "Handoff"

    attribution = models.CharField(
        max_length=7, choices=Attribution.choices, default=Attribution.HANDOFF, db_default="handoff"
    )

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant"], name="outcome_settings_once")]


class CampaignVerdict(TenantModel):
    """That marketing was told of a campaign, with the numbers of that moment. Once a campaign."""

    campaign = models.CharField(max_length=120)
    verdict = models.CharField(max_length=10)  # of outcomes.campaigns.Verdict
    at = models.DateTimeField()
    accepted = models.PositiveIntegerField()
    answered = models.PositiveIntegerField()
    usual_accepted = models.PositiveIntegerField()
    usual_answered = models.PositiveIntegerField()

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant", "campaign"], name="campaign_verdict_once")]


class SurveyQuestion(TenantModel):
    """A question of the alignment survey. A changed text is another question, so that trends compare like
    with like; the former one stays for the quarters that answered it."""

    place = models.PositiveSmallIntegerField()  # from 1
    text = models.CharField(max_length=200)
    retired_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "place"],
                condition=models.Q(retired_at__isnull=True),
                name="survey_question_once",
            )
        ]


class SurveyRound(TenantModel):
    """That people were asked in a quarter, "2026Q4"."""

    quarter = models.CharField(max_length=6)
    asked_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant", "quarter"], name="survey_round_once")]


class SurveyDone(TenantModel):
    """That somebody answered in a quarter; not what."""

    quarter = models.CharField(max_length=6)
    member = tenant_fk("tenants.Member", on_delete=models.CASCADE)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "quarter", "member"], name="survey_done_once")
        ]


class SurveyAnswer(TenantModel):
    """What somebody of a side answered. It says nothing of who: its id has no time in it, and it names
    nobody."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    quarter = models.CharField(max_length=6)
    side = models.CharField(max_length=9)  # sales or marketing
    scores = models.JSONField(default=dict)  # 1 to 5, by the question's id
    note = models.TextField(blank=True)

    class Meta(TenantModel.Meta):
        indexes = [models.Index(fields=["tenant", "quarter", "side"], name="survey_answer_by_quarter")]
