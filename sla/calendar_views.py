"""The pages of calendars: hours in force, an edit with what it would move, and a moment to try.

They stand with the clocks and not with the people, since an edit must show which clocks run on the hours.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from core.businesstime import CalendarClosedError
from core.errors import Conflict, StaleVersion, ValidationFailed
from sla import moving, words
from sla.calendar_forms import CalendarForm, CompanyDaysForm, TryForm
from sla.explain import day_lines
from sla.models import ClockMove
from sla.presenting import move_rows
from sla.timers import due_after
from tenants import selectors
from tenants.audit import member_actor, names_of_actors
from tenants.auth import member_required
from tenants.calendars import (
    change_calendar,
    compile_spec,
    create_calendar,
    days_off,
    delete_calendar,
    make_spec,
    users_of,
)
from tenants.calendars.words import DAYS, changes, day_words, hours_words, week_words
from tenants.clock import database_clock
from tenants.models import Calendar, CalendarVersion, Role
from tenants.refusals import status_of
from tenants.requests import TenantRequest

NEXT_DAYS_OFF: Final = 6
MOST_VERSIONS: Final = 30
#: How far ahead a change of the zone's clocks is announced: the longest time between two of them.
CLOCK_CHANGE_AHEAD: Final = timedelta(days=220)
_TRIED: Final = {"amount": 15, "unit": "minutes"}
#: Steps of the form that fill it in; what is in it is not looked at yet.
_UNREADY: Final = ("holidays", "days")


def _crumbs(here: str = "") -> list[dict[str, str]]:
    above = [{"label": "Set up", "url": ""}, {"label": "Calendars", "url": "/calendars" if here else ""}]
    return [*above, {"label": here, "url": ""}] if here else above


@require_safe
@member_required()
def calendars(request: TenantRequest) -> HttpResponse:
    """GET /calendars: the hours of each calendar, whose they are, and its next days off. For everybody: a
    deadline is worth what those who keep it know of its hours."""
    tenant, now = request.tenant, database_clock()
    users = selectors.calendar_users(tenant=tenant)
    rows = [
        {
            "calendar": calendar,
            "version": version,
            "zone": version.spec["tz"],
            "week": week_words(version.spec["weekly"]),
            "users": users.get(calendar.id, []),
            "days_off": _coming(version, now)[:1],
        }
        for calendar, version in selectors.calendars(tenant=tenant)
    ]
    may_change = request.member.role == Role.ADMIN
    return render(
        request, "sla/calendars.html", {"rows": rows, "may_change": may_change, "crumbs": _crumbs()}
    )


def _coming(version: CalendarVersion, now: datetime) -> list[tuple[str, str]]:
    """The next dates with a name or hours of their own, in words."""
    today = now.astimezone(ZoneInfo(version.spec["tz"])).date().isoformat()
    extra = {day: hours_words(spans) for day, spans in version.spec.get("extra", {}).items()}
    named = {**days_off(version.spec), **extra}
    coming = [day for day in sorted(named) if day >= today][:NEXT_DAYS_OFF]
    return [(day_words(day, year=day[:4] != today[:4]), named[day]) for day in coming]


@require_safe
@member_required()
def calendar(request: TenantRequest, calendar_id: UUID) -> HttpResponse:
    """GET /calendars/<id>?at=&amount=&unit=: the hours, what comes, a moment tried, and the versions."""
    tenant, now = request.tenant, database_clock()
    found, version = selectors.get_calendar(tenant=tenant, calendar_id=calendar_id)
    zone = ZoneInfo(version.spec["tz"])
    history = list(CalendarVersion.objects.filter(calendar=found).order_by("-number")[:MOST_VERSIONS])
    actors = names_of_actors(each.created_by for each in history)
    context: dict[str, Any] = {
        "calendar": found,
        "version": version,
        "zone": zone.key,
        "now": now,
        "week": [(name, version.spec["weekly"].get(day, [])) for day, name in DAYS.items()],
        "users": users_of(found),
        "coming": _coming(version, now),
        "clock_change": _clock_change(zone, now),
        "order": ClockMove.objects.filter(calendar_version__calendar=found, finished_at__isnull=True).first(),
        "history": [
            {
                "icon": "calendar-clock",
                "title": f"Version {each.number}",
                "text": f"by {actors[each.created_by]}",
                "body": " ".join(changes(older.spec, each.spec)) if older else "",
                "at": each.created_at,
            }
            for each, older in zip(history, [*history[1:], None], strict=True)
        ],
        "may_change": request.member.role == Role.ADMIN,
        "crumbs": _crumbs(found.name),
        **_tried(request, version, now),
    }
    return render(request, "sla/calendar.html", context)


def _clock_change(zone: ZoneInfo, now: datetime) -> str:
    """When the zone's clocks change next, in words; "" where they do not."""
    today = now.astimezone(zone).date()
    for days in range(CLOCK_CHANGE_AHEAD.days):
        changed = today + timedelta(days=days)
        midnight, next_midnight = (
            datetime.combine(changed + timedelta(days=later), time(), tzinfo=zone) for later in (0, 1)
        )
        before, after = midnight.utcoffset(), next_midnight.utcoffset()
        if before is not None and after is not None and before != after:
            way = "forward" if after > before else "back"
            return f"Clocks go {way} on {day_words(changed.isoformat())}. Due times follow the wall clock."
    return ""


