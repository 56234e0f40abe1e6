"""Addresses of the pages about leads' criteria and companies."""

from __future__ import annotations

from django.urls import path

from leads import account_views, criteria_views, views

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
    path("accounts", account_views.accounts, name="accounts"),
    path("accounts/<uuid:account_id>", account_views.account, name="account"),
]
