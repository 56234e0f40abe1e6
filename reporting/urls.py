"""Addresses of what managers read."""

from __future__ import annotations

from django.urls import path

from reporting.views import (
    clocks,
    compliance,
    data_quality,
    fairness,
    feedback,
    funnel,
    handoffs,
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
    # Feedback and disputes.
    path("feedback/coverage", feedback.feedback, name="feedback"),
    *file_paths("feedback/coverage", feedback.feedback_file, "feedback"),
]
