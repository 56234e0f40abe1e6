"""Addresses of the pages about leads' criteria and companies."""

from __future__ import annotations

from django.urls import path

from leads import account_merge_views, account_views, criteria_views, list_views, sql_bar_views, views
from leads.bars import MEETING_BAR

app_name = "leads"

MEETING = {"kind": MEETING_BAR}

urlpatterns = [
    path("qualification", views.criteria, name="criteria"),
    path("qualification/draft", criteria_views.draft, name="criteria_draft"),
    path("qualification/draft/start", criteria_views.start, name="criteria_start"),
    path("qualification/draft/check", criteria_views.check, name="criteria_check"),
    path("qualification/draft/discard", criteria_views.discard, name="criteria_discard"),
    path("qualification/draft/leads", criteria_views.changed_leads, name="criteria_leads"),
    path(
        "qualification/versions/<uuid:criteria_version_id>/leads",
        criteria_views.changed_leads,
        name="criteria_version_leads",
    ),
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
    path("qualification/meeting", sql_bar_views.bar, MEETING, name="meeting_bar"),
    path("qualification/meeting/start", sql_bar_views.start, MEETING, name="meeting_bar_start"),
    path("qualification/meeting/draft", sql_bar_views.draft, MEETING, name="meeting_bar_draft"),
    path("qualification/meeting/draft/check", sql_bar_views.check, MEETING, name="meeting_bar_check"),
    path("qualification/meeting/draft/discard", sql_bar_views.discard, MEETING, name="meeting_bar_discard"),
    path("qualification/meeting/versions", sql_bar_views.history, MEETING, name="meeting_bar_versions"),
    path(
        "qualification/meeting/versions/<uuid:meeting_bar_version_id>/use",
        sql_bar_views.use_again,
        MEETING,
        name="meeting_bar_use",
    ),
    path("accounts", account_views.accounts, name="accounts"),
    path("accounts/review", account_merge_views.review, name="account_review"),
    path("accounts/review/<uuid:account_pair_id>", account_merge_views.answer, name="account_review_answer"),
    path("accounts/merges/<uuid:account_merge_id>/undo", account_merge_views.undo, name="account_undo"),
    path("accounts/lists", list_views.lists, name="lists"),
    path("accounts/lists/<uuid:named_list_id>", list_views.one, name="list"),
    path("accounts/lists/<uuid:named_list_id>/change", list_views.change, name="list_change"),
    path("accounts/lists/<uuid:named_list_id>/import", list_views.bring, name="list_import"),
    path("accounts/lists/<uuid:named_list_id>/export", list_views.export, name="list_export"),
    path(
        "accounts/lists/<uuid:named_list_id>/entries/<uuid:list_entry_id>/remove",
        list_views.take,
        name="list_take",
    ),
    path("accounts/lists/<uuid:named_list_id>/remove", list_views.remove, name="list_remove"),
    path("accounts/<uuid:account_id>", account_views.account, name="account"),
    path("accounts/<uuid:account_id>/merge", account_merge_views.merge, name="account_merge"),
    path("accounts/<uuid:account_id>/names", account_merge_views.names, name="account_names"),
    path(
        "accounts/<uuid:account_id>/names/<uuid:name_id>/remove",
        account_merge_views.remove,
        name="account_name_remove",
    ),
]
