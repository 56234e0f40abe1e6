"""Addresses of the calls about accounts."""

from __future__ import annotations

from django.urls import path

from leads import account_api

urlpatterns = [
    path("accounts", account_api.AccountsView.as_view(), name="api-accounts"),
    path("accounts/<uuid:account_id>", account_api.OneAccountView.as_view(), name="api-account"),
]
