"""What a drill proves: for each of its leads, step by step, whether it happened and how long it took. Pure.

Times are counted from the moment at which the lead's handoff began; "late" is counted from when a step of the
ladder was due, of what it sets off from the deadline on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final


class Result(StrEnum):
    """What became of a step."""

    OK = "ok"
    FAILED = "failed"
    LEFT_OUT = "left_out"  # as it is set up, this does not happen
    WAITING = "waiting"


#: The steps in their order, as people call them.
STEPS: Final[Mapping[str, str]] = {
    "received": "Taken in over the API",
    "qualified": "Qualified",
    "routed": "Routed",
    "clock": "Clock started",
    "told": "Owner told",
    "webhook": "Webhook arrived",
    "warned": "Warned",
    "breached": "Breach fired",
    "escalated": "Escalated",
    "moved": "Moved on",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One step of one lead. ms: how long it took, or how late it was; None where that means nothing."""

    step: str
    result: Result
    text: str
    ms: int | None = None

    @property
    def label(self) -> str:
        """What the step is called."""
        return STEPS[self.step]


@dataclass(frozen=True, slots=True)
class Fired:
    """A step of the ladder that fired. percent of the time; late_ms after it was due."""

    percent: int
    actions: Sequence[str]
    late_ms: int
    shadow: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """A message about a lead. sent_at: None while it is under way. state: as the outbox has it."""

    kind: str
    channel: str
    to: str
    state: str
    sent_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """Everything that was seen of one lead by a moment.

    answer:    what the API said, {"status", "ms", "error"}; error is why it was not asked.
    started_at: when its handoff began; None where it has none. judged: what the criteria said.
    held:      it waits for enrichment before it is handed over.
    unsaid:    why nothing that a drill can say hands a lead over here.
    owners:    who had it, in order. moved_at: when the first of them lost it.
    waits:     the reason for which nobody has it; allowed: it is to wait as the pool is set up (it is closed,
               or people claim).
    answered:  somebody got in touch, so that clock breaks no more and the lead stays.
    due_at:    of the first clock for the first touch. nurtured: a sequence answers it. shadow: of its owner.
    ladder:    percents of the policy's steps with what they do, up to the deadline.
    receipts:  kinds of the drill's webhooks that arrived, with when.
    """

    answer: Mapping[str, Any]
    started_at: datetime | None = None
    judged: str = ""
    held: bool = False
    unsaid: str = ""
    owners: Sequence[str] = ()
    moved_at: datetime | None = None
    waits: str = ""
    allowed: bool = False
    answered: bool = False
    due_at: datetime | None = None
    nurtured: bool = False
    shadow: bool = False
    ladder: Sequence[tuple[int, Sequence[str]]] = ()
    fired: Sequence[Fired] = ()
    messages: Sequence[Told] = ()
    receipts: Sequence[tuple[str, datetime]] = ()


_TELLS: Final = frozenset({"tell_manager", "tell_director", "tell_chain", "tell_person"})
_MOVES: Final = frozenset({"reassign", "move_to_queue"})
_ESCALATIONS: Final = ("timer.breached", "timer.escalated")
_DEADLINE: Final = 100
_ANSWERED: Final = "Somebody answered the lead first, so there was nothing to do."


def card_of(seen: Seen, *, over: bool) -> list[Line]:
    """The lines of one lead. over: nothing more is waited for, so what has not happened has failed."""
    lines = [_received(seen), _qualified(seen)]
    if lines[-1].result is not Result.OK:
        return [*lines, *_left_out(list(STEPS)[2:], "It was not handed over.")]
    if seen.nurtured:
        return [*lines, *_left_out(list(STEPS)[2:], "A nurture sequence answers it instead of a person.")]
    open_result = Result.FAILED if over else Result.WAITING
    lines.append(_routed(seen))
    lines.append(_clock(seen))
    if not seen.owners:
        why = "Nobody had it."
        return [*lines, *_left_out(["told"], why), _webhook(seen, open_result), *_left_out(_LADDER, why)]
    lines += [_told(seen, open_result), _webhook(seen, open_result)]
    if seen.due_at is None:
        return [*lines, *_left_out(_LADDER, "Its tier promises no first touch.")]
    return [*lines, *_climbed(seen, open_result)]


