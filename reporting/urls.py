"""Addresses of what managers read."""

from __future__ import annotations

from django.urls import path

from reporting.views import clocks, compliance, data_quality, fairness, leaks, stale, volume

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
    # The leak finder
    path("leaks", leaks.leaks, name="leaks"),
    path("leaks.csv", leaks.leaks_csv, name="leaks_csv"),
    path("leaks/settings", leaks.settings, name="leak_settings"),
    path("leaks/leads", leaks.leak_leads, name="leak_leads"),
    path("leaks/leads.csv", leaks.leak_leads_csv, name="leak_leads_csv"),
]
