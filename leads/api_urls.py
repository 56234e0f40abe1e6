"""Addresses of the calls about accounts and the qualification criteria."""

from __future__ import annotations

from django.urls import path

from leads import account_api, criteria_api

urlpatterns = [
    path("accounts", account_api.AccountsView.as_view(), name="api-accounts"),
    path("accounts/<uuid:account_id>", account_api.OneAccountView.as_view(), name="api-account"),
    path("criteria", criteria_api.CriteriaView.as_view(), name="api-criteria"),
    path("criteria/publish", criteria_api.CriteriaPublishView.as_view(), name="api-criteria-publish"),
    path("criteria/ask", criteria_api.CriteriaAskView.as_view(), name="api-criteria-ask"),
]
