"""What happened to a lead, in one list: what it did, who had it, which clocks rang, what was said, who was
told."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import (
    BooleanField,
    DateField,
    DateTimeField,
    F,
    QuerySet,
    TextField,
    UUIDField,
    Value,
)
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast, Coalesce

from feedback.models import Disposition, Dispute, Meeting
from handoff import words
from handoff.selectors import names_of
from leads.lifecycle import Stage
from leads.models import Assignment, DataWait, Engagement, Lead, StageChange, Touch
from leads.requirements import required_labels
from notifications.models import OutboxMessage
from sla import targets
from sla.models import Excuse, Pause, TimerEvent
from sla.tiers import BREACH
from tenants.audit import member_id_of
from tenants.calendars.words import day_words
from web.pagination import DEFAULT_SIZE, behind, read_cursor, write_cursor

_CHANNELS: Final = {
    "email": "e-mail",
    "inapp": "in the app",
    "webhook": "webhook",
    "slack": "Slack",
    "teams": "Teams",
}
_STAGE_TONES: Final = {
    Stage.MQL: "brand",
    Stage.SAL: "ok",
    Stage.SQL: "ok",
    Stage.OPPORTUNITY: "ok",
    Stage.WON: "ok",
    Stage.REJECTED: "bad",
    Stage.LOST: "bad",
}


_CURSOR: Final = ("at", "id")  # of the last engagement that a page shows
_ORDER: Final = ("-at", "-id")


@dataclass(frozen=True, slots=True)
class Item:
    """One line. kind: engagement, stage, assignment, timer, touch, disposition. about_sla: belongs to the
    promise."""

    kind: str
    at: datetime
    icon: str
    title: str
    text: str = ""
    tone: str = ""
    body: str = ""
    about_sla: bool = True
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Fact:
    """A row of the lead's history, whatever table it comes from. first, second: see the readers below."""

    source: str
    id: UUID
    at: datetime
    kind: str
    first: str
    second: str
    note: str
    by_id: UUID | None
    actor: str
    automatic: bool
    undone_at: datetime | None
    until: date | None
    absent: str


@dataclass(frozen=True, slots=True)
class _Story:
    """The rows that the list is made of."""

    facts: Sequence[_Fact]
    assignments: Sequence[Assignment]
    events: Sequence[TimerEvent]
    told: Mapping[UUID, list[OutboxMessage]]
    names: Mapping[str, str]

    def of(self, source: str) -> Iterable[_Fact]:
        return (fact for fact in self.facts if fact.source == source)


def assignments_of(handoff_ids: Sequence[UUID]) -> list[Assignment]:
    """Who had these handoffs, in order; one query."""
    found = Assignment.objects.filter(handoff_id__in=handoff_ids).select_related("member__team")
    return list(found.order_by("started_at", "hop"))


@dataclass(frozen=True, slots=True)
class Timeline:
    """One page of it, the newest first.

    older: the cursor of the page before this one in time; "" where it is the last.
    steps: everything but the engagements, of all pages: these are few.
    """

    items: list[Item]
    steps: list[Item]
    older: str


def timeline(
    lead: Lead,
    handoff_ids: Sequence[UUID],
    assignments: Sequence[Assignment],
    *,
    sla_only: bool = False,
    cursor: str = "",
    size: int = DEFAULT_SIZE,
) -> Timeline:
    """Four queries at most, whatever the length. Raises ValidationFailed at /cursor.

    assignments: `assignments_of` these handoffs. sla_only: without engagements, all on one page.
    size:        how many engagements a page holds at most; with them stands what else happened in their time.
    """
    did = None if sla_only else behind(Engagement.objects.filter(lead=lead), cursor=cursor, order=_ORDER)
    story = _load(lead, handoff_ids, assignments, None if did is None else did[: size + 1])
    steps = _newest_first(
        [
            *_stages(story),
            *_assignments(story),
            *_touches(story),
            *_dispositions(story),
            *_pauses(story),
            *_holds(story),
            *_excuses(story),
            *_disputes(story),
            *_meetings(story),
            *_events(story),
        ]
    )
    if sla_only:
        return Timeline(steps, steps, "")
    engagements = sorted(story.of("engagement"), key=lambda fact: (fact.at, fact.id), reverse=True)
    shown, older = engagements[:size], len(engagements) > size
    before = read_cursor(cursor, Engagement, _CURSOR)[0] if cursor else None
    since = shown[-1].at if older else None
    near = [
        step for step in steps if (before is None or step.at < before) and (since is None or step.at >= since)
    ]
    # What somebody did because of an engagement of the same instant stands above it.
    items = _newest_first([*map(_engagement, reversed(shown)), *reversed(near)])
    return Timeline(items, steps, write_cursor((shown[-1].at, shown[-1].id)) if older else "")


