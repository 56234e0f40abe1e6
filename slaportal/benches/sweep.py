"""How fast the sweep is with everything a breach does, beside bare SQL that writes the same rows.

Three parts, each with figures of its own: throughput beside the floor, kills, lateness. Options (`--set
NAME=VALUE`): size (handoffs a part, 2 due timers each), kills, minutes (of the lateness run), armed
(timers in it), part (only one).
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import IO, Any
from uuid import UUID

from django.db import connection, connections

from sla.selectors import tenants_with_due_timers
from slaportal.benches.crowd import Company, counts, make_company, seed
from slaportal.benches.database import Scratch, scale, scratch_database
from slaportal.benches.engines import PROJECT, engines, settle
from tenants.clock import database_clock
from tenants.context import tenant_scope

WORKERS = 2
COMPANIES = 8


def run(
    *,
    size: int | None = None,
    kills: int = 50,
    kill_size: int | None = None,
    minutes: float = 1.0,
    armed: int | None = None,
    per_second: int = 50,
    part: str = "all",
) -> dict[str, Any]:
    """All parts, or the one named: "rate", "kills" or "lateness"."""
    report: dict[str, Any] = {"figures": {}, "floor": {}, "ratios": {}}
    with scratch_database() as scratch:
        if part in ("all", "rate"):
            _rate(report, scratch, size or round(10_000 * scale()))
        if part in ("all", "kills"):
            _kills(report, scratch, kill_size or round(10_000 * scale()), kills)
        if part in ("all", "lateness"):
            _lateness(report, scratch, armed or round(1_000_000 * scale()), minutes, per_second)
    return report


# --- Throughput and floor ---


def _rate(report: dict[str, Any], scratch: Scratch, size: int) -> None:
    swept = _companies("rate", COMPANIES, size)
    settle()
    ids = [company.tenant_id for company in swept]
    before = counts(ids)
    with _sweepers(scratch) as process:
        _go(process)
        seconds = _until_nothing_is_due()
        workers = _pids(process)
        work = _cpu_seconds([*workers, *_backends(besides=_own_backend())])
    after = counts(ids)
    floored = _companies("floor", COMPANIES, size)
    settle()
    floor_seconds, floor_work = _floor(floored)
    written = _written(before, after)
    floor_written = _written(before, counts([company.tenant_id for company in floored]))
    if written != floor_written:
        raise AssertionError(f"The floor wrote other rows than the sweep: {floor_written}, not {written}.")
    due = before["due"]
    report["figures"] |= {
        "due timers": due,
        "rows inserted": sum(written.values()),
        "sweep seconds": round(seconds, 2),
        "timers swept a second": round(due / seconds),
        "leads reassigned a second": round(written["assignments"] / seconds),
        "rows inserted a second": round(sum(written.values()) / seconds),
    }
    report["floor"] |= {
        "bare SQL seconds": round(floor_seconds, 2),
        "bare SQL timers a second": round(due / floor_seconds),
    }
    report["ratios"]["sweep to floor"] = round(floor_seconds / seconds, 3)
    if work and floor_work:
        # On a machine that does other things as well, the clock on the wall measures those too.
        report["figures"]["sweep CPU microseconds a timer"] = round(work / due * 1e6)
        report["figures"]["timers a second that two idle cores would do"] = round(2 * due / work)
        report["floor"]["bare SQL CPU microseconds a timer"] = round(floor_work / due * 1e6)
        report["ratios"]["sweep to floor, by CPU"] = round(floor_work / work, 3)


def _written(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    return {name: after[name] - before[name] for name in after if name != "due"}


def _companies(name: str, number: int, size: int, **options: Any) -> list[Company]:
    now = database_clock()
    made = [make_company(f"{name}{each}", reps=20, now=now) for each in range(number)]
    for company in made:
        seed(company, size=size // number, started=now - timedelta(minutes=6), **options)
    return made


def _until_nothing_is_due() -> float:
    started = time.perf_counter()
    while tenants_with_due_timers(database_clock()):
        time.sleep(0.1)
    return time.perf_counter() - started


# The rows of one breach with its move, each statement for a whole batch: what any implementation must write.
_FLOOR = """
select id from leads_handoff where tenant_id = %(tenant)s and id = any(%(ids)s::uuid[]) for no key
    update;
