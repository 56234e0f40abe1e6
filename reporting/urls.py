"""Addresses of what managers read."""

from __future__ import annotations

from django.urls import path

from reporting.views import (
    agreement,
    campaigns,
    clocks,
    commitment_targets,
    commitments,
    compliance,
    data_quality,
    fairness,
    feedback,
    funnel,
    handoffs,
    journey,
    leaks,
    pipeline,
    rejections,
    scorecard,
    since_start,
    speed,
    stale,
    survey,
    volume,
)
from web.table_files import file_paths

app_name = "reporting"

urlpatterns = [
    path("compliance", compliance.compliance, name="compliance"),
    *file_paths("compliance", compliance.compliance_file, "compliance"),
    path("compliance/leads", clocks.compliance_leads, name="compliance_leads"),
    *file_paths("compliance/leads", clocks.compliance_leads_file, "compliance_leads"),
    path("data-quality", data_quality.data_quality, name="data_quality"),
    *file_paths("data-quality", data_quality.data_quality_file, "data_quality"),
    path("fairness", fairness.fairness, name="fairness"),
    *file_paths("fairness", fairness.fairness_file, "fairness"),
    *file_paths("reassignments", fairness.moves_file, "moves"),
    *file_paths("leads/stale", stale.stale_file, "stale"),
    path("volume", volume.volume, name="volume"),
    *file_paths("volume", volume.volume_file, "volume"),
    path("volume/leads", volume.volume_leads, name="volume_leads"),
    # The funnel and rejections.
    path("funnel", funnel.funnel, name="funnel"),
    *file_paths("funnel", funnel.funnel_file, "funnel"),
    path("funnel/leads", handoffs.funnel_leads, name="funnel_leads"),
    *file_paths("funnel/leads", handoffs.funnel_leads_file, "funnel_leads"),
    path("rejections", rejections.rejections, name="rejections"),
    *file_paths("rejections", rejections.rejections_file, "rejections"),
    path("journey", journey.journey, name="journey"),
    *file_paths("journey", journey.journey_file, "journey"),
    # Feedback and disputes.
    path("feedback/coverage", feedback.feedback, name="feedback"),
    *file_paths("feedback/coverage", feedback.feedback_file, "feedback"),
    path("agreement", agreement.agreement, name="agreement"),
    path("agreement.pdf", agreement.agreement_file, name="agreement_file"),
    path("agreement/sign", agreement.sign, name="agreement_sign"),
    path("agreement/read", agreement.confirm, name="agreement_read"),
    path("agreement/override", agreement.override, name="agreement_override"),
    path("agreement/recalibrate", agreement.recalibrate, name="agreement_recalibrate"),
    path("agreement/settings", agreement.change_settings, name="agreement_settings"),
    path("agreement/versions/<uuid:agreement_id>", agreement.version, name="agreement_version"),
    path(
        "agreement/versions/<uuid:agreement_id>/file",
        agreement.version_file,
        name="agreement_version_file",
    ),
    # The leak finder
    path("leaks", leaks.leaks, name="leaks"),
    path("leaks/card", leaks.leaks_card, name="leaks_card"),
    *file_paths("leaks", leaks.leaks_file, "leaks"),
    path("leaks/settings", leaks.settings, name="leak_settings"),
    path("leaks/leads", leaks.leak_leads, name="leak_leads"),
    *file_paths("leaks/leads", leaks.leak_leads_file, "leak_leads"),
    # Commitments.
    path("commitments", commitments.commitments, name="commitments"),
    *file_paths("commitments", commitments.commitments_file, "commitments"),
    path("commitments/notes", commitments.note, name="commitment_notes"),
    path("commitments/targets/<slug:commitment>", commitment_targets.target, name="commitment_target"),
    path("commitments/calculator", commitment_targets.calculator, name="commitment_calculator"),
    # Outcomes.
    path("organisation/money", pipeline.money, name="money"),
    path("pipeline", pipeline.pipeline, name="pipeline"),
    *file_paths("pipeline", pipeline.pipeline_file, "pipeline"),
    path("pipeline/deals", pipeline.pipeline_deals, name="pipeline_deals"),
    *file_paths("pipeline/deals", pipeline.pipeline_deals_file, "pipeline_deals"),
    path("speed", speed.speed, name="speed"),
    *file_paths("speed", speed.speed_file, "speed"),
    path("campaigns", campaigns.campaigns, name="campaigns"),
    *file_paths("campaigns", campaigns.campaigns_file, "campaigns"),
    path("survey", survey.survey, name="survey"),
    path("survey/questions", survey.questions, name="survey_questions"),
    path("reps/<uuid:member_id>/scorecard", scorecard.scorecard, name="scorecard"),
    path("outcomes", since_start.outcomes, name="outcomes"),
    *file_paths("outcomes", since_start.outcomes_file, "outcomes"),
]