def _newest_first(items: list[Item]) -> list[Item]:
    """By time; of one instant the last of the list first: the later step stands above the earlier one."""
    return sorted(items, key=lambda item: item.at)[::-1]


def _load(
    lead: Lead,
    handoff_ids: Sequence[UUID],
    assignments: Sequence[Assignment],
    engagements: QuerySet[Engagement] | None,
) -> _Story:
    facts = _facts(lead, handoff_ids, engagements)
    events = list(
        TimerEvent.objects.filter(handoff_id__in=handoff_ids)
        .select_related("timer")
        .order_by("fired_at", "step")
    )
    told = _told([each.id for each in events] + [each.id for each in assignments])
    people: list[UUID | str | None] = [each.by_id for each in facts]
    people += [member_id_of(each.actor) for each in facts]
    people += [message.member_id for messages in told.values() for message in messages]
    people += [event.timer.member_id for event in events]
    known = {str(each.member_id): each.member.name for each in assignments}
    unknown = {str(each) for each in people if each} - known.keys()
    return _Story(facts, assignments, events, told, {**known, **names_of(unknown)})


_COLUMNS: Final = tuple(each.name for each in fields(_Fact))


def _facts(lead: Lead, handoff_ids: Sequence[UUID], engagements: QuerySet[Engagement] | None) -> list[_Fact]:
    """These engagements and all stages, touches, answers and pauses in one query, the oldest first."""
    stages = _columns(StageChange.objects.filter(lead=lead), "stage", "new", "old", "why", actor=F("actor"))
    touches = _columns(
        Touch.objects.filter(lead=lead),
        "touch",
        "kind",
        "outcome",
        "external_id",
        note=F("note"),
        by_id=F("by_id"),
        automatic=F("automatic"),
        undone_at=F("undone_at"),
    )
    answers = _columns(
        Disposition.objects.filter(handoff_id__in=handoff_ids),
        "disposition",
        "kind",
        "reason__label",
        "reason__slug",
        note=F("note"),
        by_id=F("by_id"),
        actor=F("actor"),
        undone_at=F("undone_at"),
        until=F("until"),
    )
    paused = Pause.objects.filter(handoff_id__in=handoff_ids)
    pauses = _columns(
        paused, "pause", "reason", "name", "until", at=F("started_at"), note=F("note"), actor=F("started_by")
    )
    resumed = _columns(
        paused.filter(ended_at__isnull=False),
        "pause_end",
        "end_reason",
        "name",
        "reason",
        at=F("ended_at"),
        actor=F("ended_by"),
    )
    excused = Excuse.objects.filter(handoff_id__in=handoff_ids)
    asked = _columns(
        excused,
        "excuse",
        "kind",
        "timer__target",
        "timer_id",
        at=F("asked_at"),
        note=F("note"),
        actor=F("asked_by"),
    )
    decided = _columns(
        excused.filter(decided_at__isnull=False),
        "excuse_end",
        "state",
        "timer__target",
        "timer_id",
        at=F("decided_at"),
        note=F("decision_note"),
        actor=F("decided_by"),
    )
    objected = Dispute.objects.filter(handoff_id__in=handoff_ids)
    disputed = _columns(
        objected.exclude(argument=""),
        "dispute",
        "state",
        "disposition_id",
        "fresh_handoff_id",
        at=F("opened_at"),
        note=F("argument"),
        actor=F("opened_by"),
    )
    judged = _columns(
        objected.filter(decided_at__isnull=False),
        "dispute_end",
        "state",
        "disposition_id",
        "fresh_handoff_id",
        at=F("decided_at"),
        note=F("note"),
        actor=F("decided_by"),
    )
    held = DataWait.objects.filter(lead=lead, kind=DataWait.Kind.ENRICHMENT)
    holds = _columns(held, "hold", "kind", "fields", "due_at", at=F("since"))
    released = _columns(
        held.filter(ended_at__isnull=False), "hold_end", "outcome", "fields", "since", at=F("ended_at")
    )
    # That it was booked is a touch; what became of it is told here.
    answered = Meeting.objects.filter(lead=lead, decided_at__isnull=False)
    meetings = _columns(
        answered,
        "meeting",
        "state",
        "starts_at",
        "reason__label",
        at=F("decided_at"),
        note=F("note"),
        actor=F("decided_by"),
        until=F("follow_up"),
        absent=Cast(F("absent"), TextField()),
    )
    parts = [touches, answers, pauses, resumed, asked, decided, disputed, judged, holds, released, meetings]
    if engagements is not None:
        parts.append(_columns(engagements, "engagement", "kind", "subject", "source"))
    rows = [_Fact(*row) for row in stages.union(*parts, all=True)]
    return sorted(rows, key=lambda fact: (fact.at, _RANK[fact.source]))


