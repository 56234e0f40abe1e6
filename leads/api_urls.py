"""Addresses of the calls about accounts and the qualification criteria."""

from __future__ import annotations

from django.urls import path

from leads import account_api, account_merge_api, criteria_api, list_api, sql_bar_api

urlpatterns = [
    path("accounts", account_api.AccountsView.as_view(), name="api-accounts"),
    path("accounts/alike", account_merge_api.AlikeView.as_view(), name="api-accounts-alike"),
    path(
        "accounts/alike/settings",
        account_merge_api.AlikeSettingsView.as_view(),
        name="api-accounts-alike-settings",
    ),
    path(
        "accounts/alike/<uuid:account_pair_id>",
        account_merge_api.AnswerAlikeView.as_view(),
        name="api-accounts-alike-answer",
    ),
    path(
        "accounts/merges/<uuid:account_merge_id>/undo",
        account_merge_api.UndoMergeView.as_view(),
        name="api-account-undo",
    ),
    path(
        "accounts/<uuid:account_id>/names",
        account_merge_api.AccountNamesView.as_view(),
        name="api-account-names",
    ),
    path(
        "accounts/<uuid:account_id>/names/<uuid:name_id>",
        account_merge_api.OneAccountNameView.as_view(),
        name="api-account-name",
    ),
    path(
        "accounts/<uuid:account_id>/merges",
        account_merge_api.AccountMergesView.as_view(),
        name="api-account-merges",
    ),
    path("lists", list_api.ListsView.as_view(), name="api-lists"),
    path("lists/<uuid:named_list_id>", list_api.OneListView.as_view(), name="api-list"),
    path("lists/<uuid:named_list_id>/entries", list_api.EntriesView.as_view(), name="api-list-entries"),
    path(
        "lists/<uuid:named_list_id>/entries/<uuid:list_entry_id>",
        list_api.OneEntryView.as_view(),
        name="api-list-entry",
    ),
    path("lists/<uuid:named_list_id>/export", list_api.ExportListView.as_view(), name="api-list-export"),
    path("lists/<uuid:named_list_id>/import", list_api.ImportListView.as_view(), name="api-list-import"),
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
    path(
        "criteria/draft/publish",
        criteria_api.CriteriaDraftPublishView.as_view(),
        name="api-criteria-draft-publish",
    ),
    path("criteria/draft/ask", criteria_api.CriteriaDraftAskView.as_view(), name="api-criteria-draft-ask"),
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
    path("meeting-criteria", sql_bar_api.MeetingBarView.as_view(), name="api-meeting-bar"),
    path(
        "meeting-criteria/versions",
        sql_bar_api.MeetingBarVersionsView.as_view(),
        name="api-meeting-bar-versions",
    ),
    path(
        "meeting-criteria/versions/<uuid:meeting_bar_version_id>/roll-back",
        sql_bar_api.MeetingBarRollBackView.as_view(),
        name="api-meeting-bar-roll-back",
    ),
    path(
        "meeting-criteria/versions/<uuid:meeting_bar_version_id>/ask",
        sql_bar_api.MeetingBarAskAgainView.as_view(),
        name="api-meeting-bar-ask-again",
    ),
    path("meeting-criteria/draft", sql_bar_api.MeetingBarDraftView.as_view(), name="api-meeting-bar-draft"),
    path(
        "meeting-criteria/draft/check",
        sql_bar_api.MeetingBarCheckView.as_view(),
        name="api-meeting-bar-check",
    ),
    path(
        "meeting-criteria/publish",
        sql_bar_api.MeetingBarPublishView.as_view(),
        name="api-meeting-bar-publish",
    ),
    path("meeting-criteria/ask", sql_bar_api.MeetingBarAskView.as_view(), name="api-meeting-bar-ask"),
]
