"""What is chosen about weekly mails: by the organisation, and by each person for themselves."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction

from core.errors import FieldError, ValidationFailed
from reporting.mailings.models import Kind, MailOptOut, MailSettings
from reporting.mailings.schedule import last_due, week_told
from tenants.audit import record_change
from tenants.models import Member, Role, Tenant

#: Who may be sent the digest: a rep's page is their own.
READERS: Final = (Role.MARKETING, Role.MANAGER, Role.EXECUTIVE, Role.ADMIN)
#: From least to most.
LIMITS: Final = {"escalation_percent": (1, 100), "escalation_clocks": (1, 10_000)}
#: Settings that name people.
PEOPLE: Final = ("recipients", "escalation_people")


def mail_settings() -> MailSettings:
    """The organisation's; those of the start, not saved, where it has chosen none. One query."""
    return MailSettings.objects.first() or MailSettings()


def due_week(setting: MailSettings, tenant: Tenant, now: datetime) -> tuple[datetime, date]:
    """When the last weekly mail was due, and the Monday of the week that it tells of."""
    zone = ZoneInfo(tenant.time_zone)
    due = last_due(now, zone=zone, weekday=setting.weekday, at=setting.at)
    return due, week_told(due, zone=zone)


def candidates() -> list[Member]:
    """Everybody who may be sent the digest."""
    return list(Member.objects.filter(is_active=True, role__in=READERS).order_by("name", "id"))


@transaction.atomic
def change_settings(
    *,
    tenant: Tenant,
    digest_on: bool,
    team_on: bool,
    weekday: int,
    at: time,
    recipients: Sequence[UUID],
    sends_empty: bool,
    escalation_percent: int,
    escalation_clocks: int,
    escalation_people: Sequence[UUID],
    actor: str,
    now: datetime,
) -> MailSettings:
    """Choose when the weekly mails leave, and who gets the digest. A mail that is switched on begins with its
    next hour: what was due while it was off is not sent. Nor is, by another day or hour, a week that is not
    the last whole one any more.

    Raises ValidationFailed at /weekday, /at and /recipients.
    """
    chosen: dict[str, Any] = {
        "digest_on": digest_on,
        "team_on": team_on,
        "weekday": weekday,
        "at": at.replace(second=0, microsecond=0),
        "recipients": list(dict.fromkeys(recipients)),
        "sends_empty": sends_empty,
        "escalation_percent": escalation_percent,
        "escalation_clocks": escalation_clocks,
        "escalation_people": list(dict.fromkeys(escalation_people)),
    }
    MailSettings.objects.get_or_create()
    setting: MailSettings = MailSettings.objects.select_for_update(of=("self",)).get()
    _check(chosen, setting)
    before = {name: getattr(setting, name) for name in chosen}
    if before == chosen:
        return setting
    for name, value in chosen.items():
        setattr(setting, name, value)
    _, week = due_week(setting, tenant, now)
    is_moved = any(before[name] != chosen[name] for name in ("weekday", "at"))
    is_past = is_moved and week < week_told(now, zone=ZoneInfo(tenant.time_zone))
    for switch, told in (("digest_on", "digest_week"), ("team_on", "team_week")):
        if chosen[switch] and (is_past or not before[switch]):
            setattr(setting, told, max(week, getattr(setting, told) or week))
    setting.save()
    record_change(
        actor=actor,
        action="mail_settings_changed",
        object_type="mailsettings",
        object_id=setting.id,
        before=_plain(before),
        after=_plain(chosen),
        now=now,
    )
    return setting


def _check(chosen: dict[str, Any], setting: MailSettings) -> None:
    errors = []
    if not 0 <= chosen["weekday"] <= 6:
        errors.append(FieldError("/weekday", "From 0 (Monday) to 6 (Sunday).", "out_of_range"))
    for name, (least, most) in LIMITS.items():
        if not least <= chosen[name] <= most:
            errors.append(FieldError(f"/{name}", f"From {least:,} to {most:,}.", "out_of_range"))
    for name in PEOPLE:
        new = set(chosen[name]) - set(getattr(setting, name))
        known = Member.objects.filter(id__in=new, is_active=True, role__in=READERS).count() if new else 0
        if known != len(new):
            text = "Choose active people of marketing, managers, executives or admins."
            errors.append(FieldError(f"/{name}", text, "unknown_member"))
    if errors:
        raise ValidationFailed(errors[0].message, field_errors=errors)


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {
        **values,
        "at": f"{values['at']:%H:%M}",
        **{name: [str(each) for each in values[name]] for name in PEOPLE},
    }


def wants(member: Member) -> dict[Kind, bool]:
    """Which weekly mails somebody has not switched off. One query."""
    off = set(MailOptOut.objects.filter(member=member).values_list("kind", flat=True))
    return {kind: kind.value not in off for kind in Kind}


@transaction.atomic
def choose_mails(*, member: Member, wanted: dict[Kind, bool]) -> None:
    """Switch one's own weekly mails on and off."""
    for kind, on in wanted.items():
        if on:
            MailOptOut.objects.filter(member=member, kind=kind).delete()
        else:
            MailOptOut.objects.get_or_create(member=member, kind=kind)