_RANK: Final = {
    "engagement": 0,
    "hold_end": 0,
    "stage": 1,
    "pause_end": 2,
    "touch": 3,
    "disposition": 4,
    "pause": 5,
    "excuse": 6,
    "excuse_end": 7,
    "dispute": 8,
    "dispute_end": 0,
    "hold": 9,
    "meeting": 3,
}


def _columns(
    rows: QuerySet[Any], source: str, kind: str, first: str, second: str, **given: Combinable
) -> QuerySet[Any]:
    """The rows with the columns of `_Fact`; what a table lacks is empty, and typed, as a union asks."""
    text, uuid = TextField(), UUIDField()
    columns: dict[str, Any] = {
        "source": Value(source, output_field=text),
        "id": F("id"),
        "at": F("at"),
        "kind": Cast(F(kind), text),
        "first": Coalesce(Cast(F(first), text), Value(""), output_field=text),
        "second": Coalesce(Cast(F(second), text), Value(""), output_field=text),
        "note": Value("", output_field=text),
        "by_id": Cast(Value(None), uuid),
        "actor": Value("", output_field=text),
        "automatic": Value(False, output_field=BooleanField()),
        "undone_at": Cast(Value(None), DateTimeField()),
        "until": Cast(Value(None), DateField()),
        "absent": Value("", output_field=text),
        **given,
    }
    named = rows.annotate(**{f"_{name}": columns[name] for name in _COLUMNS})
    # A part that is cut has its order for that; the others need none.
    ordered = named if named.query.is_sliced else named.order_by()
    return ordered.values_list(*(f"_{name}" for name in _COLUMNS))


def _told(event_ids: list[UUID]) -> dict[UUID, list[OutboxMessage]]:
    """The messages to people that these events made, by event."""
    found: dict[UUID, list[OutboxMessage]] = {}
    rows = OutboxMessage.objects.filter(event_id__in=event_ids, member__isnull=False)
    for message in rows.order_by("kind", "channel"):
        found.setdefault(message.event_id, []).append(message)
    return found


def who(actor: str, names: Mapping[str, str]) -> str:
    """An actor of a record in words."""
    kind, _, key = actor.partition(":")
    if kind == "member":
        return names.get(key, "somebody")
    return {"key": "the API", "engine": "slaportal", "system": "slaportal", "import": "an import"}.get(
        kind, actor
    )


def told_text(messages: Iterable[OutboxMessage], names: Mapping[str, str]) -> str:
    """ "Mona Acme was told by e-mail and in the app." In shadow "Mona Acme was not told: shadow mode." """
    channels: dict[str, list[str]] = {}
    untold: dict[str, None] = {}
    for message in messages:
        if message.state == OutboxMessage.State.SUPPRESSED:
            untold[names.get(str(message.member_id), "Somebody")] = None
            continue
        way = _CHANNELS.get(message.channel, message.channel)
        ways = channels.setdefault(names.get(str(message.member_id), "Somebody"), [])
        if way not in ways:
            ways.append(way)
    told = [f"{name} was told by {words.listed(ways)}." for name, ways in channels.items()]
    if untold:
        told.append(
            f"{words.listed(list(untold))} {'was' if len(untold) == 1 else 'were'} not told: shadow mode."
        )
    return " ".join(told)


_ENGAGEMENT_ICONS: Final = {
    "demo_request": "bolt",
    "email_reply": "mail",
    "page_view": "eye",
    "pricing_page": "eye",
}


def _engagement(each: _Fact) -> Item:
    subject, source = each.first, each.second
    return Item(
        "engagement",
        each.at,
        _ENGAGEMENT_ICONS.get(each.kind, "file-text"),
        words.say(words.ENGAGEMENTS, each.kind),
        f"{subject} from {source}".strip() if source else subject,
        about_sla=False,
        data={"kind": each.kind, "subject": subject},
    )


def _stages(story: _Story) -> Iterable[Item]:
    for each in story.of("stage"):
        stage, old, why = Stage(each.kind), each.first, each.second
        text = f"by {who(each.actor, story.names)}"
        yield Item(
            "stage",
            each.at,
            "flag",
            f"Became {stage.label}",
            f"{text}: {why}" if why else text,
            tone=_STAGE_TONES.get(stage, ""),
            data={"from": old, "to": each.kind, "actor": each.actor, "why": why},
        )


