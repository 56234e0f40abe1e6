"""Addresses of the reasons' API, under /api/v1/."""

from __future__ import annotations

from django.urls import path

from feedback import reason_api

urlpatterns = [
    path("reasons", reason_api.ReasonsView.as_view(), name="api-reasons"),
    path("reasons/order", reason_api.OrderReasonsView.as_view(), name="api-reasons-order"),
    path("reasons/<uuid:reason_id>", reason_api.ReasonView.as_view(), name="api-reason"),
    path("reasons/<uuid:reason_id>/retire", reason_api.RetireReasonView.as_view(), name="api-reason-retire"),
    path(
        "reasons/<uuid:reason_id>/restore", reason_api.RestoreReasonView.as_view(), name="api-reason-restore"
    ),
    path("feedback/settings", reason_api.FeedbackSettingsView.as_view(), name="api-feedback-settings"),
]
