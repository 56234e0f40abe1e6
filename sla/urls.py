"""Addresses of the pages about the SLA policy and about calendars."""

from __future__ import annotations

from django.urls import path

from sla import calendar_views, engine_views, policy_views, preset_views, publish_views, unit_views

app_name = "sla"

urlpatterns = [
    path("policy", policy_views.policy, name="policy"),
    path("policy/draft", policy_views.draft, name="policy_draft"),
    path("policy/draft/start", policy_views.start, name="policy_start"),
    path("policy/draft/check", publish_views.check, name="policy_check"),
    path("policy/draft/discard", policy_views.discard, name="policy_discard"),
    path("policy/presets", preset_views.from_preset, name="policy_presets"),
    path("policy/outbound", preset_views.add_outbound, name="policy_outbound"),
    path("policy/proposal", preset_views.from_history, name="policy_proposal"),
    path("policy/units", unit_views.unit_list, name="units"),
    path("policy/units/<uuid:business_unit_id>", unit_views.edit_unit, name="unit"),
    path("policy/units/<uuid:business_unit_id>/act", unit_views.act_on_unit, name="act_on_unit"),
    path("policy/versions", policy_views.history, name="policy_versions"),
    path("policy/versions/<uuid:policy_version_id>/use", publish_views.use_again, name="policy_use"),
    path("calendars", calendar_views.calendars, name="calendars"),
    path("calendars/new", calendar_views.new_calendar, name="new_calendar"),
    path("calendars/<uuid:calendar_id>", calendar_views.calendar, name="calendar"),
    path("calendars/<uuid:calendar_id>/edit", calendar_views.edit_calendar, name="edit_calendar"),
    path("calendars/<uuid:calendar_id>/remove", calendar_views.remove_calendar, name="remove_calendar"),
    path("engine", engine_views.engine_page, name="engine"),
    path("engine/timers/<uuid:timer_id>/retry", engine_views.retry, name="retry_timer"),
]
