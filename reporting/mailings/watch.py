"""What the engine does for weekly mails: writes each to the outbox once its hour has come."""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import date, datetime
from uuid import UUID

from django.db.models import Q

from reporting.mailings import messages
from reporting.mailings.digest import digest_of
from reporting.mailings.escalation import look
from reporting.mailings.models import Kind, Mailing, MailOptOut, MailSettings
from reporting.mailings.services import READERS, due_week
from reporting.mailings.subscriptions import write_due
from tenants.clock import Clock
from tenants.context import current_tenant_id, tenant_scope
from tenants.models import Member, Role, Team, Tenant
from tenants.selectors import active_tenants

logger = logging.getLogger(__name__)


def watch(*, clock: Clock) -> int:
    """Look at every active organisation; how many mails were written. One that raises does not stop the
    others."""
    written = 0
    for tenant_id in active_tenants():
        try:
            with tenant_scope(tenant_id):
                written += watch_tenant(now=clock())
        except Exception:
            logger.exception("An organisation's weekly mails failed.", extra={"tenant": str(tenant_id)})
    return written


def watch_tenant(*, now: datetime) -> int:
    """Write the mails of the organisation in scope whose hour has come, and bring two bad weeks of a team
    before the executives; how many.

    Only the last week that is due is told: of older ones, missed while no engine ran, the page tells. Its
    row of settings is the turn: whoever does not get it leaves it to the other.
    """
    tenant = Tenant.objects.get(id=current_tenant_id())
    reports = write_due(tenant, now=now)
    setting = _turn() or _first_turn()
    if setting is None:
        return reports
    due, week = due_week(setting, tenant, now)
    written, done = reports + look(setting, tenant, now=now), []
    if setting.digest_on and _is_new(setting.digest_week, week):
        written += _digest(setting, tenant, week, due, now)
        done.append("digest_week")
    if setting.team_on and _is_new(setting.team_week, week):
        written += _write(Kind.TEAM, week, managers(), due, now)
        done.append("team_week")
    if done:
        for name in done:
            setattr(setting, name, week)
        setting.save(update_fields=done)
    return written


def _turn() -> MailSettings | None:
    """The organisation's settings, locked; None where another has them, or there are none yet."""
    found: MailSettings | None = MailSettings.objects.select_for_update(
        of=("self",), skip_locked=True
    ).first()
    return found


def _first_turn() -> MailSettings | None:
    """The same where nobody has looked before."""
    _, made = MailSettings.objects.get_or_create()
    return _turn() if made else None


def _is_new(told: date | None, week: date) -> bool:
    return told is None or told < week


def _digest(setting: MailSettings, tenant: Tenant, week: date, due: datetime, now: datetime) -> int:
    if not setting.sends_empty and digest_of(tenant, week, now=now, reader=None).is_empty:
        return 0
    return _write(Kind.DIGEST, week, readers(setting), due, now)


def readers(setting: MailSettings) -> list[UUID]:
    """Who gets the digest now: those who were named and may still read it, else all of marketing."""
    named = Q(id__in=setting.recipients, role__in=READERS) if setting.recipients else Q(role=Role.MARKETING)
    return _without_opted_out(Kind.DIGEST, Member.objects.filter(named, is_active=True).order_by("id"))


def managers() -> list[UUID]:
    """Managers who lead a team, stand in for its manager, or are in one."""
    led = Team.objects.values("manager_id", "backup_id")
    ids = {each for row in led for each in row.values() if each is not None}
    found = Member.objects.filter(Q(id__in=ids) | Q(team__isnull=False), role=Role.MANAGER, is_active=True)
    return _without_opted_out(Kind.TEAM, found.order_by("id"))


def _without_opted_out(kind: Kind, members: Collection[Member]) -> list[UUID]:
    off = set(MailOptOut.objects.filter(kind=kind).values_list("member_id", flat=True))
    return [member.id for member in members if member.id not in off]


def _write(kind: Kind, week: date, people: list[UUID], due: datetime, now: datetime) -> int:
    """Write the mail of a week to those who have not got it; the row and the message are known by week and
    person, so a second try adds nothing."""
    known = set(Mailing.objects.filter(kind=kind, week=week).values_list("member_id", flat=True))
    new = [each for each in people if each not in known]
    Mailing.objects.bulk_create(
        [Mailing(kind=kind, week=week, member_id=each, due_at=due, at=now) for each in new]
    )
    messages.tell(kind, week, new, due=due, now=now)
    return len(new)
