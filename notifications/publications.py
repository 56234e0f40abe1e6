"""Versions that wait for a second person: the other admins are told, and whoever asked hears the end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.urls import reverse

from notifications.context import Context, Row, register
from notifications.outbox import Message, enqueue, expire
from tenants import versions
from tenants.audit import names_of_actors
from tenants.context import current_tenant_id
from tenants.models import Publication, Tenant, VersionedModel

ASKED: Final = "config.approval_asked"
DECIDED: Final = "config.approval_decided"


def install() -> None:
    """Listen, and speak for these messages. Called once, when the app is ready."""
    versions.listeners.append(tell)
    register("config.", context_of)


def tell(order: Publication, event: str, actor: str, now: datetime) -> None:
    """Write the messages of an event; a question that nobody need answer any more does not leave."""
    subject = f"publication:{order.id}"
    data = {"publication": str(order.id), "kind": order.kind, "version": str(order.version_id)}
    if event == "asked":
        version = versions.get_kind(order.kind).model.objects.get(id=order.version_id)
        to = [member.id for member in versions.deciders(order, version)]
        enqueue([Message(ASKED, order.id, subject, to, data)], now=now)
        return
    expire([subject], now=now, kinds=[ASKED])
    if event == "decided":
        to = [order.asker_id] if order.asker_id else []
        data["state"] = str(order.state)
        enqueue([Message(DECIDED, order.id, subject, to, data)], now=now)


def context_of(rows: Sequence[Row], now: datetime) -> Mapping[UUID, Context]:
    """The words of each message that is still worth telling. See notifications.context."""
    ids = {row.subject.partition(":")[2] for row in rows}
    orders = {f"publication:{order.id}": order for order in Publication.objects.filter(id__in=ids)}
    about = _versions(orders.values())
    names = names_of_actors(
        actor for order in orders.values() for actor in (order.asked_by, order.decided_by) if actor
    )
    zone = ZoneInfo(Tenant.objects.values_list("time_zone", flat=True).get(id=current_tenant_id()))
    found: dict[UUID, Context] = {}
    for row in rows:
        order = orders.get(row.subject)
        if order is None:
            continue
        if row.kind == ASKED and order.state != Publication.State.ASKED and not row.told and row.member_id:
            continue  # somebody decided before it left
        found[row.id] = _context(row, order, about.get(order.version_id), names, zone)
    return found


def _context(
    row: Row, order: Publication, version: VersionedModel | None, names: Mapping[str, str], zone: ZoneInfo
) -> Context:
    kind = versions.get_kind(order.kind)
    number = version.number if version else None
    when = f"{order.effective_at.astimezone(zone):%-d %b %Y, %H:%M %Z}" if order.effective_at else ""
    refused = order.state == Publication.State.REFUSED or row.data.get("state") == "refused"
    words = {
        "asked_by": names.get(order.asked_by, "Somebody"),
        "decided_by": names.get(order.decided_by, "Somebody"),
        "version": f"version {number} of the {versions.title_of(version)}"
        if version
        else f"a version of the {kind.title}",
        "decision": "refused" if refused else "approved",
        "from": f"It is to be in force from {when}." if when else "It is to be in force at once.",
        "note": order.note,
    }
    words["asked_by"] = words["asked_by"][:1].upper() + words["asked_by"][1:]
    facts = {
        "kind": order.kind,
        "number": number,
        "state": str(order.state),
        "effective_at": order.effective_at.isoformat() if order.effective_at else None,
    }
    page = reverse(kind.check if row.kind == ASKED else kind.page)
    return Context(words, facts, page + (version.line_query if version else ""))


def _versions(orders: Iterable[Publication]) -> dict[UUID, VersionedModel]:
    """The versions that orders are about, by their id; a query a kind."""
    found: dict[UUID, VersionedModel] = {}
    by_kind: dict[str, list[UUID]] = {}
    for order in orders:
        by_kind.setdefault(order.kind, []).append(order.version_id)
    for slug, ids in by_kind.items():
        model: type[VersionedModel] = versions.get_kind(slug).model
        found.update(model.objects.defer("content").in_bulk(ids))
    return found
