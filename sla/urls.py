"""Address of the page about the SLA policy."""

from __future__ import annotations

from django.urls import path

from sla import views

app_name = "sla"

urlpatterns = [path("policy", views.policy, name="policy")]
