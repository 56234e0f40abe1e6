"""Addresses of the pages about routing."""

from __future__ import annotations

from django.urls import path

from routing import pool_views, rule_publish_views, rule_views, territory_views, views

app_name = "routing"

urlpatterns = [
    path("routing", views.rules, name="rules"),
    path("routing/draft", rule_views.draft, name="rules_draft"),
    path("routing/draft/start", rule_views.start, name="rules_start"),
    path("routing/draft/check", rule_publish_views.check, name="rules_check"),
    path("routing/draft/discard", rule_views.discard, name="rules_discard"),
    path("routing/draft/territories", territory_views.territories, name="territories"),
    path("routing/draft/territories/import", territory_views.import_file, name="territories_import"),
    path("routing/draft/territories.csv", territory_views.export_file, name="territories_file"),
    path("routing/territories", territory_views.in_force, name="territories_in_force"),
    path("routing/versions", rule_views.history, name="rules_versions"),
    path("routing/versions/<uuid:rule_set_version_id>/use", rule_publish_views.use_again, name="rules_use"),
    path("routing/settings", views.change_settings, name="settings"),
    path("routing/pools/new", pool_views.new_pool, name="new_pool"),
    path("routing/pools/<uuid:pool_id>", pool_views.edit_pool, name="pool"),
    path("routing/pools/<uuid:pool_id>/seats", views.add_seat, name="add_seat"),
    path("routing/seats/<uuid:pool_seat_id>/weight", views.change_weight, name="change_weight"),
    path("routing/seats/<uuid:pool_seat_id>/remove", views.remove_seat, name="remove_seat"),
]
