"""Addresses of what managers read."""

from __future__ import annotations

from django.urls import path

from reporting.views import (
    clocks,
    commitment_targets,
    commitments,
    compliance,
    data_quality,
    fairness,
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
    path("funnel.csv", funnel.funnel_csv, name="funnel_csv"),
    path("funnel/leads", handoffs.funnel_leads, name="funnel_leads"),
    path("funnel/leads.csv", handoffs.funnel_leads_csv, name="funnel_leads_csv"),
    path("rejections", rejections.rejections, name="rejections"),
    path("rejections.csv", rejections.rejections_csv, name="rejections_csv"),
    # Commitments.
    path("commitments", commitments.commitments, name="commitments"),
    *file_paths("commitments", commitments.commitments_file, "commitments"),
    path("commitments/notes", commitments.note, name="commitment_notes"),
    path("commitments/targets/<slug:commitment>", commitment_targets.target, name="commitment_target"),
    path("commitments/calculator", commitment_targets.calculator, name="commitment_calculator"),
]
