"""Made-up histories, seeded: clean ones, where sources differ but nothing leaks, and ones with a leak.

A row has the attributes of a HandoffFact. What a planted leak costs is added up while it is planted: for each
lead, how likely an opportunity was without it, less how likely with it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from reporting.leaks.finder.facts import (
    APART,
    COUNTED_IN,
    ENDED,
    ENOUGH,
    FAST,
    FEW,
    MOVED,
    SLOW,
    STANDING,
    STAYED,
    WENT_ON,
    Facts,
    Tally,
    Terms,
)

NOW = datetime(2026, 10, 1, tzinfo=UTC)
DAYS = 365
ATTEMPTS_AFTER = timedelta(days=14)
#: Share of leads, how well they convert, how many are touched late: bad sources are also slow ones.
SOURCES = {
    "Demo form": (0.20, 1.15, 0.10),
    "Webinar": (0.25, 0.90, 0.25),
    "Paid social": (0.25, 0.75, 0.35),
    "Partner": (0.15, 1.00, 0.15),
    "Content": (0.15, 0.85, 0.25),
}
REPS = {f"rep{number}": f"team{number % 2}" for number in range(8)}
REASONS = {
    "wrong_company_size": 18,
    "wrong_industry": 15,
    "wrong_title": 14,
    "not_evaluating": 12,
    "no_budget": 10,
    "bad_contact_data": 10,
    "competitor": 8,
    "duplicate": 7,
    "existing_customer": 4,
    "other": 2,
}
FIELDS = {"phone": 0.25, "title": 0.12}


@dataclass
class Lead:
    """What will be of a lead, before the dice fall. worth: factor on becoming SQL; kept: the same without the
    leak."""

    rng: random.Random
    source: str
    rep: str
    started_at: datetime
    late: float
    never: float = 0.25  # of the late
    touches: int = 0
    lacks: tuple[str, ...] = ()
    is_moved: bool = False
    is_late: bool = False
    is_untouched: bool = False
    rejected: float = 0.17
    reasons: dict[str, float] = field(default_factory=lambda: dict(REASONS))
    sql: float = 0.62
    opportunity: float = 0.5
    stalls: float = 0.0
    forced: str = ""  # a reason that it is rejected for

    @property
    def chance(self) -> float:
        """Of becoming an opportunity."""
        return (
            0.0 if self.forced else (0.97 - self.rejected) * self.sql * (1 - self.stalls) * self.opportunity
        )


@dataclass(frozen=True)
class Row:
    source: str
    member_id: str
    team_id: str
    started_at: datetime
    assigned_at: datetime | None
    first_touch_at: datetime | None
    decided_at: datetime | None
    accepted_at: datetime | None
    sql_at: datetime | None
    opportunity_at: datetime | None
    won_at: datetime | None
    lost_at: datetime | None
    closed_at: datetime | None
    decision: str
    reason: str
    reason_side: str
    outcome: str
    touches: int
    wrong_owner_moves: int
    touch_verdict: str
    touch_seconds: int | None
    lacks: tuple[str, ...]


@dataclass
class History:
    rows: list[Row]
    lost: float = 0.0


#: Changes a lead and says how many opportunities that costs.
Leak = Callable[[Lead], float]


def no_leak(lead: Lead) -> float:
    return 0.0


def history(seed: int, leads: int = 3_000, leak: Leak = no_leak, late: Leak = no_leak) -> History:
    """So many leads over a year, those with odd hours too. late: what happens before it is known whether a
    lead is touched in time; leak: after that."""
    rng = random.Random(seed)
    names, shares = list(SOURCES), [each[0] for each in SOURCES.values()]
    made = History([])
    for _ in range(leads):
        source = rng.choices(names, shares)[0]
        at = NOW - timedelta(days=rng.uniform(0, DAYS))
        at = at.replace(hour=rng.randrange(8, 20))
        if at.weekday() > 4 and rng.random() < 0.8:
            at -= timedelta(days=2)
        if at > NOW:
            at -= timedelta(days=7)
        _, factor, slow = SOURCES[source]
        lead = Lead(rng, source, rng.choice(list(REPS)), at, slow, sql=0.62 * factor)
        lead.touches = rng.randrange(1, 9)
        lead.lacks = tuple(name for name, share in FIELDS.items() if rng.random() < share)
        lead.is_moved = rng.random() < 0.02
        late(lead)
        lead.is_late = rng.random() < lead.late
        lead.is_untouched = lead.is_late and rng.random() < lead.never
        made.lost += leak(lead)
        made.rows.append(_become(lead))
    return made


def _become(lead: Lead) -> Row:
    rng, started = lead.rng, lead.started_at

    def after(when: datetime | None, days: float) -> datetime | None:
        if when is None:
            return None
        at = when + timedelta(days=rng.expovariate(1 / days))
        return at if at < NOW else None

    dice = rng.random()
    kind = "rejected" if lead.forced or dice < lead.rejected else "accepted" if dice < 0.97 else "nurture"
    decided = after(started, 1)
    decision = kind if decided else ""
    reason = ""
    if decision in ("rejected", "nurture"):
        reason = lead.forced or rng.choices(list(lead.reasons), list(lead.reasons.values()))[0]
    accepted = decided if decision == "accepted" else None
    stalled = rng.random() < lead.stalls
    to_sql, to_opportunity, wins = (
        rng.random() < lead.sql,
        rng.random() < lead.opportunity,
        rng.random() < 0.3,
    )
    sql = after(accepted, 8) if to_sql and not stalled else None
    opportunity = after(sql, 10) if to_opportunity else None
    won = after(opportunity, 20) if wins else None
    lost = after(opportunity, 20) if not wins else None
    closed = won or lost
    if decision in ("rejected", "nurture"):
        closed = decided
    elif accepted and not to_sql and not stalled:
        closed = after(accepted, 8)
    elif sql and not to_opportunity:
        closed = after(sql, 10)
    touched = None if lead.is_untouched else started + timedelta(hours=30 if lead.is_late else 1)
    return Row(
        source=lead.source,
        member_id=lead.rep,
        team_id=REPS[lead.rep],
        started_at=started,
        assigned_at=started,
        first_touch_at=touched,
        decided_at=decided,
        accepted_at=accepted,
        sql_at=sql,
        opportunity_at=opportunity,
        won_at=won,
        lost_at=lost,
        closed_at=closed,
        decision=decision,
        reason=reason,
        reason_side="marketing" if reason else "",
        outcome="",
        touches=lead.touches,
        wrong_owner_moves=int(lead.is_moved),
        touch_verdict="missed" if lead.is_late else "met",
        touch_seconds=None if touched is None else 14_400 if lead.is_late else 1_800,
        lacks=lead.lacks,
    )


def counted(rows: Iterable[Row], *, now: datetime = NOW, terms: Terms | None = None) -> Facts:
    """The rows counted one by one, all of them in the period: what the statement of
    `reporting.leaks.counting` must come to."""
    terms = terms or Terms()
    tables: dict[str, dict[tuple[object, ...], dict[str, int]]] = {}
    waits: dict[tuple[str, int, str], int] = {}
    came: dict[tuple[str, int], int] = {}
    for row in rows:
        tally = vars_of(row, now, terms)
        cells: dict[str, tuple[object, ...]] = {
            "by_rep": (row.source, row.member_id),
            "by_lacks": (row.source, tuple(sorted(row.lacks))),
            "by_hour": (row.started_at.weekday(), row.started_at.hour),
        }
        if speed := speed_of(row, terms):
            cells["by_speed"] = (row.source, speed)
        if attempts := attempts_of(row, now, terms):
            cells["by_attempts"] = (row.source, attempts)
        if row.assigned_at:
            cells["by_move"] = (row.source, MOVED if row.wrong_owner_moves else STAYED)
        if tally["decided"]:
            cells["by_reason"] = (row.source, row.decision, row.reason)
        for table, key in cells.items():
            of_table = tables.setdefault(table, {})
            if (cell := of_table.get(key)) is None:
                cell = of_table[key] = dict.fromkeys(COUNTED_IN[table], 0)
            for name in COUNTED_IN[table]:
                if tally[name]:
                    cell[name] += 1
        for stage, age, days, how in stays_of(row, now):
            waits[stage, days, how] = waits.get((stage, days, how), 0) + 1
            came[stage, age] = came.get((stage, age), 0) + 1
    found = {
        table: {key: Tally(**cell) for key, cell in cells.items() if any(cell.values())}
        for table, cells in tables.items()
    }
    return Facts(**found, waits=waits, came=came, team_of=REPS)  # type: ignore[arg-type]


def speed_of(row: Row, terms: Terms) -> str:
    if row.touch_verdict not in ("met", "missed"):
        return APART
    if terms.fast_minutes is None:
        return FAST if row.touch_verdict == "met" else SLOW
    quick = row.touch_seconds is not None and row.touch_seconds <= terms.fast_minutes * 60
    return FAST if quick else SLOW


def attempts_of(row: Row, now: datetime, terms: Terms) -> str:
    if row.decision != "accepted" or row.accepted_at is None:
        return APART
    if row.closed_at is None and row.accepted_at > now - ATTEMPTS_AFTER:
        return APART
    return ENOUGH if row.touches >= terms.enough_attempts else FEW


def vars_of(row: Row, now: datetime, terms: Terms) -> dict[str, bool]:
    judged = row.touch_verdict in ("met", "missed")
    late = row.touch_verdict == "missed"
    answered = row.decision != "" and not (row.decision == "rejected" and row.reason_side == "routing")
    span = timedelta(days=terms.cohort_days)
    followed = row.started_at + span <= now

    def came(*instants: datetime | None) -> bool:
        known = [each for each in instants if each is not None]
        return followed and bool(known) and min(known) <= row.started_at + span

    sql = came(row.sql_at, row.opportunity_at, row.won_at)
    taken = followed and row.decision == "accepted"
    return {
        "leads": True,
        "judged": judged,
        "late": late,
        "untouched": late and row.first_touch_at is None,
        "routed": row.assigned_at is not None,
        "misrouted": row.assigned_at is not None and row.wrong_owner_moves > 0,
        "decided": answered,
        "accepted": row.decision == "accepted",
        "rejected": answered and row.decision == "rejected",
        "followed": followed,
        "sql": sql,
        "opportunities": came(row.opportunity_at, row.won_at),
        "taken": taken,
        "taken_sql": taken and sql,
    }


def stays_of(row: Row, now: datetime) -> Iterable[tuple[str, int, int, str]]:
    """(stage, whole days since it came there, whole days that it stayed, how it stands)"""
    opportunity = _first(row.opportunity_at, row.won_at)
    sql = _first(row.sql_at, opportunity)
    accepted = _first(row.accepted_at, sql)
    for stage, came, went in (
        ("mql", row.started_at, _first(row.decided_at, accepted)),
        ("sal", accepted, sql),
        ("sql", sql, opportunity),
        ("opportunity", opportunity, row.won_at),
    ):
        if came is None:
            continue
        how = WENT_ON if went else ENDED if row.closed_at else STANDING
        until = went or row.closed_at or now
        yield stage, (now - came).days, max(0, (until - came).days), how


def _first(*instants: datetime | None) -> datetime | None:
    known = [each for each in instants if each is not None]
    return min(known) if known else None
