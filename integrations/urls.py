"""Addresses of the pages about what comes in."""

from __future__ import annotations

from django.urls import path

from integrations import views
from integrations.drill import receiver
from integrations.drill import views as drill

app_name = "integrations"

urlpatterns = [
    path("intake", views.intake, name="intake"),
    path("intake/<uuid:entry_id>", views.intake_entry, name="intake_entry"),
    path("drill", drill.drills, name="drills"),
    path("drill/start", drill.start, name="drill_start"),
    path("drill/plan", drill.plan, name="drill_plan"),
    path("drill/<uuid:drill_id>", drill.one, name="drill"),
    path("drill/<uuid:drill_id>/stop", drill.stop, name="drill_stop"),
    path("drill/receiver/<uuid:tenant_id>", receiver.receive, name="drill_receiver"),
]
