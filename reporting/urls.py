"""Addresses of what managers read."""

from __future__ import annotations

from django.urls import path

from reporting.views import agreement, clocks, compliance, data_quality, fairness, stale, volume

app_name = "reporting"

urlpatterns = [
    path("compliance", compliance.compliance, name="compliance"),
    path("compliance.csv", compliance.compliance_csv, name="compliance_csv"),
    path("compliance/leads", clocks.compliance_leads, name="compliance_leads"),
    path("compliance/leads.csv", clocks.compliance_leads_csv, name="compliance_leads_csv"),
    path("data-quality", data_quality.data_quality, name="data_quality"),
    path("data-quality.csv", data_quality.data_quality_csv, name="data_quality_csv"),
    path("fairness", fairness.fairness, name="fairness"),
    path("fairness.csv", fairness.fairness_csv, name="fairness_csv"),
    path("reassignments.csv", fairness.moves_csv, name="moves_csv"),
    path("leads/stale.csv", stale.stale_csv, name="stale_csv"),
    path("volume", volume.volume, name="volume"),
    path("volume.csv", volume.volume_csv, name="volume_csv"),
    path("volume/leads", volume.volume_leads, name="volume_leads"),
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
]
