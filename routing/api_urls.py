"""Addresses of the routing API, under /api/v1/."""

from __future__ import annotations

from django.urls import path

from routing import api, rule_api, territory_api

urlpatterns = [
    path("pools", api.PoolsView.as_view(), name="api-pools"),
    path("pools/<uuid:pool_id>", api.PoolView.as_view(), name="api-pool"),
    path("pools/<uuid:pool_id>/seats", api.SeatsView.as_view(), name="api-pool-seats"),
    path("seats/<uuid:pool_seat_id>", api.SeatView.as_view(), name="api-pool-seat"),
    path("routing/rules", rule_api.RulesView.as_view(), name="api-routing-rules"),
    path("routing/draft", rule_api.RulesDraftView.as_view(), name="api-routing-draft"),
    path("routing/draft/check", rule_api.RulesCheckView.as_view(), name="api-routing-check"),
    path("routing/publish", rule_api.RulesPublishView.as_view(), name="api-routing-publish"),
    path("routing/ask", rule_api.RulesAskView.as_view(), name="api-routing-ask"),
    path("routing/territories", territory_api.TerritoriesView.as_view(), name="api-territories"),
    path(
        "routing/territories/import",
        territory_api.TerritoryImportView.as_view(),
        name="api-territories-import",
    ),
    path("routing/versions", rule_api.RulesVersionsView.as_view(), name="api-routing-versions"),
    path(
        "routing/versions/<uuid:rule_set_version_id>/ask",
        rule_api.RulesAskAgainView.as_view(),
        name="api-routing-ask-again",
    ),
    path(
        "routing/versions/<uuid:rule_set_version_id>/roll-back",
        rule_api.RulesRollBackView.as_view(),
        name="api-routing-roll-back",
    ),
    path("routing/settings", api.RoutingSettingsView.as_view(), name="api-routing-settings"),
]
