"""The weekly mails as messages: written once a week and person, put into words when they leave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from django.template.loader import render_to_string
from django.urls import reverse

from notifications.context import Context, Row, register
from notifications.outbox import Message, enqueue
from reporting.mailings import digest, team, words
from reporting.mailings.models import Kind
from reporting.mailings.services import READERS, wants
from tenants.context import current_tenant_id
from tenants.models import Member, Role, Tenant
from tenants.selectors import time_zone_of

DIGEST: Final = "digest.weekly"
TEAM: Final = "digest.team"
KINDS: Final[Mapping[Kind, str]] = {Kind.DIGEST: DIGEST, Kind.TEAM: TEAM}


def event_of(kind: Kind, week: date) -> UUID:
    """The event that the week's mail tells: the same whoever asks, so that each person has one message."""
    return uuid5(current_tenant_id(), f"mail:{kind}:{week.isoformat()}")


def tell(kind: Kind, week: date, people: Sequence[UUID], *, due: datetime, now: datetime) -> None:
    """Write the mail of a week for these people; once a person."""
    data = {"week": week.isoformat(), "due_at": due.isoformat()}
    enqueue([Message(KINDS[kind], event_of(kind, week), f"{kind}:{week.isoformat()}", people, data)], now=now)


def install() -> None:
    """Speak for these messages. Called once, when the app is ready."""
    register("digest.", context_of)


def context_of(rows: Sequence[Row], now: datetime) -> Mapping[UUID, Context]:
    """The words of each mail whose reader still gets it. Numbers are asked once for all who see the same. See
    notifications.context."""
    tenant = Tenant.objects.get(id=current_tenant_id())
    members = Member.objects.select_related("user").in_bulk({row.member_id for row in rows if row.member_id})
    digests: dict[tuple[date, UUID | None], digest.Digest] = {}
    found: dict[UUID, Context] = {}
    for row in rows:
        week = date.fromisoformat(row.data["week"])
        path = f"{reverse('reporting:digest')}?week={week.isoformat()}"
        path = path if row.kind == DIGEST else reverse("reporting:compliance") + _period(week)
        if row.told:
            found[row.id] = Context(_short(row.kind, week), {}, path)
            continue
        reader = members.get(row.member_id) if row.member_id else None
        if row.member_id and (reader is None or not may_read(row.kind, reader)):
            continue
        if row.channel == "inapp":
            found[row.id] = Context(_short(row.kind, week), {}, path)
            continue
        due = datetime.fromisoformat(row.data["due_at"])
        if row.kind == DIGEST:
            key = (week, reader.id if reader and reader.role == Role.MANAGER else None)
            if key not in digests:
                digests[key] = digest.digest_of(tenant, week, now=now, reader=reader)
        if reader is None:
            facts = {"digest": digest.as_document(digests[week, None])}
            found[row.id] = Context(_short(row.kind, week), facts, path)
            continue
        zone = ZoneInfo(time_zone_of(member=reader, tenant=tenant))
        if row.kind == DIGEST:
            letter = words.letter_of(digests[key], zone=zone, now=now, due=due)
        else:
            mine = team.team_week(tenant, week, reader, now=now)
            letter = team.letter_of(mine, zone=zone, now=now, due=due)
        found[row.id] = context_from(letter, tenant, path)
    return found


def context_from(letter: words.Letter, tenant: Tenant, path: str = "", **more: Any) -> Context:
    """A letter as a mail: plain text, and the same as HTML of its own."""
    return Context(
        {"title": letter.title, "body": words.as_text(letter)}, {}, path, html=as_html(letter, tenant), **more
    )


def as_html(letter: words.Letter, tenant: Tenant) -> str:
    """The HTML of a mail: simple tables, nothing loaded from anywhere, every text escaped."""
    return render_to_string("reporting/mail.html", {"letter": letter, "organisation": tenant.name})


def may_read(kind: str, member: Member) -> bool:
    """Whether somebody still gets it: active, in a role that reads it, and not switched off by them."""
    if not member.is_active or member.role not in (READERS if kind == DIGEST else (Role.MANAGER,)):
        return False
    return wants(member)[Kind.DIGEST if kind == DIGEST else Kind.TEAM]


def _short(kind: str, week: date) -> dict[str, str]:
    """What the bell says: the numbers are on the page."""
    period = words.week_words(week, digest.last_of(week))
    title = f"What sales said, {period}" if kind == DIGEST else f"Your team's week, {period}"
    return {"title": title, "body": "Its numbers are on the page."}


def _period(week: date) -> str:
    return f"?from={week.isoformat()}&to={digest.last_of(week).isoformat()}"
