"""Addresses of the calls about accounts and the qualification criteria."""

from __future__ import annotations

from django.urls import path

from leads import account_api, criteria_api, sql_bar_api

urlpatterns = [
    path("accounts", account_api.AccountsView.as_view(), name="api-accounts"),
    path("accounts/<uuid:account_id>", account_api.OneAccountView.as_view(), name="api-account"),
    path("criteria", criteria_api.CriteriaView.as_view(), name="api-criteria"),
    path("criteria/versions", criteria_api.CriteriaVersionsView.as_view(), name="api-criteria-versions"),
    path(
        "criteria/versions/<uuid:criteria_version_id>/roll-back",
        criteria_api.CriteriaRollBackView.as_view(),
        name="api-criteria-roll-back",
    ),
    path(
        "criteria/versions/<uuid:criteria_version_id>/ask",
        criteria_api.CriteriaAskAgainView.as_view(),
        name="api-criteria-ask-again",
    ),
    path("criteria/draft", criteria_api.CriteriaDraftView.as_view(), name="api-criteria-draft"),
    path("criteria/draft/check", criteria_api.CriteriaDraftCheckView.as_view(), name="api-criteria-check"),
    path("criteria/preview", criteria_api.CriteriaPreviewView.as_view(), name="api-criteria-preview"),
    path("criteria/publish", criteria_api.CriteriaPublishView.as_view(), name="api-criteria-publish"),
    path("criteria/ask", criteria_api.CriteriaAskView.as_view(), name="api-criteria-ask"),
    path("sql-criteria", sql_bar_api.SqlBarView.as_view(), name="api-sql-bar"),
    path("sql-criteria/versions", sql_bar_api.SqlBarVersionsView.as_view(), name="api-sql-bar-versions"),
    path(
        "sql-criteria/versions/<uuid:sql_bar_version_id>/roll-back",
        sql_bar_api.SqlBarRollBackView.as_view(),
        name="api-sql-bar-roll-back",
    ),
    path(
        "sql-criteria/versions/<uuid:sql_bar_version_id>/ask",
        sql_bar_api.SqlBarAskAgainView.as_view(),
        name="api-sql-bar-ask-again",
    ),
    path("sql-criteria/draft", sql_bar_api.SqlBarDraftView.as_view(), name="api-sql-bar-draft"),
    path("sql-criteria/draft/check", sql_bar_api.SqlBarCheckView.as_view(), name="api-sql-bar-check"),
    path("sql-criteria/publish", sql_bar_api.SqlBarPublishView.as_view(), name="api-sql-bar-publish"),
    path("sql-criteria/ask", sql_bar_api.SqlBarAskView.as_view(), name="api-sql-bar-ask"),
]
