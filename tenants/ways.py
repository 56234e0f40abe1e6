"""Where a form leads on to: an address of our own that the page before asked for."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme


def asked_way(request: HttpRequest) -> str:
    """The path that `next` asks for; "" where there is none, or where it is not a path of ours.

    Control characters are refused: a header cannot carry them.
    """
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    safe = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if safe and wanted.startswith("/") and wanted.isprintable() else ""


def way_after_login(request: HttpRequest) -> str:
    """The path that somebody is led to who has to sign in first: what they asked for, or, where they sent a
    form to it, the page that the form stood on.
    """
    if request.method in ("GET", "HEAD"):
        return request.get_full_path()
    referer = urlsplit(request.headers.get("Referer", ""))
    if referer.netloc != request.get_host() or not referer.path.startswith("/"):
        return "/"
    return urlunsplit(("", "", referer.path, referer.query, ""))