def _tried(request: TenantRequest, version: CalendarVersion, now: datetime) -> dict[str, Any]:
    """The form to try a moment, filled in, and what came of it."""
    zone = ZoneInfo(version.spec["tz"])
    with timezone.override(zone):
        if "at" not in request.GET:
            start = now.astimezone(zone).replace(second=0, microsecond=0)
            return {"try_form": TryForm(initial={**_TRIED, "at": start})}
        form = TryForm(request.GET)
        if not form.is_valid():
            return {"try_form": form}
    start = form.cleaned_data["at"]
    try:
        due_at = due_after(form.duration, start, compile_spec(version.spec))
        lines = day_lines(version.spec, start, due_at)
    except (CalendarClosedError, ValueError) as refusal:
        form.add_error("at", str(refusal))
        return {"try_form": form}
    return {
        "try_form": form,
        "tried": {
            "start": start.astimezone(zone),
            "due": due_at.astimezone(zone),
            "promise": words.duration_words(form.duration, wall=False),
            "lines": lines,
        },
    }


# --- Changing ---


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.ADMIN)
def new_calendar(request: TenantRequest) -> HttpResponse:
    """GET, POST /calendars/new."""
    tenant, now = request.tenant, database_clock()
    office = make_spec(
        tz=tenant.time_zone,
        weekly={day: [["09:00", "17:30"]] for day in ("mon", "tue", "wed", "thu", "fri")},
        year=now.year,
    )
    initial = CalendarForm.present(office, name="", number=0)
    form = CalendarForm(request.POST or None, initial=initial, now=now)
    form, brought = _with_days(request, form)
    if request.method == "POST" and _step(request) not in _UNREADY and form.is_valid():
        try:
            made = create_calendar(
                tenant=tenant,
                name=form.cleaned_data["name"],
                spec=form.spec,
                actor=member_actor(request.member),
                now=now,
            )
        except ValidationFailed as refusal:
            form.add_error("name", refusal.message)
        else:
            messages.success(request, "Saved. Give it to the organisation, a team or a person to use it.")
            return redirect("sla:calendar", made.calendar_id)
    context = {"form": form, **brought, "title": "New calendar", "crumbs": _crumbs("New calendar")}
    status = max(_status(request, form), status_of(brought["days_form"]))
    return render(request, "sla/calendar_edit.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.ADMIN)
def edit_calendar(request: TenantRequest, calendar_id: UUID) -> HttpResponse:
    """GET, POST /calendars/<id>/edit {..., step: preview | save | holidays | days, move: new | open}.

    `preview` shows what would change and which running clocks would move; `save` writes the next version, and
    moves them only if `move` is "open"; `holidays` shows the boxes of the country chosen; `days` adds the
    company days of the calendar file `days_file` to the lines of the form, and so does every other step that
    a file comes with.
    """
    tenant, now = request.tenant, database_clock()
    found, version = selectors.get_calendar(tenant=tenant, calendar_id=calendar_id)
    present = CalendarForm.present(version.spec, name=found.name, number=version.number)
    form = CalendarForm(request.POST or None, initial=present, now=now, before=version.spec)
    form, brought = _with_days(request, form)
    context: dict[str, Any] = {
        **brought,
        "calendar": found,
        "version": version,
        "next_number": version.number + 1,
        "form": form,
        "title": f"Change {found.name}",
        "crumbs": _crumbs(found.name),
    }
    readable = not brought["days_form"].errors
    if request.method == "POST" and _step(request) not in _UNREADY and readable and form.is_valid():
        if _step(request) == "save" and (saved := _save(request, found, form, context, now)):
            return saved
        context["changes"] = changes(version.spec, form.spec)
        context["renamed"] = form.cleaned_data["name"] != found.name
        context["preview"] = moving.preview_calendar(found, compile_spec(form.spec), now=now)
        context["rows"] = move_rows(context["preview"])
    status = 409 if "stale" in context else max(_status(request, form), status_of(brought["days_form"]))
    return render(request, "sla/calendar_edit.html", context, status=status)


def _status(request: TenantRequest, form: CalendarForm) -> int:
    """Asking for holidays or the days of a file sends the form as well, and asks for nothing to be saved."""
    return 200 if _step(request) in _UNREADY else status_of(form)


def _step(request: TenantRequest) -> str:
    """What was asked for. A file that is sent along is read first: with `save` its days are shown before they
    are saved, and `preview` counts them in.
    """
    step = request.POST.get("step", "preview")
    return "days" if step == "save" and request.FILES else step


def _with_days(request: TenantRequest, form: CalendarForm) -> tuple[CalendarForm, dict[str, Any]]:
    """The form, with the company days of the file that was sent; and what the page says of them."""
    days_form = CompanyDaysForm()
    if request.method != "POST" or not (_step(request) == "days" or request.FILES):
        return form, {"days_form": days_form}
    days_form = CompanyDaysForm(request.POST, request.FILES)
    try:
        found, form.data = form.with_company_days(days_form.read(), request.POST)
    except ValidationFailed as refusal:
        at_lines = refusal.field_errors[0].path == "/closed"
        days_form.add_error(
            "days_file", f"Company days off: {refusal.message}" if at_lines else refusal.message
        )
        return form, {"days_form": days_form}
    return form, {"days_form": days_form, "days": found}


def _save(
    request: TenantRequest, found: Calendar, form: CalendarForm, context: dict[str, Any], now: datetime
) -> HttpResponse | None:
    """Write the version, and order the move where it was chosen; None where the form is to be shown again."""
    actor = member_actor(request.member)
    try:
        version = change_calendar(
            calendar=found,
            spec=form.spec,
            name=form.cleaned_data["name"],
            expected=form.cleaned_data["expected"] or 0,
            actor=actor,
            now=now,
        )
    except StaleVersion as stale:
        context["stale"] = {"text": stale.message, "changes": stale.data["changes"]}
        again = request.POST.copy()  # the next try starts from what they have just read
        again["expected"] = str(stale.data["number"])
        form.data = again
        return None
    except ValidationFailed as refusal:
        form.add_error("name", refusal.message)
        return None
    if request.POST.get("move") == "open":
        order = moving.order_calendar_move(version=version, actor=actor, now=now)
        text = f"Saved as version {version.number}. {order.expected} running clocks are being moved to it."
    else:
        text = f"Saved as version {version.number}. Running clocks keep their deadlines."
    messages.success(request, text)
    return redirect("sla:calendar", found.id)


@require_POST
@member_required(Role.ADMIN)
def remove_calendar(request: TenantRequest, calendar_id: UUID) -> HttpResponse:
    """POST /calendars/<id>/remove: for one that nobody uses and no clock has run on."""
    found, _ = selectors.get_calendar(tenant=request.tenant, calendar_id=calendar_id)
    try:
        delete_calendar(calendar=found, actor=member_actor(request.member), now=database_clock())
    except Conflict as refusal:
        messages.error(request, refusal.message)
        return redirect("sla:calendar", calendar_id)
    messages.success(request, f"{found.name} is removed.")
    return redirect("sla:calendars")
