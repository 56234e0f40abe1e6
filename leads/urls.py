"""Addresses of the pages about leads' criteria and companies."""

from __future__ import annotations

from django.urls import path

from leads import account_views, criteria_views, sql_bar_views, views

app_name = "leads"

urlpatterns = [
    path("qualification", views.criteria, name="criteria"),
    path("qualification/draft", criteria_views.draft, name="criteria_draft"),
    path("qualification/draft/start", criteria_views.start, name="criteria_start"),
    path("qualification/draft/check", criteria_views.check, name="criteria_check"),
    path("qualification/draft/discard", criteria_views.discard, name="criteria_discard"),
    path("qualification/draft/leads", criteria_views.changed_leads, name="criteria_leads"),
    path("qualification/versions", criteria_views.history, name="criteria_versions"),
    path(
        "qualification/versions/<uuid:criteria_version_id>/use",
        criteria_views.use_again,
        name="criteria_use",
    ),
    path("qualification/sql", sql_bar_views.bar, name="sql_bar"),
    path("qualification/sql/start", sql_bar_views.start, name="sql_bar_start"),
    path("qualification/sql/draft", sql_bar_views.draft, name="sql_bar_draft"),
    path("qualification/sql/draft/check", sql_bar_views.check, name="sql_bar_check"),
    path("qualification/sql/draft/discard", sql_bar_views.discard, name="sql_bar_discard"),
    path("qualification/sql/versions", sql_bar_views.history, name="sql_bar_versions"),
    path(
        "qualification/sql/versions/<uuid:sql_bar_version_id>/use",
        sql_bar_views.use_again,
        name="sql_bar_use",
    ),
    path("accounts", account_views.accounts, name="accounts"),
    path("accounts/<uuid:account_id>", account_views.account, name="account"),
]
