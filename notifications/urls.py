"""Addresses of the bell and of the webhooks."""

from __future__ import annotations

from django.urls import path

from notifications import views

app_name = "notifications"
urlpatterns = [
    path("notifications", views.inbox, name="inbox"),
    path("notifications/read", views.mark_all_read, name="mark_all_read"),
    path("webhooks", views.webhooks, name="webhooks"),
    path("webhooks/<uuid:endpoint_id>", views.webhook, name="webhook"),
    path("webhooks/<uuid:endpoint_id>/rotate", views.rotate, name="rotate"),
    path("webhooks/<uuid:endpoint_id>/enable", views.enable, name="enable"),
    path("webhooks/<uuid:endpoint_id>/disable", views.disable, name="disable"),
    path(
        "webhooks/<uuid:endpoint_id>/deliveries/<uuid:delivery_id>/again",
        views.send_again,
        name="send_again",
    ),
]
