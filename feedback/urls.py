"""Addresses of the reasons' pages."""

from __future__ import annotations

from django.urls import path

from feedback import reason_views

app_name = "feedback"
urlpatterns = [
    path("feedback/reasons", reason_views.reasons, name="reasons"),
    path("feedback/reasons/new", reason_views.new_reason, name="new_reason"),
    path("feedback/reasons/<uuid:reason_id>", reason_views.edit_reason, name="reason"),
    path("feedback/reasons/<uuid:reason_id>/retire", reason_views.retire, name="retire"),
    path("feedback/reasons/<uuid:reason_id>/restore", reason_views.restore, name="restore"),
    path("feedback/reasons/<uuid:reason_id>/move", reason_views.move, name="move"),
    path("feedback/settings", reason_views.save_settings, name="settings"),
]
