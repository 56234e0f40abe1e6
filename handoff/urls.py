"""Addresses of the inbox, the lead, the board and their acts."""

from __future__ import annotations

from django.urls import path

from handoff import views

app_name = "handoff"
urlpatterns = [
    path("inbox", views.inbox, name="inbox"),
    path("leads", views.leads, name="leads"),
    path("leads/<uuid:lead_id>", views.lead, name="lead"),
    path("leads/<uuid:lead_id>/clocks", views.lead_clocks, name="clocks"),
    path("leads/<uuid:lead_id>/decision", views.decision, name="decision"),
    path("leads/<uuid:lead_id>/accept", views.accept, name="accept"),
    path("leads/<uuid:lead_id>/reject", views.reject, name="reject"),
    path("leads/<uuid:lead_id>/nurture", views.nurture, name="nurture"),
    path("leads/<uuid:lead_id>/touch", views.touch, name="touch"),
    path("leads/<uuid:lead_id>/hand-over", views.hand_over, name="hand_over"),
    path("leads/<uuid:lead_id>/reassign", views.reassign, name="reassign"),
    path("leads/<uuid:lead_id>/retry", views.retry, name="retry"),
    path("leads/<uuid:lead_id>/stage", views.stage, name="stage"),
    path("leads/<uuid:lead_id>/undo/accept", views.undo_accept, name="undo_accept"),
    path("leads/<uuid:lead_id>/undo/touch/<uuid:touch_id>", views.undo_touch, name="undo_touch"),
    path("board", views.board, name="board"),
    path("unrouted", views.unrouted, name="unrouted"),
    path("needs-data", views.needs_data, name="needs_data"),
    path("search", views.search, name="search"),
]
