"""Every address of the portal."""

from __future__ import annotations

from django.conf import settings
from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from slaportal.health import healthz_engine, metrics
from web.health import healthz

# Apps with pages have `urls.py` (app_name = the app), apps with calls of the API `api_urls.py`.
PAGES = (
    "tenants",
    "handoff",
    "leads",
    "routing",
    "sla",
    "feedback",
    "notifications",
    "integrations",
    "reporting",
)
CALLS = ("integrations", "handoff", "leads", "routing", "sla", "feedback", "reporting")

urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", healthz, name="healthz"),
    path("healthz/engine", healthz_engine, name="healthz_engine"),
    path("metrics", metrics, name="metrics"),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path(
        "api/docs/",
        SpectacularSwaggerSplitView.as_view(url_name="schema", template_name="web/api_docs.html"),
        name="docs",
    ),
    *(path("api/v1/", include(f"{app}.api_urls")) for app in CALLS),
    *(path("", include(f"{app}.urls")) for app in PAGES),
]
if settings.DEBUG:
    from web.styleguide import styleguide

    urlpatterns.append(path("styleguide/", styleguide, name="styleguide"))

handler400 = "web.problems.bad_request"
handler403 = "web.problems.permission_denied"
handler404 = "web.problems.not_found"
handler500 = "web.problems.server_error"
