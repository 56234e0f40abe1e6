"""Addresses of the API about calendars and the engine, under /api/v1/."""

from __future__ import annotations

from django.urls import path

from sla import calendar_api, engine_api

urlpatterns = [
    path("calendars", calendar_api.CalendarsView.as_view(), name="api-calendars"),
    path("calendars/<uuid:calendar_id>", calendar_api.CalendarView.as_view(), name="api-calendar"),
    path(
        "calendars/<uuid:calendar_id>/preview",
        calendar_api.CalendarPreviewView.as_view(),
        name="api-calendar-preview",
    ),
    path("calendars/<uuid:calendar_id>/try", calendar_api.CalendarTryView.as_view(), name="api-calendar-try"),
    path("engine", engine_api.EngineView.as_view(), name="api-engine"),
    path(
        "engine/timers/<uuid:timer_id>/retry",
        engine_api.RetryTimerView.as_view(),
        name="api-engine-retry",
    ),
]