def _assignments(story: _Story) -> Iterable[Item]:
    for each in story.assignments:
        name = story.names.get(str(each.member_id), "somebody")
        yield Item(
            "assignment",
            each.started_at,
            "route",
            f"Assigned to {name}.",
            words.why_them(each.reason),
            tone="brand",
            body=told_text(story.told.get(each.id, ()), story.names),
            data={"member": str(each.member_id), "decision": str(each.decision_id or "") or None},
        )
        if each.ended_at and each.end_reason != Assignment.EndReason.CLOSED:
            yield Item(
                "assignment_end",
                each.ended_at,
                "arrows-shuffle",
                f"Left {name}:",
                words.say(words.ENDED, each.end_reason) + ".",
                data={"member": str(each.member_id), "why": each.end_reason},
            )


def _touches(story: _Story) -> Iterable[Item]:
    icons = {"call": "phone", "email": "mail", "meeting": "calendar-event"}
    for each in story.of("touch"):
        by = story.names.get(str(each.by_id), "") or ("a sequence tool" if each.automatic else "the CRM")
        text = f"by {by}{', ' + words.lower_first(words.touch_outcome(each.first)) if each.first else ''}"
        if each.undone_at:
            text += ", taken back"
        yield Item(
            "touch",
            each.at,
            icons.get(each.kind, "message"),
            words.say(words.TOUCHES, each.kind),
            text,
            tone="" if each.undone_at else "ok",
            body=each.note,
            data={
                "kind": each.kind,
                "outcome": each.first,
                "automatic": each.automatic,
                "undone": bool(each.undone_at),
            },
        )


_ANSWER_TONES: Final = {"accepted": "ok", "progressing": "ok", "rejected": "bad", "lost": "bad"}


def _dispositions(story: _Story) -> Iterable[Item]:
    titles = {
        "accepted": "Accepted",
        "rejected": "Rejected",
        "nurture": "Sent to nurture",
        "progressing": "Contacted, progressing",
        "disqualified": "Disqualified",
        "lost": "Lost",
    }
    icons = {
        "accepted": "circle-check",
        "rejected": "circle-x",
        "nurture": "calendar-clock",
        "progressing": "message",
        "disqualified": "ban",
        "lost": "circle-x",
    }
    for each in story.of("disposition"):
        by = story.names.get(str(each.by_id), "") or who(each.actor, story.names)
        parts = [f"by {by}"]
        if each.first:
            parts.append(words.lower_first(each.first))
        if each.until:
            parts.append(f"until {day_words(each.until.isoformat())}")
        if each.undone_at:
            parts.append("taken back")
        yield Item(
            "disposition",
            each.at,
            icons[each.kind],
            titles[each.kind],
            ", ".join(parts),
            tone="" if each.undone_at else _ANSWER_TONES.get(each.kind, ""),
            body=each.note,
            data={
                "kind": each.kind,
                "reason": each.second or None,
                "undone": bool(each.undone_at),
            },
        )


def _pauses(story: _Story) -> Iterable[Item]:
    for each in story.of("pause"):
        until = datetime.fromisoformat(each.second)
        yield Item(
            "pause",
            each.at,
            "player-pause",
            "Paused",
            f"{words.lower_first(each.first)}, until {words.moment(until)},"
            f" by {who(each.actor, story.names)}",
            body=each.note,
            data={"reason": each.kind, "name": each.first, "until": until.isoformat()},
        )
    for each in story.of("pause_end"):
        why = str(Pause.EndReason(each.kind).label)
        yield Item(
            "pause_end",
            each.at,
            "player-play",
            "Clocks go on",
            f"{words.lower_first(why)}, by {who(each.actor, story.names)}",
            data={"reason": each.second, "why": each.kind},
        )


_HOLD_ENDS: Final = {
    DataWait.Outcome.COMPLETE: "everything arrived",
    DataWait.Outcome.EXPIRED: "handed over as it was",
    DataWait.Outcome.NEEDS_DATA: "something that is required did not come",
    DataWait.Outcome.NOT_QUALIFIED: "it met the criteria no more",
}


