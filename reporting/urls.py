"""Addresses of what managers read."""

from __future__ import annotations

from django.urls import path

from reporting import views

app_name = "reporting"

urlpatterns = [
    path("compliance", views.compliance, name="compliance"),
    path("compliance.csv", views.compliance_csv, name="compliance_csv"),
    path("compliance/leads", views.compliance_leads, name="compliance_leads"),
    path("compliance/leads.csv", views.compliance_leads_csv, name="compliance_leads_csv"),
    path("volume", views.volume, name="volume"),
    path("volume.csv", views.volume_csv, name="volume_csv"),
    path("volume/leads", views.volume_leads, name="volume_leads"),
]
