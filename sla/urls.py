"""Addresses of the pages about the SLA policy and about calendars."""

from __future__ import annotations

from django.urls import path

from sla import calendar_views, engine_views, views

app_name = "sla"

urlpatterns = [
    path("policy", views.policy, name="policy"),
    path("calendars", calendar_views.calendars, name="calendars"),
    path("calendars/new", calendar_views.new_calendar, name="new_calendar"),
    path("calendars/<uuid:calendar_id>", calendar_views.calendar, name="calendar"),
    path("calendars/<uuid:calendar_id>/edit", calendar_views.edit_calendar, name="edit_calendar"),
    path("calendars/<uuid:calendar_id>/remove", calendar_views.remove_calendar, name="remove_calendar"),
    path("engine", engine_views.engine_page, name="engine"),
    path("engine/timers/<uuid:timer_id>/retry", engine_views.retry, name="retry_timer"),
]
