"""Takes leave over from a person's calendar file: what would be done is worked out and shown, then done.

An event is known by its UID, so the next export changes what the last one brought. What a person entered by
hand is never touched, and what an export no longer has goes only where that was asked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.core import signing
from django.db import transaction

from core.errors import ValidationFailed
from core.ical import Feed, Happening, IcalError, read_bounded
from core.ical.feed import from_json, to_json
from tenants.leave.days import leave_words
from tenants.leave.services import (
    MOST_BACK,
    MOST_LEAVE,
    lock_leave_of,
    rewrite_leave,
    withdraw_leave,
    write_leave,
)
from tenants.leave_listeners import leave_changed
from tenants.models import Leave, Member

#: How long what was shown may be waited with.
TOKEN_AGE: Final = timedelta(hours=2)
_SALT: Final = "tenants.leave.files"


class Act(StrEnum):
    """What becomes of one event, or of one leave that an earlier file brought."""

    ADD = "added"
    CHANGE = "changed"
    REMOVE = "removed"
    SAME = "same"
    SKIP = "skipped"


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a plan. span: [start, end) as it will be. leave: the one that is there. why: in a
    sentence. line: of the event in the file, 0 for none."""

    act: Act
    reason: str
    line: int = 0
    why: str = ""
    key: str = ""
    span: tuple[datetime, datetime] | None = None
    leave: Leave | None = None
    words: str = ""
    before: str = ""


@dataclass(slots=True)
class Plan:
    """What taking over a file does. over, later: events outside the time that counts."""

    steps: list[Step] = field(default_factory=list)
    over: int = 0
    later: int = 0

    def of(self, *acts: Act) -> list[Step]:
        """The steps of these kinds."""
        return [step for step in self.steps if step.act in acts]

    @property
    def counts(self) -> dict[str, int]:
        """How many of each kind."""
        found = Counter(step.act for step in self.steps)
        return {act.value: found[act] for act in Act}

    @property
    def does_something(self) -> bool:
        return bool(self.of(Act.ADD, Act.CHANGE, Act.REMOVE))


def read_leave_file(data: bytes, *, zone: ZoneInfo, now: datetime) -> Feed:
    """What a calendar file says of the time in which leave may be. Raises ValidationFailed at /file."""
    try:
        return read_bounded(data, zone=zone.key, first=now - MOST_BACK, last=now + MOST_LEAVE)
    except IcalError as error:
        raise ValidationFailed.at("/file", str(error), "calendar_file", line=error.line) from error


def plan_of(
    feed: Feed, leave: Iterable[Leave], *, zone: ZoneInfo, now: datetime, remove_missing: bool
) -> Plan:
    """What taking over the feed does to a person's leave. Pure."""
    return _Planning(feed, list(leave), zone, now).plan(remove_missing)


