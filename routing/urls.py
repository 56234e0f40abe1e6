"""Addresses of the pages about routing."""

from __future__ import annotations

from django.urls import path

from routing import pool_views, views

app_name = "routing"

urlpatterns = [
    path("routing", views.rules, name="rules"),
    path("routing/settings", views.change_settings, name="settings"),
    path("routing/pools/new", pool_views.new_pool, name="new_pool"),
    path("routing/pools/<uuid:pool_id>", pool_views.edit_pool, name="pool"),
    path("routing/pools/<uuid:pool_id>/seats", views.add_seat, name="add_seat"),
    path("routing/seats/<uuid:pool_seat_id>/weight", views.change_weight, name="change_weight"),
    path("routing/seats/<uuid:pool_seat_id>/remove", views.remove_seat, name="remove_seat"),
]
