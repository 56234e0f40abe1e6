"""Proof that the running demo works, by nothing that a user could not do: two leads through the API, real
sweeps, one answer through the page of the rep who owns it. Nothing is back-dated and no service is called;
the tables are only read, to see whether what happened was recorded.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes, policy
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import requests
from rich.console import Console

from leads.models import Assignment, Handoff, StageChange
from notifications.models import Notice, OutboxMessage
from routing.models import Decision
from sla.models import Timer, TimerEvent
from slaportal.demo import state
from slaportal.demo.world import DRILL_KIND, DRILL_SECONDS, LIVE_KIND
from tenants.context import tenant_scope

SWEEP_SLACK: Final = 20.0  # seconds that a sweep may come after its due time on a busy machine
TOLD_SECONDS: Final = 90.0  # a person gets one mail a minute: the second one waits


class CheckFailed(Exception):
    """Something did not happen; the message says what."""


@dataclass(slots=True)
class Journal:
    """Prints what happened, with seconds since the check began, and remembers what failed."""

    console: Console = field(default_factory=lambda: Console(highlight=False, soft_wrap=True))
    began: float = field(default_factory=time.monotonic)
    failures: list[str] = field(default_factory=list)

    def happened(self, what: str) -> None:
        self.console.print(f"  {time.monotonic() - self.began:6.1f} s  {what}", markup=False)

    def verify(self, holds: bool, what: str) -> None:
        """Note one fact that must hold."""
        self.console.print(f"     {'ok' if holds else 'FAILED':>6}  {what}", markup=False)
        if not holds:
            self.failures.append(what)


@dataclass(frozen=True, slots=True)
class Portal:
    """The running demo from outside: its address, one organisation's key, everybody's password."""

    url: str
    key: str
    tenant_id: UUID
    password: str

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """One API call; raises CheckFailed unless it is a 2xx."""
        headers = {"Authorization": f"Bearer {self.key}", "Idempotency-Key": secrets.token_hex(12)}
        answer = requests.request(method, f"{self.url}/api/v1/{path}", json=body, headers=headers, timeout=20)
        if not answer.ok:
            raise CheckFailed(f"{method} {path} answered {answer.status_code}: {answer.text[:300]}")
        found: dict[str, Any] = answer.json()
        return found


def check(summary: dict[str, Any], *, url: str, data_dir: Path) -> bool:
    """Drive both leads, verify every record of it, print it all; True if everything holds."""
    row = summary["tenants"][0]
    portal = Portal(url, row["key"], UUID(row["id"]), summary["password"])
    journal = Journal()
    journal.console.print(f"\nChecking {row['name']} at {url}\n", markup=False)
    mark = secrets.token_hex(3)
    try:
        breached = _breach(portal, journal, mark)
        accepted = _accept(portal, journal, mark)
        with_records = _told(portal, journal, data_dir, breached)
        _verify_records(portal, journal, breached, accepted, with_records)
    except (CheckFailed, requests.RequestException) as error:
        journal.failures.append(str(error))
        journal.console.print(f"\n  FAILED: {error}", markup=False)
    seconds = time.monotonic() - journal.began
    verdict = "Everything holds" if not journal.failures else f"{len(journal.failures)} things failed"
    journal.console.print(f"\n{verdict} ({seconds:.0f} s).\n", markup=False)
    return not journal.failures


def _post(portal: Portal, kind: str, subject: str, name: str) -> dict[str, Any]:
    return portal.call(
        "POST",
        "leads",
        {
            "email": f"{name.lower()}@check-{name.lower()}.example",
            "first_name": "Carla",
            "last_name": name,
            "title": "Head of Operations",
            "phone": "+493090182000",
            "company": {"name": f"{name} Works", "employees": 120, "country": "Germany", "region": "EMEA"},
            "source": "Website",
            "engagements": [{"kind": kind, "subject": subject}],
        },
    )


def _wait(what: str, seconds: float, look: Callable[[], Any]) -> Any:
    """Ask until the answer is truthy; raises CheckFailed when the time is up."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := look():
            return found
        time.sleep(0.3)
    raise CheckFailed(f"Waited {seconds:.0f} s for this in vain: {what}")


# --- The lead that nobody answers ---


@dataclass(frozen=True, slots=True)
class Breached:
    lead_id: UUID
    last_name: str
    first_owner: str
    second_owner: str