update sla_timer set state = 'breached', breached_at = due_at, next_step = 3, next_at = null, attempts =
    0, closed_at = %(now)s, business_seconds = 300, wall_seconds = 300 where tenant_id = %(tenant)s and
    handoff_id = any(%(ids)s::uuid[]) and target = 'first_touch';
insert into sla_timerevent (id, tenant_id, timer_id, handoff_id, generation, step, percent, actions,
    due_at, fired_at, lateness_ms) select gen_random_uuid(), tenant_id, id, handoff_id, generation, 2,
    100, case clock when 'owner' then '["tell_manager", "reassign"]' else '[]' end::jsonb, due_at,
    %(now)s, 60000 from sla_timer where tenant_id = %(tenant)s and handoff_id = any(%(ids)s::uuid[]) and
    target = 'first_touch';
update sla_timer set state = 'cancelled', closed_at = %(now)s, close_reason = 'moved', next_at = null,
    business_seconds = 300, wall_seconds = 300 where tenant_id = %(tenant)s and handoff_id =
    any(%(ids)s::uuid[]) and target = 'decision' and clock = 'owner';
select id from routing_pool where tenant_id = %(tenant)s for update;
update routing_repload set open_leads = open_leads + 1, last_assigned_at = %(now)s where tenant_id =
    %(tenant)s;
insert into routing_decision (id, tenant_id, handoff_id, at, trigger, rule_set_version_id, pool_id,
    rule, member_id, outcome, reason, trace) select gen_random_uuid(), h.tenant_id, h.id, %(now)s,
    'breach', (select id from routing_rulesetversion where tenant_id = %(tenant)s), (select id from
    routing_pool where tenant_id = %(tenant)s), 'Everyone', %(next)s, 'assigned',
    'weighted_round_robin', %(trace)s::jsonb from leads_handoff h where h.tenant_id = %(tenant)s and
    h.id = any(%(ids)s::uuid[]);
update leads_assignment set ended_at = %(now)s, end_reason = 'breach' where tenant_id = %(tenant)s and
    handoff_id = any(%(ids)s::uuid[]) and ended_at is null;
insert into leads_assignment (id, tenant_id, handoff_id, member_id, hop, started_at, end_reason,
    decision_id, reason) select gen_random_uuid(), tenant_id, handoff_id, %(next)s, 1, %(now)s, '', id,
    'It was your turn in Inbound (rule: Everyone). Its last owner did not answer in time.' from
    routing_decision where tenant_id = %(tenant)s and handoff_id = any(%(ids)s::uuid[]);
update leads_handoff set owner_id = %(next)s, owned_since = %(now)s, hops = 1 where tenant_id =
    %(tenant)s and id = any(%(ids)s::uuid[]);
update leads_lead l set owner_id = %(next)s, updated_at = %(now)s from leads_handoff h where l.tenant_id
    = %(tenant)s and h.tenant_id = %(tenant)s and h.id = any(%(ids)s::uuid[]) and l.id = h.lead_id;
insert into sla_timer (id, tenant_id, handoff_id, assignment_id, member_id, target, clock,
    policy_version_id, tier, calendar_version_id, generation, state, started_at, duration_seconds,
    warn_at, due_at, next_step, next_at, close_reason, attempts, last_error) select gen_random_uuid(),
    t.tenant_id, t.handoff_id, a.id, a.member_id, t.target, 'owner', t.policy_version_id, t.tier,
    t.calendar_version_id, 1, 'running', %(now)s, t.duration_seconds, %(now)s + interval '4 minutes',
    %(now)s + interval '5 minutes', 0, %(now)s + interval '150 seconds', '', 0, '' from sla_timer t join
    leads_assignment a on a.tenant_id = t.tenant_id and a.handoff_id = t.handoff_id and a.ended_at is
    null where t.tenant_id = %(tenant)s and t.handoff_id = any(%(ids)s::uuid[]) and t.clock = 'owner';
