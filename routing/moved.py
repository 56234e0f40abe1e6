"""How many of the leads that each rule gave to somebody were moved on later, and why.

A lead that went on because its owner let a promise pass or went away says nothing of the rule; one that was
refused as not theirs, or moved by hand, does. So these stand apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connection

from routing.models import Pool
from tenants.context import current_tenant_id

#: Why a lead left the owner whom a rule gave it, as leads.models.Assignment.EndReason has it, by what it says
#: of the rule.
WRONG_OWNER: Final = ("rerouted",)
BY_HAND: Final = ("reassigned", "hand_over")
BREACH: Final = ("breach",)
LEAVE: Final = ("away",)
#: From this share of wrong owners on a rule is worth a look.
TOO_MANY: Final = 0.05
LEAST_TO_TELL: Final = 20  # decisions

_SQL = """
select d.rule, d.pool_id, coalesce(a.end_reason, ''), count(*)
from routing_decision d
join leads_handoff h on h.tenant_id = d.tenant_id and h.id = d.handoff_id
left join leads_assignment a
    on a.tenant_id = d.tenant_id and a.handoff_id = d.handoff_id and a.decision_id = d.id
where d.tenant_id = %(tenant)s and d.at >= %(since)s and d.at < %(until)s
  and d.outcome = 'assigned' and d.member_id is not null and d.pool_id is not null and d.rule <> ''
  and (%(pool)s::uuid is null or d.pool_id = %(pool)s)
  and not h.is_test and not h.is_history
group by 1, 2, 3
"""


@dataclass(frozen=True, slots=True)
class RuleMoves:
    """The leads that a rule gave to people of a pool. decisions: all of them, the base of every share.

    why: how many of them left that owner, by the code of the reason.
    """

    rule: str
    pool: Pool
    decisions: int
    why: Mapping[str, int] = field(default_factory=dict)

    def _of(self, codes: tuple[str, ...]) -> int:
        return sum(self.why.get(code, 0) for code in codes)

    @property
    def wrong_owner(self) -> int:
        return self._of(WRONG_OWNER)

    @property
    def by_hand(self) -> int:
        return self._of(BY_HAND)

    @property
    def breach(self) -> int:
        return self._of(BREACH)

    @property
    def leave(self) -> int:
        return self._of(LEAVE)

    @property
    def moved(self) -> int:
        return self.wrong_owner + self.by_hand + self.breach + self.leave

    @property
    def is_suspect(self) -> bool:
        """Whether so many were refused as not theirs that the rule is worth a look."""
        return self.decisions >= LEAST_TO_TELL and self.wrong_owner > self.decisions * TOO_MANY


def moved_by_rule(*, since: datetime, until: datetime, pool_id: UUID | None = None) -> list[RuleMoves]:
    """Rules that gave leads to people in [since, until), those with most wrong owners first. Two queries.

    Test leads and imported history are left out, and what people or other systems chose.
    """
    asked: dict[str, str | datetime | None] = {
        "tenant": str(current_tenant_id()),
        "since": since,
        "until": until,
        "pool": str(pool_id) if pool_id else None,
    }
    with connection.cursor() as cursor:
        cursor.execute(_SQL, asked)
        rows = cursor.fetchall()
    counted: dict[tuple[str, UUID], dict[str, int]] = {}
    for rule, pool, code, number in rows:
        counted.setdefault((rule, pool), {})[code] = number
    pools = Pool.objects.defer("counters").in_bulk({pool for _, pool in counted})
    found = [
        RuleMoves(rule, pools[pool], sum(why.values()), {code: n for code, n in why.items() if code})
        for (rule, pool), why in counted.items()
    ]
    return sorted(found, key=lambda each: (-each.wrong_owner, -each.moved, -each.decisions, each.rule))
