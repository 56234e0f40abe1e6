"""Addresses of the API about calendars, under /api/v1/."""

from __future__ import annotations

from django.urls import path

from sla import calendar_api

urlpatterns = [
    path("calendars", calendar_api.CalendarsView.as_view(), name="api-calendars"),
    path("calendars/<uuid:calendar_id>", calendar_api.CalendarView.as_view(), name="api-calendar"),
    path(
        "calendars/<uuid:calendar_id>/preview",
        calendar_api.CalendarPreviewView.as_view(),
        name="api-calendar-preview",
    ),
    path("calendars/<uuid:calendar_id>/try", calendar_api.CalendarTryView.as_view(), name="api-calendar-try"),
]