insert into notifications_outboxmessage (id, tenant_id, event_id, kind, channel, member_id, endpoint_id,
    subject, priority, data, state, created_at, not_before, closed_at, delivery_id) select
    gen_random_uuid(), h.tenant_id, h.id, told.kind, way.channel, h.owner_id, null, 'handoff:' || h.id, 20,
    %(data)s::jsonb, 'pending', %(now)s, %(now)s, null, null from leads_handoff h cross join
    unnest(array['timer.breached', 'lead.assigned', 'lead.moved']) as told(kind) cross join
    unnest(array['email', 'inapp']) as way(channel) where h.tenant_id = %(tenant)s and h.id =
    any(%(ids)s::uuid[]);
insert into leads_dirtyhandoff (id, tenant_id, handoff_id, at) select gen_random_uuid(), tenant_id, id,
    %(now)s from leads_handoff cross join generate_series(1, 2) where tenant_id = %(tenant)s and id =
    any(%(ids)s::uuid[])
"""
_BATCH = 250  # handoffs, two due timers each: a turn of the sweep


def _floor(companies: Sequence[Company]) -> tuple[float, float]:
    """Seconds, and seconds of CPU, that the same rows take as bare SQL, by as many connections as workers."""
    trace, data = _sample()
    shares = [companies[number::WORKERS] for number in range(WORKERS)]

    def work(share: Sequence[Company]) -> float:
        try:
            for company in share:
                _floor_company(company, trace, data)
            return _cpu_seconds([_own_backend()])
        finally:
            connections.close_all()

    started = time.perf_counter()
    before = time.process_time()
    with ThreadPoolExecutor(WORKERS) as pool:
        of_backends = list(pool.map(work, shares))
    own = time.process_time() - before
    return time.perf_counter() - started, (sum(of_backends) + own if all(of_backends) else 0.0)


def _own_backend() -> int:
    with connection.cursor() as cursor:
        cursor.execute("select pg_backend_pid()")
        return int(cursor.fetchone()[0])


def _backends(*, besides: int) -> list[int]:
    """Server processes that work in this database for the app role."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select pid from pg_stat_activity where datname = current_database() and usename = current_user"
            " and pid <> %s",
            [besides],
        )
        return [int(row[0]) for row in cursor.fetchall()]


def _cpu_seconds(pids: Sequence[int]) -> float:
    """CPU that these processes have used since they began; 0 where the server is on another machine."""
    ticks = 0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return 0.0
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _floor_company(company: Company, trace: str, data: str) -> None:
    with tenant_scope(company.tenant_id), connection.cursor() as cursor:
        cursor.execute("select id from leads_handoff where tenant_id = %s order by id", [company.tenant_id])
        ids = [str(row[0]) for row in cursor.fetchall()]
    for number, first in enumerate(range(0, len(ids), _BATCH)):
        parameters: dict[str, Any] = {
            "tenant": company.tenant_id,
            "ids": ids[first : first + _BATCH],
            "now": database_clock(),
            "next": company.rep_ids[number % len(company.rep_ids)],
            "trace": trace,
            "data": data,
        }
        with tenant_scope(company.tenant_id), connection.cursor() as cursor:
            for statement in _FLOOR.split(";"):
                cursor.execute(statement, parameters)


def _sample() -> tuple[str, str]:
    """A decision's trace and a message's data as the sweep has just written them."""
    with connection.cursor() as cursor:
        cursor.execute("select tenant_id from resolve_active_tenants() where slug = 'rate0'")
        tenant_id = cursor.fetchone()[0]
    with tenant_scope(tenant_id), connection.cursor() as cursor:
        cursor.execute("select trace::text from routing_decision limit 1")
        trace = cursor.fetchone()[0]
        cursor.execute("select data::text from notifications_outboxmessage limit 1")
        return trace, cursor.fetchone()[0]


# --- Kills ---


