"""Addresses of the calls about accounts and the qualification criteria."""

from __future__ import annotations

from django.urls import path

from leads import account_api, criteria_api

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
    path(
        "criteria/draft/publish",
        criteria_api.CriteriaDraftPublishView.as_view(),
        name="api-criteria-draft-publish",
    ),
    path("criteria/draft/ask", criteria_api.CriteriaDraftAskView.as_view(), name="api-criteria-draft-ask"),
    path("criteria/preview", criteria_api.CriteriaPreviewView.as_view(), name="api-criteria-preview"),
    path("criteria/publish", criteria_api.CriteriaPublishView.as_view(), name="api-criteria-publish"),
    path("criteria/ask", criteria_api.CriteriaAskView.as_view(), name="api-criteria-ask"),
]
