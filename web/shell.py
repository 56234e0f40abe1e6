"""What every page's frame shows: who is reading, where they may go, and how much waits there.

The places are data (`slaportal.navigation`, named in settings); the numbers beside them come from the apps
that know them, which register a badge when they start: web stands below them and never asks for them by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final

from django.conf import settings
from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.module_loading import import_string

from tenants.calendars import load_calendar, member_calendar_versions
from tenants.models import Role
from tenants.requests import TenantRequest


@dataclass(frozen=True, slots=True)
class Place:
    """One item of the rail.

    roles:      who sees it, empty for everybody (an admin sees all).
    bottom:     its word in the bar on phones, "" where it is not in it.
    bottom_for: in whose bar it is, empty for everybody who sees it.
    stands_for: views of places that are not in the bar: on a page below one, the bar marks this place.
    """

    label: str
    view: str
    icon: str
    roles: tuple[Role, ...] = ()
    bottom: str = ""
    bottom_for: tuple[Role, ...] = ()
    stands_for: tuple[str, ...] = ()

    def open_to(self, role: str) -> bool:
        return not self.roles or role == Role.ADMIN or role in self.roles

    def bottom_word(self, role: str) -> str:
        return self.bottom if not self.bottom_for or role in self.bottom_for else ""


@dataclass(frozen=True, slots=True)
class Group:
    label: str
    places: Sequence[Place]


@dataclass(frozen=True, slots=True)
class Badge:
    """A number beside a place. tone: "", "risk" or "bad"."""

    count: int
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Rows whose number stands beside a place. All that are asked for by one page are counted by one query.
    tone: as a badge's, where there are any."""

    rows: QuerySet[Any]
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that a person must mend, or do, above every page: a sentence, and where it is done.

    tone: of web/_note.html; "bad" for what is broken.
    """

    text: str
    url: str
    action: str
    tone: str = "bad"


AlarmSource = Callable[[HttpRequest], "Alarm | None"]
BadgeSource = Callable[[HttpRequest], "Badge | Waiting | int"]
UNREAD = "unread"  # the bell's badge
_badges: dict[str, BadgeSource] = {}
#: Badges that stand beside no place: what an alarm wants to know.
_unseen: list[str] = []
UseSource = Callable[[TenantRequest], bool]
_uses: dict[str, UseSource] = {}
_alarms: list[AlarmSource] = []
_COUNT: Final = "(select count(*) from ({rows}) as waiting)"


def register_badge(name: str, source: BadgeSource) -> None:
    """Put a number beside the place whose view is `name`, or with "unread" beside the bell.

    `source` is called once a page, inside the tenant's scope. It gives rows that wait, or a number that the
    page knows anyway. Call this from ready().
    """
    _badges[name] = source


def register_count(name: str, source: BadgeSource) -> None:
    """Count rows for an alarm, by the query that counts the badges: `count_of` tells them. As
    `register_badge`."""
    _badges[name] = source
    _unseen.append(name)


def count_of(request: TenantRequest, name: str) -> int:
    """What a badge, or `register_count`, counts on this page."""
    return _badges_of(request).get(name, Badge(0)).count


def register_use(name: str, source: UseSource) -> None:
    """Keep the place whose view is `name` out of the rail until `source` says that it is in use. It opens all
    the same, and stands in the rail of its own page.

    `source` is called as that of a badge.
    """
    _uses[name] = source


def register_alarm(source: AlarmSource) -> None:
    """Let `source` say what stands above every page, in red unless it is toned. As `register_badge`."""
    _alarms.append(source)


def _standing_alarms(request: TenantRequest) -> list[Alarm]:
    if connection.needs_rollback:
        return []
    return [found for source in _alarms if (found := source(request)) is not None]


def path_or_none(view: str) -> str | None:
    """The path of a view that takes no arguments; None where no such view is routed."""
    try:
        return reverse(view)
    except NoReverseMatch:
        return None


def navigation_for(request: TenantRequest) -> list[dict[str, Any]]:
    """The rail's groups as base.html reads them: only what this role may open, the present place marked."""
    role = request.member.role
    groups, items = [], []
    for group in import_string(settings.NAVIGATION):
        shown = [_item(request, place) for place in group.places if place.open_to(role)]
        found = [item for item in shown if item is not None]
        items += found
        if found:
            groups.append({"label": group.label, "items": found})
    _mark_present(request.path, items)
    return groups


def _item(request: TenantRequest, place: Place) -> dict[str, Any] | None:
    url = path_or_none(place.view)
    if url is None or not _is_used(request, place.view, url):
        return None
    badge = _badges_of(request).get(place.view, Badge(0))
    return {
        "label": place.label,
        "url": url,
        "icon": place.icon,
        "bottom": place.bottom_word(request.member.role),  # type: ignore[attr-defined]
        "stands_for": [path_or_none(view) for view in place.stands_for],
        "marked": False,
        "count": badge.count,
        "badge_tone": badge.tone,
        "active": False,
    }


def _is_used(request: TenantRequest, name: str, url: str) -> bool:
    source = _uses.get(name)
    if source is None or connection.needs_rollback or request.path.startswith(url):
        return True
    return source(request)


