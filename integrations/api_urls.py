"""Addresses of the lead API, under /api/v1/."""

from __future__ import annotations

from django.urls import path

from integrations import api, simulate

urlpatterns = [
    path("leads", api.LeadsView.as_view(), name="api-leads"),
    path("leads/bulk", api.BulkView.as_view(), name="api-leads-bulk"),
    path("leads/<uuid:lead_id>", api.OneLeadView.as_view(), name="api-lead"),
    path("leads/<uuid:lead_id>/engagements", api.EngagementsView.as_view(), name="api-lead-engagements"),
    path("routing/simulate", simulate.SimulateView.as_view(), name="api-routing-simulate"),
]