def _breach(portal: Portal, journal: Journal, mark: str) -> Breached:
    name = f"Breach{mark}"
    lead = _post(portal, DRILL_KIND, "Drill", name)
    owner = (lead.get("owner") or {}).get("name")
    if not owner:
        raise CheckFailed("The lead of the drill found no owner: was its data made with `demo seed --drill`?")
    journal.happened(f"POST /api/v1/leads: {name} is an MQL, belongs to {owner}, {DRILL_SECONDS} s to answer")
    lead_id = UUID(lead["id"])

    def events(percent: int) -> TimerEvent | None:
        with tenant_scope(portal.tenant_id):
            found: TimerEvent | None = TimerEvent.objects.filter(
                handoff__lead_id=lead_id, timer__clock=Timer.Clock.OWNER, percent=percent
            ).first()
        return found

    for percent, what in ((80, "warning to the manager"), (100, "breach")):
        event = _wait(f"the {what}", DRILL_SECONDS + SWEEP_SLACK, partial(events, percent))
        journal.happened(
            f"{what} at {percent}% of the time, {event.lateness_ms / 1000:.1f} s after it was due"
        )

    def moved() -> str | None:
        now = (portal.call("GET", f"leads/{lead_id}").get("owner") or {}).get("name")
        return now if now and now != owner else None

    second = _wait("the reassignment", SWEEP_SLACK, moved)
    journal.happened(f"GET /api/v1/leads/{{id}}: it belongs to {second} now")
    return Breached(lead_id, name, owner, second)


# --- The lead that is accepted on a page ---


def _accept(portal: Portal, journal: Journal, mark: str) -> UUID:
    name = f"Accept{mark}"
    lead = _post(portal, LIVE_KIND, "Chat on the pricing page", name)
    owner = lead.get("owner") or {}
    if not owner:
        raise CheckFailed("The lead of the chat found no owner.")
    lead_id = UUID(lead["id"])
    journal.happened(f"POST /api/v1/leads: {name} belongs to {owner['name']}")
    session = requests.Session()
    _submit(session, portal, "login", {"email": owner["email"], "password": portal.password}, at="login")
    inbox = session.get(f"{portal.url}/inbox", timeout=20)
    journal.verify(inbox.ok and name in inbox.text, f"{owner['name']} signed in and sees {name} in the inbox")
    page = f"leads/{lead_id}"
    _submit(session, portal, f"{page}/touch", {"kind": "call", "outcome": "Talked"}, at=f"{page}/touch")
    journal.happened(f"{owner['name']} logged a call in the dialog")
    _submit(session, portal, page, {}, at=f"{page}/accept")
    stage = portal.call("GET", f"leads/{lead_id}")["stage"]
    if stage != "sal":
        raise CheckFailed(f"After accepting, the lead's stage is {stage}.")
    journal.happened(f"{owner['name']} accepted it on the lead page: stage {stage}")
    return lead_id


class _Fields(HTMLParser):
    """What the inputs of a page would send if nobody changed them."""

    def __init__(self) -> None:
        super().__init__()
        self.values: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        name = given.get("name")
        if tag == "input" and name and given.get("type") not in ("checkbox", "radio", "submit"):
            self.values.setdefault(name, given.get("value") or "")


def _submit(session: requests.Session, portal: Portal, page: str, form: dict[str, str], *, at: str) -> None:
    """Load a page and send a form of it, as a browser does."""
    shown = session.get(f"{portal.url}/{page}", timeout=20)
    fields = _Fields()
    fields.feed(shown.text)
    if not shown.ok or "csrfmiddlewaretoken" not in fields.values:
        raise CheckFailed(f"GET /{page} answered {shown.status_code}, without a form.")
    answer = session.post(
        f"{portal.url}/{at}",
        data={**fields.values, **form},
        headers={"Referer": f"{portal.url}/{page}"},
        timeout=20,
    )
    if not answer.ok or (at == "login" and answer.url.endswith("/login")):
        raise CheckFailed(f"POST /{at} answered {answer.status_code}.")


# --- Who was told ---


@dataclass(frozen=True, slots=True)
class Told:
    webhooks: list[dict[str, Any]]
    mails: list[str]
    notices: int