def _kills(report: dict[str, Any], scratch: Scratch, size: int, kills: int) -> None:
    companies = _companies("kills", COMPANIES, size)
    settle()
    ids = [company.tenant_id for company in companies]
    before = counts(ids)
    chance = random.Random(50)
    killed, alive = 0, []
    started = time.perf_counter()
    with _sweepers(scratch) as process:
        _go(process)
        while (left := _due()) > 0:
            alive += _pids(process)
            if alive and killed < kills and left < before["due"] * (1 - killed / (kills + 1)):
                time.sleep(chance.uniform(0, 0.1))
                os.kill(alive.pop(chance.randrange(len(alive))), signal.SIGKILL)
                killed += 1
            else:
                time.sleep(0.05)
    seconds = time.perf_counter() - started
    after = counts(ids)
    moved = after["assignments"] - before["assignments"]
    report["figures"] |= {
        "kills": killed,
        "kills: due timers": before["due"],
        "kills: lost": before["due"] - after["events"],
        "kills: doubled": _doubled(ids),
        "kills: messages missing": 6 * moved - after["messages"],
        "kills: timers swept a second": round(before["due"] / seconds),
    }


def _due() -> int:
    with connection.cursor() as cursor:
        cursor.execute("select due from engine_metrics(clock_timestamp())")
        return int(cursor.fetchone()[0])


def _doubled(tenant_ids: Sequence[UUID]) -> int:
    total = 0
    for tenant_id in tenant_ids:
        with tenant_scope(tenant_id), connection.cursor() as cursor:
            cursor.execute(
                "select count(*) - count(distinct (timer_id, generation, step)) from sla_timerevent"
            )
            total += cursor.fetchone()[0]
    return total


# --- Lateness ---


def _lateness(report: dict[str, Any], scratch: Scratch, armed: int, minutes: float, per_second: int) -> None:
    """A million timers wait, some fall due each second, and two engines tick every five seconds."""
    now = database_clock()
    crowd = make_company("crowd", reps=20, now=now)
    seed(crowd, size=armed // 4, started=now, lasts=timedelta(days=30), step=0)
    due_company = make_company("due", reps=20, now=now)
    number = round(per_second * 60 * minutes)
    # Both first-touch clocks of a handoff fall due together, so half as many handoffs begin a second.
    apart = timedelta(seconds=2 / per_second)
    settle()
    with engines(scratch, WORKERS):
        start = database_clock() + timedelta(seconds=5)
        seed(due_company, size=number // 2, started=start - timedelta(minutes=5), apart=apart)
        end = start + apart * (number // 2)
        while database_clock() < end + timedelta(seconds=12):
            time.sleep(0.5)
    with tenant_scope(due_company.tenant_id), connection.cursor() as cursor:
        cursor.execute(
            "select count(*), percentile_cont(0.5) within group (order by lateness_ms),"
            " percentile_cont(0.99) within group (order by lateness_ms), max(lateness_ms),"
            " count(*) filter (where fired_at < due_at) from sla_timerevent where percent = 100"
        )
        fired, median, late, worst, early = cursor.fetchone()
    with connection.cursor() as cursor:
        cursor.execute("select armed from engine_metrics(clock_timestamp())")
        waiting = cursor.fetchone()[0]
    report["figures"] |= {
        "lateness: armed": waiting,
        "lateness: due a second": per_second,
        "lateness: fired": fired,
        "lateness: p50 seconds": round((median or 0) / 1000, 2),
        "lateness: p99 seconds": round((late or 0) / 1000, 2),
        "lateness: worst seconds": round((worst or 0) / 1000, 2),
        "lateness: fired too early": early,
    }


# --- Processes ---


@contextmanager
def _sweepers(scratch: Scratch) -> Iterator[subprocess.Popen[str]]:
    """Processes that sweep, once they are told to go."""
    command = [sys.executable, "-m", "slaportal.benches.sweepers", "--processes", str(WORKERS), "--wait"]
    process = subprocess.Popen(
        command,
        cwd=PROJECT,
        env=scratch.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    )
    try:
        yield process
    finally:
        _pipe(process.stdin).close()
        process.wait(timeout=60)


def _go(process: subprocess.Popen[str]) -> None:
    """Let them begin, once they have loaded."""
    _pipe(process.stdout).readline()
    _pipe(process.stdin).write("go\n")


def _pids(process: subprocess.Popen[str]) -> list[int]:
    """Process ids that the sweepers have announced since the last call."""
    output = _pipe(process.stdout)
    os.set_blocking(output.fileno(), False)
    return [int(line.split()[1]) for line in output]


def _pipe(stream: IO[str] | None) -> IO[str]:
    if stream is None:
        raise AssertionError("The process was started with pipes.")
    return stream
