"""Leads and their clocks on paper: what every timer must say, worked out anew from all that has happened.

Shares nothing with the engine. Time is whole minutes since a Monday at midnight, an office is a set of open
minutes, and a deadline is found by counting them one by one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

DAY = 24 * 60
FOREVER = 10**9


@dataclass(frozen=True)
class Office:
    """Open from one minute of the day to another, Monday to Friday."""

    opens: int
    closes: int

    def is_open(self, minute: int) -> bool:
        return minute // DAY % 7 < 5 and self.opens <= minute % DAY < self.closes

    def deadline(self, start: int, minutes: int, standing: list[tuple[int, int]]) -> int:
        """When so many open minutes are over, those left out in which the clock stands."""
        at = start
        while minutes:
            if self.is_open(at) and not any(begin <= at < end for begin, end in standing):
                minutes -= 1
            at += 1
        return at


@dataclass
class Answer:
    """at: when it was made. known: the number of the act by which we heard of it, at the minute heard."""

    at: int
    known: int
    heard: int


@dataclass
class Standing:
    """A time in which a clock stands; ended: the number of the act that ended it, at the minute end."""

    begin: int
    end: int | None = None
    ended: int | None = None


@dataclass
class Clock:
    """One promise: to the company (span None), or of one owner."""

    target: str
    span: Any | None
    start: int
    minutes: int
    office: Office
    stop: int | None = None
    standing: list[Standing] = field(default_factory=list)
    leave: list[tuple[int, int]] = field(default_factory=list)

    def stands(self) -> bool:
        return bool(self.standing) and self.standing[-1].end is None

    def due(self, *, known: int = FOREVER, cut: int | None = None) -> int:
        """The deadline, with what stood until the act `known`; what stood on then is cut off at `cut`."""
        gaps = list(self.leave)
        for each in self.standing:
            if each.end is not None and each.ended is not None and each.ended <= known:
                gaps.append((each.begin, each.end))
            elif cut is not None and cut > each.begin:
                gaps.append((each.begin, cut if each.end is None else min(cut, each.end)))
        return self.office.deadline(self.start, self.minutes, gaps)

    def verdict(self, answers: list[Answer], now: int) -> tuple[str, int | None]:
        """The state, and the deadline where it can be told.

        It cannot where a second answer mended the record of the first: the time that the clock stood between
        the two may or may not count, and changes nothing.
        """
        foreign = [each for each in answers if not self.watches(each.at, FOREVER)]
        if foreign:
            ended = min(each.heard for each in foreign)
        else:
            ended = FOREVER
        own = [each for each in answers if self.watches(each.at, ended)]
        if own:
            first = min(own, key=lambda each: (each.at, each.known))
            due = self.due(known=first.known, cut=first.at)
            return "met" if first.at <= due else "breached", due if len(answers) == 1 else None
        if foreign and (self.stop is None or ended <= self.stop):
            due = self.due(known=min(each.known for each in foreign), cut=ended)
            return "breached" if due <= ended else "cancelled", due
        if self.stop is not None:
            due = self.due(cut=self.stop)
            return "breached" if due <= self.stop else "cancelled", due
        due = self.due()
        if self.stands():
            return "paused", due
        return "breached" if due <= now else "running", due

    def watches(self, at: int, ended: int) -> bool:
        """Whether an answer of this time is one to this clock."""
        if self.span is None:
            return True
        return self.start <= at <= min(ended, FOREVER if self.stop is None else self.stop)


@dataclass
class PaperLead:
    """One handoff: its answers, its clocks, and whether it waits."""

    began: int
    minutes: dict[str, int]
    answers: dict[str, list[Answer]] = field(default_factory=lambda: {"first_touch": [], "decision": []})
    clocks: list[Clock] = field(default_factory=list)
    spans: list[tuple[Any, int, int | None]] = field(default_factory=list)  # (assignment, start, end)
    waits_until: int | None = None
    waits_since: int = 0
    closed: bool = False
    holders: dict[Any, Any] = field(default_factory=dict)  # whose each assignment is
    leave: dict[Any, list[tuple[int, int]]] = field(default_factory=dict)  # by person, of all the leads

    def arm(self, office: Office) -> None:
        """Clocks that ought to run now and are not there yet."""
        for target, given in self.answers.items():
            spans: list[Any] = [None]
            starts = {None: self.began}
            if self.spans and self.spans[-1][2] is None and not given:
                spans.append(self.spans[-1][0])
                starts[self.spans[-1][0]] = self.spans[-1][1]
            for span in spans:
                if not any(clock.span == span and clock.target == target for clock in self.clocks):
                    clock = Clock(target, span, starts[span], self.minutes[target], office)
                    away = self.leave.get(self.holders.get(span), [])
                    clock.leave = [(max(begin, clock.start), end) for begin, end in away if end > clock.start]
                    self.clocks.append(clock)
                    if self.waits_until is not None:
                        clock.standing.append(Standing(max(self.waits_since, clock.start)))

    def alive(self, now: int) -> Iterator[Clock]:
        """Clocks that run towards a deadline to come, or stand."""
        for clock in self.clocks:
            if clock.verdict(self.answers[clock.target], now)[0] in ("running", "paused"):
                yield clock

    def pause(self, now: int, until: int) -> None:
        for clock in self.alive(now):
            clock.standing.append(Standing(now))
        self.waits_since, self.waits_until = now, until

    def go_on(self, at: int, act: int) -> None:
        """The pause ends."""
        for clock in self.clocks:
            if clock.stands():
                clock.standing[-1].end, clock.standing[-1].ended = at, act
        self.waits_until = None

    def plans_change(self, person: Any, now: int) -> None:
        """Somebody's leave is not what it was: what is over of it stays, the rest is as it is planned now."""
        for clock in self.alive(now):
            if clock.span is not None and self.holders[clock.span] == person:
                over = [(begin, min(end, now)) for begin, end in clock.leave if begin < now]
                to_come = [(max(begin, now), end) for begin, end in self.leave.get(person, []) if end > now]
                clock.leave = over + to_come

    def take_back(self, target: str, answer: Answer, now: int) -> None:
        """An answer is undone: what runs again stands where the lead waits."""
        self.answers[target].remove(answer)
        if self.waits_until is None:
            return
        for clock in self.alive(now):
            if clock.target == target and not clock.stands():
                clock.standing.append(Standing(max(self.waits_since, clock.start)))

    def owners(self, spans: list[tuple[Any, int, int | None]], now: int, act: int) -> None:
        """Who has had the lead, as routing decided: clocks of former owners end, a pause ends with them."""
        before = self.spans[-1][0] if self.spans and self.spans[-1][2] is None else None
        after = spans[-1][0] if spans and spans[-1][2] is None else None
        if before != after and self.waits_until is not None:
            self.go_on(now, act)
        self.spans = spans
        ends = {span: end for span, _, end in spans}
        for clock in self.clocks:
            if clock.span is not None and clock.stop is None:
                clock.stop = ends[clock.span]

    def close(self, now: int, act: int) -> None:
        for clock in self.clocks:
            if clock.stop is None:
                clock.stop = now
        if self.waits_until is not None:
            self.go_on(now, act)
        self.closed = True
