"""Who lets promises break one after the other is taken off the rotation, where the organisation wants it so.

"In a row" is read from the clocks, not counted along: a touch that is logged late repairs the record here
too. Until their manager puts them back nobody gives them leads but by hand; what broke before is forgiven.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.urls import reverse
from uuid_utils.compat import uuid7

from notifications.context import Context, Row, register
from notifications.outbox import Message, enqueue
from sla.selectors import chains_of
from tenants.arrays import as_array
from tenants.audit import record_change
from tenants.context import current_tenant_id
from tenants.models import Member, RepProfile

OFF: Final = "rep.off_rotation"
_SUBJECT: Final = "member:"

# Of each person their last first-touch clocks as owner, by deadline, since they were put back: are there so
# many, and did all of them break? A drill's leads prove nothing.
_BROKEN_SQL: Final = """
select p.member_id
from tenants_repprofile p
cross join lateral (
    select t.breached_at from sla_timer t
    join leads_handoff h on h.tenant_id = t.tenant_id and h.id = t.handoff_id and not h.is_test
    where t.tenant_id = p.tenant_id and t.member_id = p.member_id and t.clock = 'owner'
      and t.target = 'first_touch' and t.state in ('met', 'breached')
      and t.due_at > coalesce(p.on_rotation_since, '-infinity')
    order by t.due_at desc, t.id desc limit %(limit)s
) last
where p.tenant_id = %(tenant)s and p.on_rotation and p.member_id = any(%(members)s::uuid[])
group by p.member_id
having count(*) = %(limit)s and bool_and(last.breached_at is not null)
order by p.member_id
"""


def take_off(
    member_ids: Collection[UUID], *, limit: int, fallback_id: UUID | None, now: datetime
) -> list[UUID]:
    """Take those off the rotation whose last `limit` first touches were all late; who they are.

    Call after the breaches of a batch are written. Their manager is told, the fallback person where there is
    none, and they themselves.
    """
    if not member_ids:
        return []
    with connection.cursor() as cursor:
        wanted = as_array(sorted(map(str, member_ids)))
        cursor.execute(_BROKEN_SQL, {"tenant": str(current_tenant_id()), "members": wanted, "limit": limit})
        off = [row[0] for row in cursor.fetchall()]
    if not off:
        return []
    RepProfile.objects.filter(member_id__in=off).update(on_rotation=False)
    chains = chains_of(off, fallback_id=fallback_id)
    for member_id in off:
        record_change(
            actor="engine",
            action="taken_off_rotation",
            object_type="repprofile",
            object_id=member_id,
            before={"on_rotation": True},
            after={"on_rotation": False, "broken_in_a_row": limit},
            now=now,
        )
    messages = []
    for member_id in off:
        told = dict.fromkeys([chains[member_id].manager or fallback_id, member_id])
        messages.append(
            Message(
                kind=OFF,
                event_id=uuid7(),
                subject=f"{_SUBJECT}{member_id}",
                member_ids=[each for each in told if each is not None],
                data={"member": str(member_id), "broken": limit},
            )
        )
    enqueue(messages, now=now)
    return off


def install() -> None:
    """Speak for these messages. Called once, when the app is ready."""
    register("rep.", context_of)


def context_of(rows: Sequence[Row], now: datetime) -> Mapping[UUID, Context]:
    """The words of each message that is still worth telling. See notifications.context."""
    ids = {row.subject.removeprefix(_SUBJECT) for row in rows}
    names = {str(key): name for key, name in Member.objects.filter(id__in=ids).values_list("id", "name")}
    back = set(
        map(
            str,
            RepProfile.objects.filter(member_id__in=ids, on_rotation=True).values_list(
                "member_id", flat=True
            ),
        )
    )
    found: dict[UUID, Context] = {}
    for row in rows:
        member_id = row.subject.removeprefix(_SUBJECT)
        if member_id not in names or (member_id in back and not row.told and row.member_id):
            continue  # somebody put them back before it left
        found[row.id] = _context(row, member_id, names[member_id])
    return found


def _context(row: Row, member_id: str, name: str) -> Context:
    theirs = str(row.member_id) == member_id
    words: dict[str, Any] = {
        "who": "You" if theirs else name,
        "are": "are" if theirs else "is",
        "broken": str(row.data.get("broken", "")),
        "way_back": "Your manager puts you back."
        if theirs
        else "Talk to them, look at their open leads, and put them back under People when it is time.",
    }
    path = reverse("handoff:inbox") if theirs else reverse("tenants:member", args=[member_id])
    return Context(words, {"member": member_id, "broken": row.data.get("broken")}, path)