def _badges_of(request: TenantRequest) -> Mapping[str, Badge]:
    """The badges of every place that the reader may see, and the bell's; one query, the first time."""
    known: dict[str, Badge] | None = getattr(request, "badges", None)
    if known is None:
        # After a failed statement the page may still be made, but nothing more can be asked.
        known = {} if connection.needs_rollback else _ask_for_badges(request)
        request.badges = known  # type: ignore[attr-defined]
    return known


def _ask_for_badges(request: TenantRequest) -> dict[str, Badge]:
    places = [place for group in import_string(settings.NAVIGATION) for place in group.places]
    names = [UNREAD, *_unseen, *(place.view for place in places if place.open_to(request.member.role))]
    said = {name: _badges[name](request) for name in names if name in _badges}
    counts = _counted({name: each.rows for name, each in said.items() if isinstance(each, Waiting)})
    found = {}
    for name, each in said.items():
        if isinstance(each, Waiting):
            found[name] = Badge(counts[name], each.tone if counts[name] else "")
        else:
            found[name] = each if isinstance(each, Badge) else Badge(each)
    return found


def _counted(waiting: Mapping[str, QuerySet[Any]]) -> dict[str, int]:
    counts = dict.fromkeys(waiting, 0)
    parts: dict[str, str] = {}
    parameters: list[Any] = []
    for name, rows in waiting.items():
        try:
            sql, values = rows.order_by().values("pk").query.sql_with_params()
        except EmptyResultSet:
            continue
        parts[name] = _COUNT.format(rows=sql)
        parameters += values
    if parts:
        with connection.cursor() as cursor:
            cursor.execute("select " + ", ".join(parts.values()), parameters)
            counts.update(zip(parts, cursor.fetchone(), strict=True))
    return counts


def _mark_present(path: str, items: list[dict[str, Any]]) -> None:
    """Mark the place whose address is the longest beginning of this page's, in the rail (`active`) and in the
    bar on phones (`marked`): there another place stands for one that the bar has not."""
    under = [item for item in items if path == item["url"] or path.startswith(item["url"].rstrip("/") + "/")]
    if under:
        present = max(under, key=lambda item: len(item["url"]))
        present["active"] = True
        below = path != present["url"] and not present["bottom"]
        for item in items:
            item["marked"] = item is present or (below and present["url"] in item["stands_for"])


def _clocks(request: TenantRequest, now: datetime) -> dict[str, Any]:
    """Whether the reader's clocks run now, and until or from when: {"running": True, "text": "..."}."""
    if connection.needs_rollback:
        return {}
    member, tenant = request.member, request.tenant
    versions = member_calendar_versions(tenant=tenant, member_ids=[member.id])
    calendar = load_calendar(versions[member.id])
    if calendar is None:
        return {"running": True, "text": "Clocks always run"}
    if not calendar.is_open(now):
        return {"running": False, "text": f"Clocks resume {_when(calendar.next_open(now), now)}"}
    closing = calendar.end_of_day(now, 0)
    if calendar.is_open(closing):  # the day ends, the hours do not
        return {"running": True, "text": "Clocks always run"}
    if closing <= now:
        return {"running": True, "text": "Clocks run"}
    return {"running": True, "text": f"Clocks run until {_when(closing, now)}"}


def _when(at: datetime, now: datetime) -> str:
    local = timezone.localtime(at)
    same_day = local.date() == timezone.localtime(now).date()
    return f"{local:%H:%M}" if same_day else f"{local:%a %H:%M}"


def page_shell(request: TenantRequest) -> dict[str, Any]:
    """Context processor: `shell` and `nav` as base.html documents them; nothing for visitors.

    What costs a query is a function that the template calls, once: a fragment, which has no frame, pays
    nothing.
    """
    member = getattr(request, "member", None)
    if member is None:
        return {}
    tenant, now = request.tenant, timezone.now()
    # The REST framework, which serves the docs of the API, takes the person off the request.
    user = request.user or member.user
    shell = {
        "tenant": tenant.name,
        "member": member.name,
        "role": Role(member.role).label,
        "email": member.email,
        "memberships": [
            {
                "name": one.tenant_name,
                "role": one.role.label,
                "url": reverse("tenants:switch", args=[one.tenant_id]),
                "current": one.tenant_id == tenant.id,
            }
            for one in request.memberships
        ],
        "invitations": request.invitations,
        "theme": user.theme,  # type: ignore[union-attr]
        "theme_url": reverse("tenants:theme"),
        "sign_out_url": reverse("tenants:logout"),
        "profile_url": reverse("tenants:account"),
        "leave_url": reverse("tenants:leave"),
        "notifications_url": path_or_none("notifications:inbox"),
        "unread": cache(lambda: _badges_of(request).get(UNREAD, Badge(0)).count),
        "shortcuts": user.shortcuts,  # type: ignore[union-attr]
        "search": path_or_none("handoff:search") is not None,
        "now": now,
        "clocks": cache(lambda: _clocks(request, now)),
        "alarms": cache(lambda: _standing_alarms(request)),
    }
    return {"shell": shell, "nav": cache(lambda: navigation_for(request))}
