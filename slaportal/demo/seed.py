"""Fills an empty database with the two organisations and their past, one process an organisation."""

from __future__ import annotations

import gc
import logging
import multiprocessing
import os
import queue
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from django.contrib.auth.hashers import make_password
from django.db import connection, connections

from handoff.provision import provision_tenant
from leads.models import Account
from reporting.agreement import services as agreements
from reporting.agreement.gather import present_terms
from reporting.facts import drain_tenant
from reporting.reviews.services import open_reviews
from sla.selectors import active_tenants
from slaportal.demo import costs, state
from slaportal.demo.history import DAYS, History, Progress
from slaportal.demo.world import PASSWORD, World, worlds
from tenants.auth import SCOPES
from tenants.clock import database_clock
from tenants.context import tenant_scope
from tenants.models import Member, Role, Tenant, User
from tenants.services import create_api_key

logger = logging.getLogger(__name__)

# Companies that the organisations know already; leads of theirs do not qualify.
CUSTOMERS = ("Alder Foods", "Cedar Systems", "Kestrel Health", "Ridge Energy", "Quarry Works", "Teal Retail")
UNREAD = 3  # people who have not confirmed that they have read the agreement
COMPETITORS = ("Summit Analytics", "Nova Systems")


class SeedError(RuntimeError):
    """The demo cannot be filled; the message is one sentence that says what to do."""


@dataclass(frozen=True, slots=True)
class Report:
    """What one organisation's process says: how far it is; `done` at the end, `error` if it failed."""

    slug: str
    progress: Progress
    done: bool = False
    error: str = ""
    seconds: float = 0.0


def seed(
    data_dir: Path,
    *,
    leads: int,
    seed: int,
    days: int = DAYS,
    drill: bool = False,
    told: Callable[[Report], None] = lambda report: None,
) -> bool:
    """Fill the database unless it was filled before; True if it was filled now.

    leads: of both organisations together. drill: with the tier that `check` breaks.
    Raises SeedError where it holds something else, or half a seeding.
    """
    if state.read(data_dir) is not None and active_tenants():
        return False
    if active_tenants():
        raise SeedError(
            "This database holds organisations that the demo did not finish making: give it an empty one."
        )
    (data_dir / state.SEEDING).touch()
    start = _midnight(database_clock() - timedelta(days=days))
    made = [(world, _provision(world, now=start - timedelta(hours=1))) for world in worlds(drill=drill)]
    User.objects.update(password=make_password(PASSWORD))
    _live_side_by_side(made, start=start, leads=leads, seed=seed, days=days, told=told)
    state.write(data_dir, _summary(made))
    (data_dir / state.SEEDING).unlink(missing_ok=True)
    return True


def _midnight(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _provision(world: World, *, now: datetime) -> Tenant:
    tenant = provision_tenant(world.plan, now=now)
    with tenant_scope(tenant.id):
        for name in CUSTOMERS + COMPETITORS:
            domain = name.lower().replace(" ", "-") + ".example"
            Account.objects.create(
                name=name,
                domain=domain,
                is_customer=name in CUSTOMERS,
                is_competitor=name in COMPETITORS,
                created_at=now,
            )
        _sign(tenant, now + timedelta(hours=11))  # in the morning
    return tenant


def _sign(tenant: Tenant, now: datetime) -> None:
    """Let both sides sign what is configured, and all but a few confirm that they have read it."""
    agreement = None
    for side, role in (("marketing", Role.MARKETING), ("sales", Role.MANAGER)):
        member = Member.objects.filter(role=role, is_active=True).order_by("created_at", "id").first()
        if member is None:
            return
        seen = present_terms(tenant, now).terms
        agreement = agreements.sign(tenant=tenant, member=member, side=side, seen=seen, now=now)
    if agreement is None or agreement.in_force_at is None:
        return
    people = list(Member.objects.filter(is_active=True).order_by("id"))
    for member in people[:-UNREAD]:
        agreements.confirm_read(member=member, agreement_id=agreement.id, now=now)


def _live_side_by_side(
    made: list[tuple[World, Tenant]],
    *,
    start: datetime,
    leads: int,
    seed: int,
    days: int,
    told: Callable[[Report], None],
) -> None:
    connections.close_all()  # a forked child must not share a connection
    context = multiprocessing.get_context("fork")
    reports: multiprocessing.Queue[Report] = context.Queue()
    children = [
        context.Process(
            target=_live,
            args=(tenant.id, world, start, round(leads * world.share), seed, days, reports),
            daemon=True,
        )
        for world, tenant in made
    ]
    for child in children:
        child.start()
    running = len(children)
    try:
        while running:
            with suppress(queue.Empty):
                report = reports.get(timeout=1)
                told(report)
                if report.error:
                    raise SeedError(f"The past of {report.slug} could not be made: {report.error}")
                running -= report.done
                continue
            if any(child.exitcode not in (None, 0) for child in children):
                raise SeedError(
                    "A process that makes the past was killed: start again with an empty database."
                )
    finally:
        for child in children:
            if child.is_alive() and running:
                child.terminate()
            child.join()


def _live(
    tenant_id: UUID, world: World, start: datetime, leads: int, seed: int, days: int, reports: Any
) -> None:
    """The child process: one organisation's past, then its reports."""
    slug = world.plan.slug
    progress = Progress()
    began = time.monotonic()
    parent = os.getppid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent ends us
    try:
        # What exists now stays: looking through it again and again would take a tenth of the time.
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)
        with connection.cursor() as cursor:
            cursor.execute("set synchronous_commit = off")
        with tenant_scope(tenant_id):
            tenant = Tenant.objects.get(id=tenant_id)
        history = History(tenant, world, seed=seed, start=start, until=_wall_clock, leads=leads, days=days)
        said = 0.0
        for progress in history.live():
            if os.getppid() != parent:
                return  # nobody is left to wait for it
            if time.monotonic() - said > 0.25:
                said = time.monotonic()
                reports.put(Report(slug, progress))
        while drain_tenant(tenant_id):
            pass
        with tenant_scope(tenant_id):
            costs.keep_accounts(tenant=tenant, start=start, now=_wall_clock(), seed=seed)
            open_reviews(tenant=tenant, now=_wall_clock())
        reports.put(Report(slug, progress, done=True, seconds=time.monotonic() - began))
    except Exception as error:
        # Without a parent the database was stopped under us: there is nobody to tell, and nothing to mend.
        if os.getppid() == parent:
            logger.exception("The past of an organisation could not be made.", extra={"tenant": slug})
            reports.put(Report(slug, progress, error=f"{type(error).__name__}: {error}"))
    finally:
        connections.close_all()


def _wall_clock() -> datetime:
    # Asked after every step; the server runs on this machine, so its clock is this one.
    return datetime.now(UTC)


def _summary(made: list[tuple[World, Tenant]]) -> dict[str, Any]:
    """What the login page, the traffic and the reader need to know."""
    logins: list[dict[str, str]] = []
    tenants: list[dict[str, str]] = []
    for world, tenant in made:
        with tenant_scope(tenant.id):
            _, key = create_api_key(
                tenant=tenant, name="Website and CRM", scopes=sorted(SCOPES), now=database_clock()
            )
            for role, email in world.logins:
                name = Member.objects.get(email=email).name
                logins.append({"email": email, "name": name, "role": role, "organisation": tenant.name})
        tenants.append({"id": str(tenant.id), "slug": tenant.slug, "name": tenant.name, "key": key})
    return {"password": PASSWORD, "logins": logins, "tenants": tenants}
