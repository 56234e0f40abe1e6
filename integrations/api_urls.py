"""Addresses of the lead API, under /api/v1/."""

from __future__ import annotations

from django.urls import path

from integrations import api, simulate
from integrations.drill import api as drill

urlpatterns = [
    path("leads", api.LeadsView.as_view(), name="api-leads"),
    path("leads/bulk", api.BulkView.as_view(), name="api-leads-bulk"),
    path("leads/<uuid:lead_id>", api.OneLeadView.as_view(), name="api-lead"),
    path("leads/<uuid:lead_id>/engagements", api.EngagementsView.as_view(), name="api-lead-engagements"),
    path("drills", drill.DrillsView.as_view(), name="api-drills"),
    path("drills/plan", drill.DrillPlanView.as_view(), name="api-drill-plan"),
    path("drills/<uuid:drill_id>", drill.OneDrillView.as_view(), name="api-drill"),
    path("drills/<uuid:drill_id>/stop", drill.StopDrillView.as_view(), name="api-drill-stop"),
    path("routing/simulate", simulate.SimulateView.as_view(), name="api-routing-simulate"),
]