def _told(portal: Portal, journal: Journal, data_dir: Path, breached: Breached) -> Told:
    """Wait for the messages about the breach to arrive: webhook, mail file, in-app notice."""

    def webhooks() -> list[dict[str, Any]]:
        lead = str(breached.lead_id)
        return [line for line in state.webhooks(data_dir) if lead in str(line["data"])]

    def wanted() -> list[dict[str, Any]] | None:
        found = webhooks()
        kinds = {line["type"] for line in found}
        return found if {"lead.assigned", "timer.breached", "lead.moved"} <= kinds else None

    hooks: list[dict[str, Any]] = _wait("the webhooks of the breach", TOLD_SECONDS, wanted)
    journal.happened(f"the webhook receiver has {len(hooks)} messages about the lead")

    def mails() -> list[str]:
        return [text for text in _mails(data_dir / "mail") if breached.last_name in text]

    letters: list[str] = _wait("a mail about the lead", TOLD_SECONDS, mails)
    journal.happened(f"{len(letters)} mail files name the lead")

    def notices() -> int:
        with tenant_scope(portal.tenant_id):
            handoff = Handoff.objects.get(lead_id=breached.lead_id)
            return int(Notice.objects.filter(subject=f"handoff:{handoff.id}", kind="timer.breached").count())

    bell = int(_wait("the notice of the breach", TOLD_SECONDS, notices))
    journal.happened(f"{bell} in-app notices of the breach")
    return Told(hooks, letters, bell)


def _mails(folder: Path) -> list[str]:
    """The decoded text of every message in the mail folder (a file may hold several)."""
    found = []
    for path in folder.glob("*.log") if folder.is_dir() else ():
        for raw in re.split(rb"\n-{79}\n", path.read_bytes()):
            if not raw.strip():
                continue
            message = message_from_bytes(raw.lstrip(), policy=policy.default)
            body = message.get_body(("plain",))
            found.append(f"{message['subject']}\n{body.get_content() if body else ''}")
    return found


# --- What is written down ---


def _verify_records(portal: Portal, journal: Journal, breached: Breached, accepted: UUID, told: Told) -> None:
    journal.console.print("\n  What is written down", markup=False)
    journal.verify(all(line["verified"] for line in told.webhooks), "every webhook's signature holds")
    ids = [line["id"] for line in told.webhooks]
    journal.verify(len(ids) == len(set(ids)), "no webhook came twice")
    with tenant_scope(portal.tenant_id):
        _verify_breach(journal, breached)
        _verify_acceptance(journal, accepted)


def _verify_breach(journal: Journal, breached: Breached) -> None:
    handoff = Handoff.objects.get(lead_id=breached.lead_id)
    spans = list(Assignment.objects.filter(handoff=handoff).order_by("hop").select_related("member"))
    journal.verify(
        spans[0].member.name == breached.first_owner and spans[0].end_reason == Assignment.EndReason.BREACH,
        f"the span of {breached.first_owner} ended by breach",
    )
    journal.verify(
        spans[1].member.name == breached.second_owner, f"the next span is {breached.second_owner}'s"
    )
    first = Timer.objects.get(assignment=spans[0], target="first_touch")
    due = (first.due_at - first.started_at).total_seconds()
    journal.verify(
        first.state == Timer.State.BREACHED and first.breached_at == first.due_at and due == DRILL_SECONDS,
        f"the owner's clock broke at its deadline, {due:.0f} s after it began",
    )
    fired = list(TimerEvent.objects.filter(timer=first).order_by("step").values_list("percent", flat=True))
    journal.verify(fired == [50, 80, 100], f"its steps fired once each: {fired}")
    next_clock = Timer.objects.filter(assignment=spans[1], target="first_touch").exists()
    journal.verify(next_clock, f"a clock of {breached.second_owner}'s own was started")
    traces = Decision.objects.filter(handoff=handoff)
    journal.verify(
        traces.filter(trigger="intake").count() == 1 and traces.filter(trigger="breach").exists(),
        "both decisions are kept with their traces",
    )
    rows = OutboxMessage.objects.filter(subject=f"handoff:{handoff.id}")
    told = set(rows.filter(kind="timer.breached").values_list("channel", flat=True))
    journal.verify({"email", "inapp", "webhook"} <= told, f"the breach is in the outbox for {sorted(told)}")


def _verify_acceptance(journal: Journal, lead_id: UUID) -> None:
    handoff = Handoff.objects.get(lead_id=lead_id)
    met = dict(Timer.objects.filter(handoff=handoff, clock="owner").values_list("target", "state"))
    journal.verify(
        met == {"first_touch": "met", "decision": "met"}, "first touch and decision of the other lead are met"
    )
    path = list(
        StageChange.objects.filter(lead_id=lead_id).order_by("at", "id").values_list("new", flat=True)
    )
    journal.verify(path[-2:] == ["mql", "sal"], f"its stages: {' -> '.join(path)}")
    when = handoff.accepted_at or datetime.now(UTC)
    journal.verify(handoff.accepted_at is not None, f"accepted at {when:%H:%M:%S} UTC")
