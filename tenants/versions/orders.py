"""Orders to put a version in force that are not carried out at once: the rows, and who hears of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db.models import QuerySet

from core.errors import NotFound
from tenants.models import Publication, VersionedModel
from tenants.versions.kinds import get_kind, kind_of
from tenants.versions.records import record_order

State = Publication.State
SAVED: Final = "The draft was saved after that."
DISCARDED: Final = "The draft was discarded."
UNNEEDED: Final = "Second approval was turned off."
#: (order, what happened to it: "asked", "decided" or "withdrawn", who did it, when). A layer above tells
#: people; it registers when its app is ready.
Told = Callable[[Publication, str, str, datetime], None]
listeners: list[Told] = []


def tell(order: Publication, event: str, *, actor: str, now: datetime) -> None:
    """Let those hear who are to hear."""
    for listener in listeners:
        listener(order, event, actor, now)


def get_order(order_id: UUID) -> Publication:
    """An order of this organisation. Raises NotFound."""
    found: Publication | None = Publication.objects.select_related("asker").filter(id=order_id).first()
    if found is None:
        raise NotFound("There is no such publication.")
    return found


def orders_of(model: type[VersionedModel], line: UUID | None) -> QuerySet[Publication]:
    """The orders about versions of one line."""
    orders: QuerySet[Publication] = Publication.objects.filter(kind=kind_of(model).slug, line=line)
    return orders


def standing_orders(model: type[VersionedModel], line: UUID | None = None) -> list[Publication]:
    """The orders of a line that wait for somebody or for their time, or are held: one of each at most."""
    states = (State.ASKED, State.SCHEDULED, State.HELD)
    return list(orders_of(model, line).filter(state__in=states))


def waiting_order(model: type[VersionedModel], line: UUID | None = None) -> Publication | None:
    """The order that waits for somebody's approval, or None."""
    orders = orders_of(model, line).filter(state=State.ASKED)
    found: Publication | None = orders.select_related("asker").first()
    return found


def dated_order(model: type[VersionedModel], line: UUID | None = None) -> Publication | None:
    """The order of the version that waits for its time or was held; None where there is none."""
    dated = orders_of(model, line).filter(state__in=(State.SCHEDULED, State.HELD))
    found: Publication | None = dated.first()
    return found


def query_of(order: Publication) -> str:
    """What is added to the address of a page of its kind to see the line of an order; "" for the main one."""
    if order.line is None:
        return ""
    version = get_kind(order.kind).model.objects.filter(id=order.version_id).first()
    return version.line_query if version else ""


def last_order(version: VersionedModel) -> Publication | None:
    """What became of the last order to publish a version; None where nobody ever gave one."""
    orders = Publication.objects.filter(version_id=version.id)
    found: Publication | None = orders.order_by("-asked_at", "-id").first()
    return found


def approvals_of(version_ids: Iterable[UUID]) -> dict[UUID, str]:
    """Who approved versions that a second person had to approve, as actors by the version's id."""
    done = Publication.objects.filter(version_id__in=list(version_ids), state=State.DONE)
    return dict(done.exclude(decided_by="").values_list("version_id", "decided_by"))


def withdraw_asked(version: VersionedModel, *, why: str, actor: str, now: datetime) -> None:
    """Take back the request for approval of this version that waits, if one does. The version is locked."""
    order = (
        Publication.objects.select_for_update(of=("self",))
        .filter(version_id=version.id, state=State.ASKED)
        .first()
    )
    if order is not None:
        close(order, State.WITHDRAWN, why=why, actor=actor, now=now)
        tell(order, "withdrawn", actor=actor, now=now)


def close(order: Publication, state: str, *, actor: str, now: datetime, why: str = "") -> None:
    """Write how an order ended, or that it is held. It is locked."""
    order.state, order.why = state, why[:300]
    order.closed_at = None if state in (State.SCHEDULED, State.HELD) else now
    order.save(update_fields=["state", "why", "closed_at", "decided_at", "decided_by", "note"])
    record_order(order, str(state), actor=actor, now=now, why=why)
