"""Notes who of the people accountable opens a report."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from reporting.adoption import ACCOUNTABLE, REPORTS, day_of, note_view
from tenants.models import Member

#: What a session has seen of them today.
_SESSION: Final = "reports_seen"


class ReportViewMiddleware:
    """Notes that somebody opened a report, after it was made; once a person, report and day. One statement,
    and none where the session knows of it. Stands inside TenantMiddleware."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        match = request.resolver_match
        member: Member | None = getattr(request, "member", None)
        was_shown = request.method == "GET" and response.status_code == 200
        if was_shown and match and match.view_name in REPORTS and member and member.role in ACCOUNTABLE:
            self._note(request, member, match.view_name)
        return response

    def _note(self, request: HttpRequest, member: Member, view: str) -> None:
        now = timezone.now()
        today = f"{member.id} {day_of(member, now)}"
        kept = request.session.get(_SESSION) or {}
        seen = kept.get(today, [])
        if view not in seen:
            note_view(member, view, now)
            request.session[_SESSION] = {today: [*seen, view]}  # of another day nothing is kept
