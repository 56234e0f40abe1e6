"""Addresses of the routing API, under /api/v1/."""

from __future__ import annotations

from django.urls import path

from routing import api

urlpatterns = [
    path("pools", api.PoolsView.as_view(), name="api-pools"),
    path("pools/<uuid:pool_id>", api.PoolView.as_view(), name="api-pool"),
    path("pools/<uuid:pool_id>/seats", api.SeatsView.as_view(), name="api-pool-seats"),
    path("seats/<uuid:pool_seat_id>", api.SeatView.as_view(), name="api-pool-seat"),
    path("routing/settings", api.RoutingSettingsView.as_view(), name="api-routing-settings"),
]
