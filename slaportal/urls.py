"""Every address of the portal."""

from django.urls import path

urlpatterns: list[object] = []
