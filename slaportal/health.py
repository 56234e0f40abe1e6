"""Is the engine keeping its promises? For alarms (/healthz/engine) and for Prometheus (/metrics).

Here and not in web: it asks the engine's tables, which stand above web.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from time import monotonic
from typing import Any, Final

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeHistogramMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from reporting.watch import PATIENCE as FACTS_PATIENCE
from reporting.watch import oldest_wait
from sla.auditor import PATIENCE, patience_with
from sla.models import EngineCycle
from tenants.clock import database_clock

#: Upper edges of the lateness histogram, in seconds: the sweep's interval, and what alarms are set to.
LATENESS_EDGES: Final = (1.0, 2.0, 5.0, 8.0, 10.0, 15.0, 30.0, 60.0, 300.0, 3600.0)
#: What the histogram counts: long enough to hold something, short enough to read at each scrape.
LATENESS_OF: Final = timedelta(minutes=5)
STARTED: float = monotonic()  # when this process began, by its own steady clock


@dataclass(frozen=True, slots=True)
class Engine:
    """What the engine's tables say at one moment. Ages and lateness in seconds; None where nothing is
    there."""

    ages: dict[str, float | None]  # per tick named in settings, since its last finished turn
    handled: dict[str, int]
    worst_lateness: float
    armed: int
    due: int
    latest: float  # how long the oldest due timer has waited
    failed: int
    findings: int
    outbox_pending: int
    outbox_oldest: float
    outbox_dead: int
    facts_wait: float  # how long the oldest change has waited for the reports
    up_seconds: float  # since the process that answers began

    def _silent(self) -> Iterator[tuple[str, float, str]]:
        """(tick, its pause, a sentence) of each tick without a pulse that is young enough."""
        for tick, pause in settings.ENGINE_TICKS:
            age = self.ages.get(tick)
            if age is None:
                # Beat waits a pause before a tick's first turn: an hourly one says nothing of a young engine.
                if pause <= PATIENCE.total_seconds():
                    yield tick, pause, f"{tick} has never run."
            elif age > patience_with(pause).total_seconds():
                yield tick, pause, f"{tick} ran last {age:.0f} s ago, and should every {pause:g} s."

    def _may_still_start(self, pause: float) -> bool:
        """Everything starts together: a tick has as long for its first pulse as between two of them."""
        return self.up_seconds < patience_with(pause).total_seconds()

    @property
    def waiting(self) -> list[str]:
        """Ticks whose first pulse after a start is awaited. A slow one does not make the engine a starting
        one: its pulse may be an hour away."""
        longest = PATIENCE.total_seconds()
        return [
            tick for tick, pause, _ in self._silent() if pause <= longest and self._may_still_start(pause)
        ]

    @property
    def status(self) -> str:
        """ "unwell", "starting" or "ok"."""
        if self.troubles:
            return "unwell"
        return "starting" if self.waiting else "ok"

    @property
    def troubles(self) -> list[str]:
        """What is wrong, one sentence each; empty when all is well."""
        found = [text for _, pause, text in self._silent() if not self._may_still_start(pause)]
        if self.latest > PATIENCE.total_seconds():
            found.append(f"A timer has been due for {self.latest:.0f} s.")
        if self.facts_wait > FACTS_PATIENCE.total_seconds():
            found.append(f"Reports are behind: a change has waited for {self.facts_wait:.0f} s.")
        if self.failed:
            found.append(f"{self.failed} timers failed and wait for a person.")
        if self.findings:
            found.append(f"The auditor has {self.findings} open findings.")
        return found


def _seconds(since: datetime | None, now: datetime) -> float:
    return max(0.0, (now - since).total_seconds()) if since else 0.0


def read_engine() -> Engine:
    """Ask the engine's tables; five statements."""
    now = database_clock()
    cycles = {cycle.tick: cycle for cycle in EngineCycle.objects.all()}
    with connection.cursor() as cursor:
        cursor.execute("select armed, due, oldest_due, failed, findings from engine_metrics(%s)", [now])
        armed, due, oldest_due, failed, findings = cursor.fetchone()
        cursor.execute("select pending, oldest, dead from outbox_metrics(%s)", [now])
        pending, oldest, dead = cursor.fetchone()
    ticks = [tick for tick, _ in settings.ENGINE_TICKS]
    return Engine(
        ages={tick: _seconds(cycles[tick].finished_at, now) if tick in cycles else None for tick in ticks},
        handled={tick: cycles[tick].handled for tick in ticks if tick in cycles},
        worst_lateness=max((cycle.worst_lateness_ms for cycle in cycles.values()), default=0) / 1000,
        armed=armed,
        due=due,
        latest=_seconds(oldest_due, now),
        failed=failed,
        findings=findings,
        outbox_pending=pending,
        outbox_oldest=_seconds(oldest, now),
        outbox_dead=dead,
        facts_wait=oldest_wait(now=now).total_seconds(),
        up_seconds=monotonic() - STARTED,
    )


