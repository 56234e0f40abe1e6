"""A fake provider of words, a receiver on the loopback interface, and a short way to send."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID, uuid4

import pytest

from notifications import context
from notifications.context import Context, Row
from notifications.models import Delivery, WebhookEndpoint
from notifications.outbox import Message, enqueue
from notifications.sending import deliver_round
from tenants.clock import fixed_clock
from tests.factories import Org

Send = Callable[[Org, datetime], int]


@dataclass
class FakeWords:
    """Speaks for "lead." and "timer."; `moot` rows are gone, `broken` makes it raise."""

    words: dict[str, str] = field(
        default_factory=lambda: {"lead_name": "Ruth Adeyemi", "lead_and_company": "Ruth Adeyemi (Kestrel)"}
    )
    facts: dict[str, Any] = field(default_factory=dict)
    moot: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)
    calls: int = 0

    def __call__(self, rows: Sequence[Row], now: datetime) -> Mapping[UUID, Context]:
        self.calls += 1
        if self.broken & {row.subject for row in rows}:
            raise RuntimeError("This row is poisoned")
        return {
            row.id: Context({**self.words, "due": row.subject}, self.facts, f"/leads/{row.subject}")
            for row in rows
            if row.subject not in self.moot
        }


@pytest.fixture
def words() -> Iterator[FakeWords]:
    """The words of every message, in place of the lead's facts."""
    fake, before = FakeWords(), dict(context._providers)
    context._providers.clear()
    for prefix in ("lead.", "timer."):
        context.register(prefix, fake)
    yield fake
    context._providers.clear()
    context._providers.update(before)


@pytest.fixture
def send() -> Iterator[Send]:
    """One round of sending for a tenant at a fixed time; returns the number of tries."""
    with ThreadPoolExecutor(4) as pool:
        yield lambda org, now: deliver_round([org.id], clock=fixed_clock(now), pool=pool)


@dataclass(frozen=True)
class Got:
    path: str
    headers: dict[str, str]
    body: bytes


class Receiver:
    """An HTTP server that answers what it is told and remembers what it got."""

    def __init__(self) -> None:
        self.got: list[Got] = []
        self.status = 200
        self.headers: dict[str, str] = {}
        self.drip = threading.Event()  # set by the test when a dripping answer may end
        self.dripping = False
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append(Got(self.path, dict(self.headers.items()), body))
                if receiver.dripping:
                    self._drip()
                    return
                self.send_response(receiver.status)
                for name, value in receiver.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_GET = do_POST

            def _drip(self) -> None:
                """A header that never ends, one byte at a time."""
                try:
                    self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
                    while not receiver.drip.wait(0.05):
                        self.wfile.write(b"x")
                except OSError:
                    return

            def log_message(self, *args: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server.server_port}"

    @property
    def url(self) -> str:
        return f"http://{self.host}/hook"

    def close(self) -> None:
        self.drip.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    """A receiver whose host the operator allows."""
    server = Receiver()
    settings.WEBHOOK_ALLOW = [server.host]
    yield server
    server.close()


def tell(
    org: Org,
    kind: str,
    now: datetime,
    *,
    members: Sequence[UUID] | None = None,
    subject: str = "handoff:1",
    priority: int = 0,
) -> None:
    """One message to the first rep (or `members`), in the tenant's own transaction."""
    told = [org.reps[0].id] if members is None else list(members)
    with org.scope():
        enqueue([Message(kind, uuid4(), subject, told, {"handoff": "1"}, priority)], now=now)


def add_endpoint(org: Org, url: str, now: datetime, **extra: Any) -> WebhookEndpoint:
    with org.scope():
        return WebhookEndpoint.objects.create(url=url, created_at=now, **extra)


def delivery_of(org: Org, channel: str) -> Delivery:
    with org.scope():
        return Delivery.objects.get(channel=channel)
