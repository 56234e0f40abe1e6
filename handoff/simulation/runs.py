"""Replays as background work: asked for on a page or by a program, carried out by the engine, kept a while.

A run freezes the rules that it replays. It reads in short transactions, works without any, and writes nothing
but its own row and its leads. Whoever carries it out gives a sign of life with each step: one that falls
silent is told to have failed, and may be begun again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import IntegrityError, connection, transaction
from uuid_utils.compat import uuid7

from core.errors import Conflict, DomainError, FieldError, NotFound, ValidationFailed
from handoff.simulation.reading import past_ids, past_leads, read_some, read_world
from handoff.simulation.replay import Arrival, Replayed, World, replay
from handoff.simulation.report import report
from leads.criteria import SCHEMA
from routing.decide import RuleSet, compile_rule_set
from routing.models import RuleSetVersion, SimulatedLead, SimulationRun
from routing.rules_check import check_usable
from tenants.bulk import fresh, insert_rows
from tenants.clock import Clock
from tenants.context import current_tenant_id, tenant_scope
from tenants.models import Tenant
from tenants.versions import open_draft, version_in_force

logger = logging.getLogger(__name__)
State = SimulationRun.State
Side = SimulationRun.Side

FEWEST_DAYS, MOST_DAYS = 1, 365
MOST_LEADS: Final = 50_000
#: How long a result is kept after its end, and how many of them at most.
KEPT: Final = timedelta(days=30)
MOST_KEPT: Final = 20
#: After this long without a sign of life whoever carried it out is gone.
SILENT: Final = timedelta(minutes=3)
_AT_WORK: Final = (State.QUEUED, State.RUNNING)
_ROWS_AT_ONCE: Final = 5_000
_READING, _REPLAYING, _COMPARING, _WRITING = (
    "Reading the leads",
    "Replaying",
    "Replaying the rules in force",
    "Writing",
)


class Stopped(Exception):
    """Somebody cancelled the run, or it was given up meanwhile."""


# --- Asking ---


@transaction.atomic
def ask(*, side: str, days: int, with_history: bool = False, actor: str, now: datetime) -> SimulationRun:
    """Ask for a replay of the last days, whole days of the organisation and today's until now.

    side: "draft" or "live". Raises ValidationFailed at /days and /rules, with the errors of a draft that
    cannot be in force under /draft; Conflict where one is at work.
    """
    if not FEWEST_DAYS <= days <= MOST_DAYS:
        raise ValidationFailed.at("/days", f"From {FEWEST_DAYS} to {MOST_DAYS} days.", "range")
    version, against = _versions(side, now)
    since = since_of(days, now)
    number = past_leads(since, now, with_history=with_history).count()
    if number > MOST_LEADS:
        raise ValidationFailed.at(
            "/days",
            f"{number:,} leads, and at most {MOST_LEADS:,} are replayed: choose fewer days.",
            "too_many",
        )
    wanted = SimulationRun(
        side=side,
        version_number=version.number,
        revision=version.revision,
        rules=version.content,
        against_number=against.number if against else None,
        against=against.content if against else None,
        since=since,
        until=now,
        days=days,
        with_history=with_history,
        total=number,
        asked_at=now,
        asked_by=actor,
    )
    try:
        with transaction.atomic():
            wanted.save(force_insert=True)
    except IntegrityError as error:
        raise Conflict("A simulation is at work already: wait for it, or cancel it.") from error
    return wanted


def _versions(side: str, now: datetime) -> tuple[RuleSetVersion, RuleSetVersion | None]:
    """(the rules to replay, those in force to compare them with)."""
    live = version_in_force(RuleSetVersion, now)
    if side == Side.LIVE:
        if live is None:
            raise ValidationFailed.at(
                "/rules", "No routing rules are in force yet: replay the draft.", "none"
            )
        return live, None
    if side != Side.DRAFT:
        raise ValidationFailed.at("/rules", "Use draft or live.", "invalid_choice")
    draft = open_draft(RuleSetVersion)
    if draft is None:
        raise ValidationFailed.at("/rules", "There is no draft: replay the rules in force.", "none")
    try:
        check_usable(draft.content)
    except ValidationFailed as refusal:
        raise ValidationFailed(
            f"The draft cannot be replayed: {refusal.message}",
            field_errors=[
                FieldError(f"/draft{each.path}", each.message, each.code) for each in refusal.field_errors
            ],
        ) from refusal
    return draft, live


def since_of(days: int, now: datetime) -> datetime:
    """Midnight of so many days ago, where the organisation is."""
    zone = ZoneInfo(Tenant.objects.values_list("time_zone", flat=True).get(id=current_tenant_id()))
    today = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    return (today - timedelta(days=days)).replace(tzinfo=zone).astimezone(now.tzinfo)


@transaction.atomic
def begin_again(run_id: UUID, *, actor: str, now: datetime) -> SimulationRun:
    """Ask for what a run asked for, over as many days until now. Raises NotFound, and as `ask`."""
    old = get_run(run_id)
    if old.state in _AT_WORK:
        raise Conflict("It is at work already.")
    return ask(side=old.side, days=old.days, with_history=old.with_history, actor=actor, now=now)


@transaction.atomic
def cancel(run_id: UUID, *, now: datetime) -> SimulationRun:
    """Stop a run: at once while it waits for its turn, else at its next step. Raises NotFound; Conflict where
    it has ended.
    """
    run: SimulationRun | None = SimulationRun.objects.select_for_update().filter(id=run_id).first()
    if run is None:
        raise NotFound("There is no such simulation.")
    if run.state not in _AT_WORK:
        raise Conflict("It has ended already.")
    run.cancel_asked_at = run.cancel_asked_at or now
    if run.state == State.QUEUED:
        run.state, run.finished_at = State.CANCELLED, now
    run.save(update_fields=["cancel_asked_at", "state", "finished_at"])
    return run


def get_run(run_id: UUID) -> SimulationRun:
    """A simulation of this organisation. Raises NotFound."""
    found: SimulationRun | None = SimulationRun.objects.filter(id=run_id).first()
    if found is None:
        raise NotFound("There is no such simulation.")
    return found


def run_at_work() -> SimulationRun | None:
    """The one that waits for its turn or runs."""
    found: SimulationRun | None = SimulationRun.objects.filter(state__in=_AT_WORK).first()
    return found


# --- Carrying out ---


def tenants_with_simulations() -> list[UUID]:
    """Organisations with a run that waits or runs; by the resolver, before any tenant is set."""
    with connection.cursor() as cursor:
        cursor.execute("select tenant_id from tenants_with_simulations()")
        return [row[0] for row in cursor.fetchall()]


def carry_out(tenant_id: UUID, clock: Clock, *, pulse: Callable[[datetime], None] = lambda now: None) -> int:
    """Give up a run that fell silent, then carry the waiting one out; how many were carried out. Opens its
    own transactions, and holds none while it works.

    pulse: told the moment of each step, for whoever watches that the engine lives.
    """
    with tenant_scope(tenant_id):
        now = clock()
        _give_up_silent(now)
        run = _claim(now)
    if run is None:
        return 0
    work = _Work(tenant_id, run, clock, pulse)
    try:
        work.carry_out()
    except Stopped:
        work.end(State.CANCELLED)
    except DomainError as refusal:
        work.end(State.FAILED, error=refusal.message)
    except Exception:
        logger.exception("A simulation failed.", extra={"tenant": str(tenant_id), "run": str(run.id)})
        work.end(State.FAILED, error="An unexpected error; the log has it. Begin it again, or report it.")
    return 1


def _give_up_silent(now: datetime) -> None:
    silent = SimulationRun.objects.filter(state=State.RUNNING, alive_at__lt=now - SILENT)
    silent.filter(cancel_asked_at=None).update(
        state=State.FAILED,
        finished_at=now,
        error="Whoever carried it out was stopped before the end. Nothing is lost: begin it again.",
    )
    silent.update(state=State.CANCELLED, finished_at=now)


def _claim(now: datetime) -> SimulationRun | None:
    waiting = SimulationRun.objects.select_for_update(skip_locked=True).filter(state=State.QUEUED)
    run: SimulationRun | None = waiting.first()
    if run is None:
        return None
    run.state, run.started_at, run.alive_at, run.step = State.RUNNING, now, now, _READING
    run.save(update_fields=["state", "started_at", "alive_at", "step"])
    return run


class _Work:
    """One run under way."""

    def __init__(
        self, tenant_id: UUID, run: SimulationRun, clock: Clock, pulse: Callable[[datetime], None]
    ) -> None:
        self.tenant_id, self.run, self.clock, self.pulse = tenant_id, run, clock, pulse

    def carry_out(self) -> None:
        run = self.run
        with tenant_scope(self.tenant_id):
            zone = Tenant.objects.values_list("time_zone", flat=True).get(id=self.tenant_id)
            rules = compile_rule_set(run.rules, SCHEMA)
            against = compile_rule_set(run.against, SCHEMA) if run.against is not None else None
            world = read_world(run.since, run.until)
            pieces = past_ids(run.since, run.until, with_history=run.with_history)
        arrivals: list[Arrival] = []
        for ids in pieces:
            with tenant_scope(self.tenant_id):
                arrivals += read_some(ids, now=run.until)
            self._alive(_READING, 0)
        run.total = len(arrivals) * (1 if against is None else 2)
        new = self._replay(world, arrivals, rules, _REPLAYING, 0)
        live = self._replay(world, arrivals, against, _COMPARING, len(arrivals)) if against else None
        told = report(arrivals, new, live, rule_set=rules, zone=zone, since=run.since, until=run.until)
        self._alive(_WRITING, run.total)
        self._finish(told, arrivals, new, live, ZoneInfo(zone))

    def _replay(
        self, world: World, arrivals: list[Arrival], rules: RuleSet, step: str, before: int
    ) -> Replayed:
        return replay(world, arrivals, rules, progress=lambda done: self._alive(step, before + done))

    def _alive(self, step: str, done: int) -> None:
        """Say how far it is. Raises Stopped where it is to end."""
        with tenant_scope(self.tenant_id):
            mine = SimulationRun.objects.filter(id=self.run.id, state=State.RUNNING, cancel_asked_at=None)
            now = self.clock()
            if not mine.update(step=step, done=done, total=self.run.total, alive_at=now):
                raise Stopped
        self.pulse(now)

    def _finish(
        self,
        told: Mapping[str, Any],
        arrivals: list[Arrival],
        new: Replayed,
        live: Replayed | None,
        zone: ZoneInfo,
    ) -> None:
        rows = rows_of(self.run.id, arrivals, new, live, zone)
        with tenant_scope(self.tenant_id):
            # Its row is locked first: cancelled meanwhile, it leaves no leads behind.
            mine = SimulationRun.objects.filter(id=self.run.id, state=State.RUNNING, cancel_asked_at=None)
            now = self.clock()
            if not mine.update(
                state=State.DONE,
                result=dict(told),
                done=self.run.total,
                step="",
                finished_at=now,
                alive_at=now,
            ):
                raise Stopped
            for first in range(0, len(rows), _ROWS_AT_ONCE):
                insert_rows(rows[first : first + _ROWS_AT_ONCE])

    def end(self, state: str, *, error: str = "") -> None:
        """Write how it ended, unless somebody did so already."""
        with tenant_scope(self.tenant_id):
            mine = SimulationRun.objects.filter(id=self.run.id, state=State.RUNNING)
            mine.update(state=state, error=error[:300], step="", finished_at=self.clock())


def rows_of(
    run_id: UUID, arrivals: list[Arrival], new: Replayed, live: Replayed | None, zone: ZoneInfo
) -> list[SimulatedLead]:
    """The leads of a run, in order of arrival."""
    rows = []
    for place, (one, what) in enumerate(zip(arrivals, new.outcomes, strict=True)):
        rules = live.outcomes[place] if live else None
        rows.append(
            fresh(
                SimulatedLead,
                id=uuid7(),
                run_id=run_id,
                number=place + 1,
                handoff_id=UUID(one.id),
                lead_id=UUID(one.lead_id),
                at=one.at,
                day=one.at.astimezone(zone).date(),
                tier=one.tier,
                past_tier=one.past_tier,
                rule=what.rule[:80],
                pool=what.pool,
                reason=what.reason,
                priority=what.priority,
                member_id=_id(what.member),
                given_at=what.given_at,
                live_pool=rules.pool if rules else "",
                live_member_id=_id(rules.member) if rules else None,
                past_member_id=_id(one.past_member),
                past_given_at=one.past_given_at,
            )
        )
    return rows


def _id(text: str | None) -> UUID | None:
    return UUID(text) if text else None


# --- Keeping ---


def forget_old(tenant_id: UUID, *, now: datetime) -> int:
    """Remove results that were kept long enough, and all but the newest; how many runs went."""
    removed = 0
    with tenant_scope(tenant_id):
        ended = SimulationRun.objects.exclude(state__in=_AT_WORK).order_by("-asked_at", "-id")
        newest = list(ended.filter(asked_at__gt=now - KEPT).values_list("id", flat=True)[:MOST_KEPT])
        old = list(ended.exclude(id__in=newest).values_list("id", flat=True))
    for run_id in old:
        with tenant_scope(tenant_id):
            SimulatedLead.objects.filter(run_id=run_id).delete()
            removed += SimulationRun.objects.filter(id=run_id).delete()[0]
    return removed
