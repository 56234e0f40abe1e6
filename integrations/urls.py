"""Addresses of the pages about what comes in."""

from __future__ import annotations

from django.urls import path

from integrations import views

app_name = "integrations"

urlpatterns = [
    path("intake", views.intake, name="intake"),
    path("intake/<uuid:entry_id>", views.intake_entry, name="intake_entry"),
]