class _Planning:
    """One plan while it is made. taken: the spans that are or will be leave, with what to call each."""

    def __init__(self, feed: Feed, leave: list[Leave], zone: ZoneInfo, now: datetime) -> None:
        self._feed, self._zone, self._now = feed, zone, now
        self._known = {each.uid: each for each in leave if each.uid}
        self._taken: dict[object, tuple[datetime, datetime, str]] = {
            each.id: (each.starts_at, each.ends_at, "leave that is there") for each in leave
        }
        self._plan = Plan(over=feed.over, later=feed.later)

    def plan(self, remove_missing: bool) -> Plan:
        feed, steps = self._feed, self._plan.steps
        self._remove(remove_missing)
        again = [each for each in feed.happenings if each.key in self._known]
        self._change(again)
        for each in feed.happenings:
            if each.key not in self._known:
                steps.append(self._new(each))
        steps += [Step(Act.SKIP, each.summary or each.uid, each.line, each.why) for each in feed.skipped]
        order = list(Act)
        steps.sort(key=lambda step: (order.index(step.act), step.span or (self._now, self._now), step.line))
        return self._plan

    def _remove(self, missing: bool) -> None:
        """What was cancelled, and where it was asked for what is no longer in the file."""
        there = {each.key for each in self._feed.happenings}
        unread = {each.uid for each in self._feed.skipped if each.uid}
        for key, leave in self._known.items():
            if leave.ends_at <= self._now:
                continue
            if self._feed.is_gone(key):
                why = "Cancelled in the file."
            elif missing and key not in there and not unread & {key, key.partition("#")[0]}:
                if leave.starts_at >= self._now + MOST_LEAVE:
                    continue  # beyond what was read
                why = "No longer in the file."
            else:
                continue
            if leave.starts_at < self._now:
                why = f"{why} It has begun, and ends now."
                self._taken[leave.id] = (leave.starts_at, self._now, "leave that is there")
            else:
                del self._taken[leave.id]
            self._plan.steps.append(self._step(Act.REMOVE, leave=leave, why=why, reason=leave.reason))

    def _change(self, again: list[Happening]) -> None:
        """Events that an earlier file brought. One may move to where another was, so those that do not fit
        are tried again after the others."""
        waiting, steps = again, self._plan.steps
        while waiting:
            blocked = []
            for each in waiting:
                step = self._known_one(each)
                if step.act is Act.SKIP and step.key:
                    blocked.append((each, step))
                else:
                    steps.append(step)
            if len(blocked) == len(waiting):
                steps += [step for _, step in blocked]
                return
            waiting = [each for each, _ in blocked]

    def _known_one(self, each: Happening) -> Step:
        """The step for an event whose leave is there; a skip with a key may fit later."""
        leave = self._known[each.key]
        start, end = each.span(self._zone)
        if leave.ends_at <= self._now:
            return Step(Act.SKIP, each.summary, each.line, "Its leave is over, and stays as it was.")
        if leave.starts_at <= self._now:
            start, end = leave.starts_at, max(end, self._now)
        elif end <= self._now:
            del self._taken[leave.id]
            why = "Moved to a time that is over."
            return self._step(Act.REMOVE, leave=leave, why=why, reason=leave.reason, line=each.line)
        if (start, end, each.summary) == (leave.starts_at, leave.ends_at, leave.reason):
            return self._step(Act.SAME, span=(start, end), leave=leave, reason=each.summary, line=each.line)
        why = self._refusal(start, end, leave)
        if why:
            return Step(Act.SKIP, each.summary, each.line, why, key=each.key)
        self._taken[leave.id] = (start, end, f"the event of line {each.line}")
        return self._step(Act.CHANGE, span=(start, end), leave=leave, reason=each.summary, line=each.line)

    def _new(self, each: Happening) -> Step:
        start, end = each.span(self._zone)
        why = "It is over already." if end <= self._now else self._refusal(start, end, None)
        if why:
            return Step(Act.SKIP, each.summary, each.line, why)
        self._taken[each.key] = (start, end, f"the event of line {each.line}")
        return self._step(Act.ADD, span=(start, end), key=each.key, reason=each.summary, line=each.line)

    def _refusal(self, start: datetime, end: datetime, leave: Leave | None) -> str:
        """Why [start, end) cannot be leave; "" where it can."""
        if start < self._now - MOST_BACK and (leave is None or start != leave.starts_at):
            return f"It begins more than {MOST_BACK.days} days ago."
        if end - start > MOST_LEAVE:
            return f"It lasts longer than {MOST_LEAVE.days} days."
        for key, (since, until, what) in self._taken.items():
            if since < end and until > start and (leave is None or key != leave.id):
                return f"It overlaps {what}: {leave_words(since, until, self._zone)}."
        return ""

    def _step(self, act: Act, **parts: Any) -> Step:
        span, leave = parts.get("span"), parts.get("leave")
        before = leave_words(leave.starts_at, leave.ends_at, self._zone) if leave else ""
        words = leave_words(span[0], span[1], self._zone) if span else before
        return Step(act, words=words, before=before, **parts)


def preview(feed: Feed, *, member: Member, zone: ZoneInfo, now: datetime, remove_missing: bool) -> Plan:
    """What taking over the feed would do; nothing is written."""
    found = Leave.objects.filter(member=member).order_by("starts_at")
    return plan_of(feed, found, zone=zone, now=now, remove_missing=remove_missing)


@transaction.atomic
def take_over(
    feed: Feed, *, member: Member, zone: ZoneInfo, now: datetime, remove_missing: bool, actor: str
) -> Plan:
    """Do what `preview` shows, by the leave as it is now; each change has its audit entry."""
    lock_leave_of(member)
    plan = preview(feed, member=member, zone=zone, now=now, remove_missing=remove_missing)
    for step in plan.of(Act.REMOVE):
        if step.leave is not None:
            withdraw_leave(step.leave, actor=actor, now=now)
    for step in plan.of(Act.CHANGE, Act.ADD):
        if step.span is None:
            continue
        start, end = step.span
        if step.leave is not None:
            rewrite_leave(step.leave, starts_at=start, ends_at=end, reason=step.reason, actor=actor, now=now)
            continue
        made = Leave(
            member=member,
            starts_at=start,
            ends_at=end,
            reason=step.reason,
            uid=step.key,
            source=Leave.Source.FILE,
        )
        write_leave(made, actor=actor, now=now)
    if plan.does_something:
        leave_changed(
            member.id, now=now
        )  # once: thousands of events would plan each clock thousands of times
    return plan


def seal(feed: Feed, *, member: Member, remove_missing: bool) -> str:
    """The feed as a text that a page carries from the preview to the saving, so that no calendar of anybody
    is kept meanwhile."""
    said = {"member": str(member.id), "feed": to_json(feed), "remove_missing": remove_missing}
    return signing.dumps(said, salt=_SALT, compress=True)


def unseal(text: str, *, member: Member) -> tuple[Feed, bool]:
    """(feed, remove_missing) of a text of `seal`. Raises ValidationFailed at /file where it is not ours, of
    somebody else, or too old."""
    try:
        said = signing.loads(text, salt=_SALT, max_age=TOKEN_AGE)
        if said["member"] != str(member.id):
            raise ValueError("somebody else's")
        return from_json(said["feed"]), bool(said["remove_missing"])
    except (signing.BadSignature, ValueError, KeyError, TypeError) as error:
        raise ValidationFailed.at(
            "/file", "What was shown is too old to be saved. Choose the file again.", "stale"
        ) from error
