"""Addresses of what managers read."""

from __future__ import annotations

from django.urls import path

from reporting.views import (
    adoption,
    agreement,
    clocks,
    commitment_targets,
    commitments,
    compliance,
    data_quality,
    digest,
    fairness,
    feedback,
    funnel,
    handoffs,
    journey,
    leaks,
    my_mails,
    rejections,
    stale,
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
    *file_paths("rejections", rejections.rejections_file, "rejections"),
    # Commitments.
    path("commitments", commitments.commitments, name="commitments"),
    *file_paths("commitments", commitments.commitments_file, "commitments"),
    path("commitments/notes", commitments.note, name="commitment_notes"),
    path("commitments/targets/<slug:commitment>", commitment_targets.target, name="commitment_target"),
    path("commitments/calculator", commitment_targets.calculator, name="commitment_calculator"),
    # Mails on a schedule, and who looks.
    path("adoption", adoption.adoption_page, name="adoption"),
    path("digest", digest.digest, name="digest"),
    path("digest/settings", digest.change_settings, name="digest_settings"),
    path("account/mails", my_mails.my_mails, name="my_mails"),
    path("account/mails/reports", my_mails.subscribe, name="subscribe"),
    path("account/mails/reports/<uuid:subscription_id>/remove", my_mails.unsubscribe, name="unsubscribe"),
]
