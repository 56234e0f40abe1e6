"""Addresses of the API about calendars, the SLA policy and the engine, under /api/v1/."""

from __future__ import annotations

from django.urls import path

from sla import calendar_api, engine_api, policy_api, preset_api, unit_api

urlpatterns = [
    path("calendars", calendar_api.CalendarsView.as_view(), name="api-calendars"),
    path("calendars/<uuid:calendar_id>", calendar_api.CalendarView.as_view(), name="api-calendar"),
    path(
        "calendars/<uuid:calendar_id>/preview",
        calendar_api.CalendarPreviewView.as_view(),
        name="api-calendar-preview",
    ),
    path(
        "calendars/<uuid:calendar_id>/company-days",
        calendar_api.CompanyDaysView.as_view(),
        name="api-calendar-company-days",
    ),
    path("calendars/<uuid:calendar_id>/try", calendar_api.CalendarTryView.as_view(), name="api-calendar-try"),
    path("policy", policy_api.PolicyView.as_view(), name="api-policy"),
    path("policy/versions", policy_api.PolicyVersionsView.as_view(), name="api-policy-versions"),
    path("policy/draft", policy_api.PolicyDraftView.as_view(), name="api-policy-draft"),
    path("policy/draft/check", policy_api.PolicyDraftCheckView.as_view(), name="api-policy-check"),
    path("policy/presets", preset_api.PresetsView.as_view(), name="api-policy-presets"),
    path("policy/draft/preset", preset_api.PresetDraftView.as_view(), name="api-policy-from-preset"),
    path("policy/proposal", preset_api.ProposalView.as_view(), name="api-policy-proposal"),
    path("policy/draft/proposal", preset_api.ProposalDraftView.as_view(), name="api-policy-from-history"),
    path("policy/units", unit_api.BusinessUnitsView.as_view(), name="api-policy-units"),
    path(
        "policy/units/<uuid:business_unit_id>",
        unit_api.BusinessUnitView.as_view(),
        name="api-policy-unit",
    ),
    path("policy/publish", policy_api.PolicyPublishView.as_view(), name="api-policy-publish"),
    path("policy/ask", policy_api.PolicyAskView.as_view(), name="api-policy-ask"),
    path(
        "policy/versions/<uuid:policy_version_id>/ask",
        policy_api.PolicyAskAgainView.as_view(),
        name="api-policy-ask-again",
    ),
    path(
        "policy/versions/<uuid:policy_version_id>/roll-back",
        policy_api.PolicyRollBackView.as_view(),
        name="api-policy-roll-back",
    ),
    path("engine", engine_api.EngineView.as_view(), name="api-engine"),
    path(
        "engine/timers/<uuid:timer_id>/retry",
        engine_api.RetryTimerView.as_view(),
        name="api-engine-retry",
    ),
]