_LADDER: Final = ("warned", "breached", "escalated", "moved")


def is_settled(cards: Iterable[Sequence[Line]]) -> bool:
    """Whether no step of any lead is waited for."""
    return all(line.result is not Result.WAITING for lines in cards for line in lines)


def has_passed(cards: Iterable[Sequence[Line]]) -> bool:
    """Whether nothing failed."""
    return all(line.result is not Result.FAILED for lines in cards for line in lines)


def as_json(lines: Sequence[Line]) -> list[dict[str, Any]]:
    """The lines of a lead as they are kept."""
    return [{**asdict(line), "result": str(line.result)} for line in lines]


def from_json(rows: Sequence[Mapping[str, Any]]) -> list[Line]:
    """The lines of a lead as they were kept."""
    return [Line(**{**row, "result": Result(row["result"])}) for row in rows]


def _left_out(steps: Sequence[str], why: str) -> list[Line]:
    return [Line(step, Result.LEFT_OUT, why) for step in steps]


def _ms(since: datetime, until: datetime) -> int:
    return max(0, (until - since) // timedelta(milliseconds=1))


def _received(seen: Seen) -> Line:
    answer = seen.answer
    if answer.get("error"):
        return Line("received", Result.FAILED, str(answer["error"]))
    status = answer.get("status")
    if status in (200, 201):
        return Line("received", Result.OK, f"Answered {status}.", answer.get("ms"))
    return Line("received", Result.FAILED, f"Answered {status}. {answer.get('detail', '')}".strip())


def _qualified(seen: Seen) -> Line:
    if seen.started_at is None and seen.unsaid and seen.answer.get("status") in (200, 201):
        return Line("qualified", Result.LEFT_OUT, seen.unsaid)
    if seen.started_at is None and seen.held:
        return Line("qualified", Result.LEFT_OUT, seen.judged)
    if seen.started_at is None:
        return Line("qualified", Result.FAILED, seen.judged or "It did not become an MQL.")
    return Line("qualified", Result.OK, seen.judged)


def _routed(seen: Seen) -> Line:
    if seen.owners:
        return Line("routed", Result.OK, f"To {seen.owners[0]}.")
    if seen.allowed:
        return Line("routed", Result.LEFT_OUT, seen.waits)
    return Line("routed", Result.FAILED, seen.waits or "Nobody has it.")


def _clock(seen: Seen) -> Line:
    if seen.due_at is None:
        return Line("clock", Result.LEFT_OUT, "Its tier promises no first touch.")
    return Line("clock", Result.OK, "First touch, shortened for the drill.")


def _told(seen: Seen, open_result: Result) -> Line:
    """The first owner: the ones after them are told of a lead that moves, and the drill ends meanwhile."""
    first = [m for m in seen.messages if m.kind == "lead.assigned" and m.to == seen.owners[0]]
    return _arrival("told", seen, first, open_result)


def _arrival(step: str, seen: Seen, messages: Sequence[Told], open_result: Result) -> Line:
    """Whether messages to people left, and how long the slowest took: since the handoff, or, for what the
    deadline set off, after it."""
    assert seen.started_at is not None
    people = [message for message in messages if message.channel != "webhook"]
    if seen.shadow:
        return Line(step, Result.LEFT_OUT, "Its owner's team is in shadow mode: nothing is sent.")
    if not people:
        return Line(step, open_result, "No message was written.")
    lost = [message for message in people if message.state == "dead"]
    if lost:
        return Line(step, Result.FAILED, f"Could not be sent by {_listed(m.channel for m in lost)}.")
    sent = [message for message in people if message.sent_at is not None]
    said = f"{_listed(m.to for m in people)} by {_listed(sorted(m.channel for m in sent or people))}"
    if any(message.state in ("pending", "taken") for message in people):
        return Line(step, open_result, f"Not sent yet: {said}.")
    if not sent:
        return Line(step, Result.LEFT_OUT, "Moot before it left: the next message said more.")
    last = max(message.sent_at for message in sent if message.sent_at is not None)
    since = seen.started_at if step == "told" else seen.due_at
    return Line(step, Result.OK, f"{said}.", None if since is None else _ms(since, last))


def _webhook(seen: Seen, open_result: Result) -> Line:
    assert seen.started_at is not None
    if seen.shadow:
        return Line("webhook", Result.LEFT_OUT, "Its owner's team is in shadow mode: nothing is sent.")
    if not seen.receipts:
        return Line("webhook", open_result, "None arrived at the portal's own receiver.")
    kinds = _listed(kind for kind, _ in seen.receipts)
    first = min(at for _, at in seen.receipts)
    return Line(
        "webhook", Result.OK, f"Signed, and the signature holds: {kinds}.", _ms(seen.started_at, first)
    )


def _climbed(seen: Seen, open_result: Result) -> list[Line]:
    """Warning, breach, escalation and move, by what the ladder of the policy says."""
    before = [(percent, acts) for percent, acts in seen.ladder if percent < _DEADLINE]
    at_deadline = [act for percent, acts in seen.ladder if percent == _DEADLINE for act in acts]
    fired = {each.percent: each for each in seen.fired}
    lines = []
    waited, open_result = open_result, Result.LEFT_OUT if seen.answered else open_result
    if not before:
        lines += _left_out(["warned"], "The policy warns of nothing before the deadline.")
    else:
        early = [fired[percent] for percent, _ in before if percent in fired]
        marks = _listed(f"{percent}%" for percent, _ in before)
        if len(early) < len(before):
            lines.append(Line("warned", open_result, _ANSWERED if seen.answered else f"To come at {marks}."))
        else:
            lines.append(Line("warned", Result.OK, f"At {marks}.", max(each.late_ms for each in early)))
    breach = fired.get(_DEADLINE)
    if breach is None:
        if seen.answered:
            return [*lines, *_left_out(_LADDER[1:], _ANSWERED)]
        lines.append(Line("breached", open_result, "To come at the deadline."))
        lines += [Line(step, open_result, "Follows the breach.") for step in ("escalated", "moved")]
        return lines
    lines.append(Line("breached", Result.OK, "At the deadline.", breach.late_ms))
    if _TELLS.isdisjoint(at_deadline):
        lines += _left_out(["escalated"], "The policy tells nobody at the deadline.")
    else:
        about = [message for message in seen.messages if message.kind in _ESCALATIONS]
        if seen.answered and not about:
            lines += _left_out(["escalated"], _ANSWERED)
        else:
            lines.append(_arrival("escalated", seen, about, waited))
    lines.append(_moved(seen, at_deadline, open_result))
    return lines


def _moved(seen: Seen, at_deadline: Sequence[str], open_result: Result) -> Line:
    if _MOVES.isdisjoint(at_deadline):
        return Line("moved", Result.LEFT_OUT, "The policy moves no lead at the deadline.")
    if seen.shadow:
        return Line("moved", Result.LEFT_OUT, "Its owner's team is in shadow mode: nothing moves.")
    late = None if seen.due_at is None or seen.moved_at is None else _ms(seen.due_at, seen.moved_at)
    if len(seen.owners) > 1:
        return Line("moved", Result.OK, f"From {seen.owners[0]} to {seen.owners[1]}.", late)
    if seen.waits:
        return Line("moved", Result.OK, seen.waits, late)
    if seen.answered:
        return Line("moved", open_result, _ANSWERED)
    return Line("moved", open_result, f"It is still {seen.owners[0]}'s: nobody else could take it.")


def _listed(words: Iterable[str]) -> str:
    found = list(dict.fromkeys(words))
    return found[0] if len(found) == 1 else f"{', '.join(found[:-1])} and {found[-1]}" if found else ""
