"""Addresses of the reports for programs, under /api/v1/."""

from __future__ import annotations

from django.urls import path

from reporting.api import ComplianceView

urlpatterns = [path("reports/compliance", ComplianceView.as_view(), name="api_report_compliance")]
