"""Addresses of the reports for programs, under /api/v1/."""

from __future__ import annotations

from django.urls import path

from reporting.api import ComplianceView
from reporting.commitments_api import CommitmentsView, CommitmentTargetsView
from reporting.data_quality_api import DataQualityView
from reporting.fairness_api import FairnessView
from reporting.moves_api import MovesView

urlpatterns = [
    path("reports/compliance", ComplianceView.as_view(), name="api_report_compliance"),
    path("reports/data-quality", DataQualityView.as_view(), name="api_report_data_quality"),
    path("reports/fairness", FairnessView.as_view(), name="api_report_fairness"),
    path("reports/reassignments", MovesView.as_view(), name="api_report_reassignments"),
    # Commitments.
    path("commitments", CommitmentsView.as_view(), name="api_commitments"),
    path("commitments/targets", CommitmentTargetsView.as_view(), name="api_commitment_targets"),
]
