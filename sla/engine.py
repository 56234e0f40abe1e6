"""How the engine does for one organisation: for its page and for the API."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import Count, Min, Q

from leads.models import Handoff, Lead
from notifications.models import Delivery, OutboxMessage
from sla import targets
from sla.auditor import PATIENCE, patience_with
from sla.engine_words import CLOCKS, FINDINGS, OTHER_FINDING, TICKS
from sla.models import Finding, Timer, TimerEvent
from sla.selectors import cycles
from tenants.context import current_tenant_id

#: Findings that one look shows; all are counted.
SHOWN: Final = 100
CLEARED_SINCE: Final = timedelta(days=7)
LATENESS_SINCE: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Tick:
    """One tick with its last pulse. waiting: it never ran, and its first turn is not overdue yet."""

    name: str
    label: str
    pause: float
    finished_at: datetime | None
    age: float | None
    state: Literal["alive", "waiting", "silent"]


def ticks(*, now: datetime) -> list[Tick]:
    """Every tick in the order of the settings; all organisations share them."""
    pulses = cycles()
    found = []
    for name, pause in settings.ENGINE_TICKS:
        pulse = pulses.get(name)
        label = TICKS.get(name, name)
        if pulse is None:
            # Beat waits a pause before a tick's first turn: a minute says nothing of a young engine.
            state: Literal["waiting", "silent"] = "silent" if pause < PATIENCE.total_seconds() else "waiting"
            found.append(Tick(name, label, pause, None, None, state))
            continue
        age = now - pulse.finished_at
        alive = age <= patience_with(pause)
        seconds = max(0.0, age.total_seconds())
        found.append(Tick(name, label, pause, pulse.finished_at, seconds, "alive" if alive else "silent"))
    return found


@dataclass(frozen=True, slots=True)
class Figures:
    """The clocks and messages of the organisation in scope. Lateness in seconds, of the last 24 hours; None
    where nothing fired.
    """

    armed: int
    due: int
    oldest_due: datetime | None
    failed: int
    fired: int
    median_lateness: float | None
    p99_lateness: float | None
    worst_lateness: float | None
    outbox_waiting: int
    outbox_oldest: datetime | None


def figures(*, now: datetime) -> Figures:
    """Count what is armed, due, failed and waiting. Four statements, each over an index."""
    clocks = Timer.objects.filter(next_at__isnull=False).aggregate(
        armed=Count("id"),
        due=Count("id", Q(next_at__lte=now)),
        oldest=Min("next_at", filter=Q(next_at__lte=now)),
    )
    waiting = OutboxMessage.objects.filter(state=OutboxMessage.State.PENDING, not_before__lte=now).aggregate(
        number=Count("id"), oldest=Min("not_before")
    )
    sending = Delivery.objects.filter(next_at__lte=now).aggregate(number=Count("id"), oldest=Min("next_at"))
    fired, median, late, worst = _lateness(now - LATENESS_SINCE)
    return Figures(
        armed=clocks["armed"],
        due=clocks["due"],
        oldest_due=clocks["oldest"],
        failed=Timer.objects.filter(state=Timer.State.FAILED, closed_at__isnull=True).count(),
        fired=fired,
        median_lateness=median,
        p99_lateness=late,
        worst_lateness=worst,
        outbox_waiting=waiting["number"] + sending["number"],
        outbox_oldest=min(filter(None, (waiting["oldest"], sending["oldest"])), default=None),
    )


_LATENESS: Final = """
select count(*), percentile_cont(0.5) within group (order by lateness_ms),
    percentile_cont(0.99) within group (order by lateness_ms), max(lateness_ms)
from sla_timerevent where tenant_id = %s and fired_at > %s
"""


def _lateness(since: datetime) -> tuple[int, float | None, float | None, float | None]:
    with connection.cursor() as cursor:
        cursor.execute(_LATENESS, [current_tenant_id(), since])
        fired, *lateness = cursor.fetchone()
    median, late, worst = (None if ms is None else ms / 1000 for ms in lateness)
    return fired, median, late, worst


@dataclass(frozen=True, slots=True)
class Found:
    """A finding in words. clock: "First touch, owner's clock". may_retry: its clock may be tried again."""

    finding: Finding
    title: str
    advice: str
    lead: Lead | None
    clock: str
    timer_id: UUID | None
    may_retry: bool


def standing() -> tuple[list[Found], int]:
    """Open findings, the newest first, and how many there are in all."""
    rows = Finding.objects.filter(cleared_at__isnull=True).order_by("-found_at", "-id")
    found = list(rows[:SHOWN])
    return in_words(found), len(found) if len(found) < SHOWN else rows.count()


def cleared(*, now: datetime) -> list[Found]:
    """Findings that were cleared in the last seven days, the latest first."""
    rows = Finding.objects.filter(cleared_at__gt=now - CLEARED_SINCE).order_by("-cleared_at", "-id")
    return in_words(rows[:SHOWN])


def in_words(findings: Iterable[Finding]) -> list[Found]:
    """Findings with the leads and clocks that they are about; three queries at most."""
    listed = list(findings)
    subjects = [_subject(finding) for finding in listed]
    events = dict(
        TimerEvent.objects.filter(id__in=_of("event", subjects)).values_list("id", "timer_id")
        if _of("event", subjects)
        else ()
    )
    timers = _timers({*_of("timer", subjects), *events.values()})
    leads = _leads({*_of("handoff", subjects), *(timer.handoff_id for timer in timers.values())})
    found = []
    for finding, (what, subject_id) in zip(listed, subjects, strict=True):
        timer_id = events.get(subject_id) if subject_id and what == "event" else subject_id
        timer = timers.get(timer_id) if timer_id else None
        handoff_id = timer.handoff_id if timer else subject_id
        title, advice = FINDINGS.get(finding.kind, OTHER_FINDING)
        found.append(
            Found(
                finding=finding,
                title=title,
                advice=advice,
                lead=leads.get(handoff_id) if handoff_id else None,
                clock=f"{targets.label(timer.target)}, {CLOCKS[timer.clock]}" if timer else "",
                timer_id=timer.id if timer else None,
                may_retry=timer is not None
                and finding.cleared_at is None
                and timer.state == Timer.State.FAILED
                and timer.closed_at is None,
            )
        )
    return found


def _subject(finding: Finding) -> tuple[str, UUID | None]:
    """ "timer:<id>" or "handoff:<id>:owner:decision" taken apart; no id where it is about no row."""
    what, _, rest = finding.subject.partition(":")
    try:
        return what, UUID(rest.partition(":")[0])
    except ValueError:
        return what, None


def _of(what: str, subjects: Iterable[tuple[str, UUID | None]]) -> set[UUID]:
    return {subject_id for kind, subject_id in subjects if kind == what and subject_id}


def _timers(ids: Collection[UUID]) -> Mapping[UUID, Timer]:
    return Timer.objects.in_bulk(ids) if ids else {}


def _leads(handoff_ids: Collection[UUID]) -> Mapping[UUID, Lead]:
    if not handoff_ids:
        return {}
    handoffs = Handoff.objects.filter(id__in=handoff_ids).select_related("lead").defer("verdict")
    return {handoff.id: handoff.lead for handoff in handoffs}