@require_safe
def healthz_engine(request: HttpRequest) -> JsonResponse:
    """GET /healthz/engine: 200 when every tick turns, no timer is late and the auditor found nothing, also
    while the first pulses after a start are awaited ("starting"); else 503."""
    try:
        engine = read_engine()
    except DatabaseError:
        return JsonResponse({"status": "down", "troubles": ["The database does not answer."]}, status=503)
    troubles = engine.troubles
    return JsonResponse(
        {
            "status": engine.status,
            "troubles": troubles,
            "waiting": engine.waiting,
            "ticks": {tick: {"age_seconds": age} for tick, age in engine.ages.items()},
            "timers": {
                "armed": engine.armed,
                "due": engine.due,
                "latest_seconds": engine.latest,
                "failed": engine.failed,
            },
            "findings": engine.findings,
            "reports": {"oldest_seconds": engine.facts_wait},
            "outbox": {
                "pending": engine.outbox_pending,
                "oldest_seconds": engine.outbox_oldest,
                "dead": engine.outbox_dead,
            },
        },
        status=503 if troubles else 200,
    )


class EngineCollector(Collector):
    """The same as Prometheus reads it. Asked at the scrape, so that it does not matter which process
    answers."""

    def collect(self) -> Iterator[Metric]:
        engine = read_engine()
        yield _gauge("slaportal_engine_healthy", "1 when /healthz/engine is 200.", not engine.troubles)
        age = GaugeMetricFamily(
            "slaportal_tick_age_seconds", "Since a tick's last finished turn.", labels=["tick"]
        )
        for tick, seconds in engine.ages.items():
            if seconds is not None:
                age.add_metric([tick], seconds)
        yield age
        handled = GaugeMetricFamily(
            "slaportal_tick_handled", "Rows a tick handled in its last turn.", labels=["tick"]
        )
        for tick, rows in engine.handled.items():
            handled.add_metric([tick], rows)
        yield handled
        yield _gauge("slaportal_timers_armed", "Timers that the sweep will look at.", engine.armed)
        yield _gauge("slaportal_timers_due", "Timers that are due now.", engine.due)
        yield _gauge("slaportal_timer_latest_seconds", "How long the oldest due one waited.", engine.latest)
        yield _gauge(
            "slaportal_timer_worst_lateness_seconds", "Worst lateness of a turn.", engine.worst_lateness
        )
        yield _gauge("slaportal_timers_failed", "Timers that wait for a person.", engine.failed)
        yield _gauge("slaportal_findings_open", "Open findings of the auditor.", engine.findings)
        yield _gauge(
            "slaportal_reports_oldest_seconds", "How long the oldest change waited.", engine.facts_wait
        )
        yield _gauge("slaportal_outbox_pending", "Messages that are due now.", engine.outbox_pending)
        yield _gauge("slaportal_outbox_oldest_seconds", "How long the oldest waited.", engine.outbox_oldest)
        yield _gauge("slaportal_outbox_dead", "Deliveries that were given up.", engine.outbox_dead)
        now = database_clock()
        yield _lateness(now)
        yield from _by_tenant(now)


def _lateness(now: datetime) -> Metric:
    """How late the steps of the last minutes fired. A snapshot and no counter: what was fired is rows, which
    any process can count, and no process has counted them all.
    """
    buckets, seconds = [0] * (len(LATENESS_EDGES) + 1), 0.0
    with connection.cursor() as cursor:
        cursor.execute(
            "select bucket, firings, seconds from lateness_metrics(%s, %s)",
            [now - LATENESS_OF, list(LATENESS_EDGES)],
        )
        for bucket, firings, late in cursor.fetchall():
            buckets[bucket] += firings
            seconds += late
    edges = [*(str(edge) for edge in LATENESS_EDGES), "+Inf"]
    return GaugeHistogramMetricFamily(
        "slaportal_firing_lateness_seconds",
        f"How late the steps of the last {LATENESS_OF.total_seconds():.0f} s fired.",
        buckets=list(zip(edges, accumulate(buckets), strict=True)),
        gsum_value=seconds,
    )


_OF_TENANTS: Final = {
    "armed": "Timers of an organisation that the sweep will look at.",
    "due": "Timers of an organisation that are due now.",
    "failed": "Timers of an organisation that wait for a person.",
    "findings": "Open findings of the auditor, by organisation.",
}


def _by_tenant(now: datetime) -> Iterator[Metric]:
    with connection.cursor() as cursor:
        cursor.execute("select slug, armed, due, failed, findings from engine_metrics_by_tenant(%s)", [now])
        rows = cursor.fetchall()
    for place, (name, help_text) in enumerate(_OF_TENANTS.items(), start=1):
        gauge = GaugeMetricFamily(f"slaportal_tenant_{name}", help_text, labels=["tenant"])
        for row in rows:
            gauge.add_metric([row[0]], row[place])
        yield gauge


def _gauge(name: str, help_text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, help_text, value=float(value))


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """GET /metrics in Prometheus' text form: by `Authorization: Bearer METRICS_TOKEN`, or from this machine
    alone."""
    if not _may_scrape(request):
        return HttpResponse("Not found\n", status=404, content_type="text/plain")
    registry = CollectorRegistry()
    registry.register(EngineCollector())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _may_scrape(request: HttpRequest) -> bool:
    if settings.METRICS_TOKEN:
        given: Any = request.headers.get("Authorization", "").removeprefix("Bearer ")
        return hmac.compare_digest(given.encode(), settings.METRICS_TOKEN.encode())
    # A proxy on this machine forwards strangers: with one in front, only the token opens.
    return not settings.BEHIND_PROXY and request.META.get("REMOTE_ADDR") in ("127.0.0.1", "::1")
