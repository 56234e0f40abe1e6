"""Addresses of the pages about leads' criteria and companies."""

from __future__ import annotations

from django.urls import path

from leads import account_views, views

app_name = "leads"

urlpatterns = [
    path("qualification", views.criteria, name="criteria"),
    path("accounts", account_views.accounts, name="accounts"),
    path("accounts/<uuid:account_id>", account_views.account, name="account"),
]