def _holds(story: _Story) -> Iterable[Item]:
    """Holds for enrichment, which come before a handoff and are in no clock."""
    for each in story.of("hold"):
        until = datetime.fromisoformat(each.second)
        names = words.listed(required_labels(json.loads(each.first)))
        said = f"{names} missing, until {words.moment(until)} at the latest"
        data = {"fields": json.loads(each.first), "until": until.isoformat()}
        yield Item("hold", each.at, "hourglass", "Held for enrichment", said, about_sla=False, data=data)
    for each in story.of("hold_end"):
        minutes = int((each.at - datetime.fromisoformat(each.second)).total_seconds() // 60)
        said = f"after {minutes:,} min: {_HOLD_ENDS.get(DataWait.Outcome(each.kind), each.kind)}"
        data = {"outcome": each.kind, "minutes": minutes}
        yield Item("hold_end", each.at, "hourglass", "No longer held", said, about_sla=False, data=data)


_MEETING_ENDS: Final = {
    Meeting.State.ACCEPTED: ("Meeting held", "on", "ok"),
    Meeting.State.NO_SHOW: ("Meeting not held", "on", "bad"),
    Meeting.State.DISQUALIFIED: ("Disqualified", "after the meeting on", "bad"),
    Meeting.State.CANCELLED: ("Meeting cancelled", "planned for", ""),
    Meeting.State.RESCHEDULED: ("Meeting put on another day", "planned for", ""),
}


def _meetings(story: _Story) -> Iterable[Item]:
    """What became of booked meetings; an outcome that was taken back is none."""
    for each in story.of("meeting"):
        starts = datetime.fromisoformat(each.first)
        title, when, tone = _MEETING_ENDS[Meeting.State(each.kind)]
        parts = [f"{when} {words.moment(starts)}", f"by {who(each.actor, story.names)}"]
        if each.absent:
            parts.append(f"{words.lower_first(str(Meeting.Absent(each.absent).label))} was not there")
        if each.second:
            parts.append(words.lower_first(each.second))
        if each.until:
            parts.append(f"follow-up {day_words(each.until.isoformat())}")
        yield Item(
            "meeting",
            each.at,
            "calendar-event",
            title,
            ", ".join(parts),
            tone=tone,
            body=each.note,
            data={
                "state": each.kind,
                "starts_at": starts.isoformat(),
                "absent": each.absent or None,
                "reason": each.second or None,
                "follow_up": each.until.isoformat() if each.until else None,
            },
        )


_EXCUSE_ENDS: Final = {"approved": "Excused", "refused": "Excuse refused", "withdrawn": "Excuse withdrawn"}


def _excuses(story: _Story) -> Iterable[Item]:
    for source in ("excuse", "excuse_end"):
        for each in story.of(source):
            asked = source == "excuse"
            target = words.lower_first(targets.label(each.first))
            why = f", {words.lower_first(str(Excuse.Kind(each.kind).label))}" if asked else ""
            yield Item(
                source,
                each.at,
                "clipboard-check",
                "Asked to excuse" if asked else _EXCUSE_ENDS[each.kind],
                f"{target}{why}, by {who(each.actor, story.names)}",
                body=each.note,
                data={"timer": each.second, "kind" if asked else "state": each.kind},
            )


def _disputes(story: _Story) -> Iterable[Item]:
    for source in ("dispute", "dispute_end"):
        for each in story.of(source):
            opened = source == "dispute"
            outcome = words.lower_first(str(Dispute.State(each.kind).label))
            yield Item(
                source,
                each.at,
                "gavel",
                "Rejection disputed" if opened else "Dispute decided",
                f"by {who(each.actor, story.names)}" + ("" if opened else f": {outcome}"),
                body=each.note,
                data={"state": "open" if opened else each.kind, "fresh_handoff": each.second or None},
            )


def _events(story: _Story) -> Iterable[Item]:
    for each in story.events:
        target = targets.label(each.timer.target)
        company = each.timer.clock == "company"
        name = (
            "the company clock" if company else f"{story.names.get(str(each.timer.member_id), 'the owner')}"
        )
        overdue = each.percent >= BREACH
        title = (
            f"{target} overdue"
            if each.percent == BREACH
            else f"{each.percent}% of {words.lower_first(target)} used"
        )
        done = words.listed([words.say(words.ACTIONS, action) for action in each.actions])
        if each.shadow and done:
            done = f"only measured, in shadow mode. Live: {done}"
        text = f"({name})" + (f", {done}" if done else "")
        if each.repaired_at:
            text += ". Mended: it was done in time and logged late"
        yield Item(
            "timer",
            each.fired_at,
            "alert-octagon" if overdue else "alert-triangle",
            title,
            text + ".",
            tone="bad" if overdue and not each.repaired_at else "risk",
            body=told_text(story.told.get(each.id, ()), story.names),
            data={
                "timer": str(each.timer_id),
                "clock": each.timer.clock,
                "target": each.timer.target,
                "percent": each.percent,
                "actions": list(each.actions),
                "due_at": each.due_at.isoformat(),
                "lateness_ms": each.lateness_ms,
                "repaired": each.repaired_at is not None,
                "shadow": each.shadow,
            },
        )
