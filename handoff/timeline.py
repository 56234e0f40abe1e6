"""What happened to a lead, in one list: what it did, who had it, which clocks rang, what was said, who was
told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from feedback.models import Disposition
from feedback.selectors import dispositions_of
from handoff import words
from handoff.selectors import names_of
from leads.lifecycle import Stage
from leads.models import Assignment, Engagement, Handoff, Lead, StageChange, Touch
from notifications.models import OutboxMessage
from sla.models import TimerEvent
from sla.tiers import BREACH

#: Engagements that the list goes back to; the other kinds are few.
MOST_ENGAGEMENTS: Final = 60
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
class _Story:
    """The rows that the list is made of."""

    engagements: Sequence[Engagement]
    stages: Sequence[StageChange]
    assignments: Sequence[Assignment]
    touches: Sequence[Touch]
    dispositions: Sequence[Disposition]
    events: Sequence[TimerEvent]
    told: Mapping[UUID, list[OutboxMessage]]
    names: Mapping[str, str]


def timeline(lead: Lead, handoffs: Sequence[Handoff], *, sla_only: bool = False) -> list[Item]:
    """The newest first. Eight queries, whatever the length."""
    story = _load(lead, [handoff.id for handoff in handoffs], sla_only=sla_only)
    items = [
        *_engagements(story),
        *_stages(story),
        *_assignments(story),
        *_touches(story),
        *_dispositions(story),
        *_events(story),
    ]
    # Of what happened in one instant the later step stands above the earlier one.
    return sorted(items, key=lambda item: item.at)[::-1]


def _load(lead: Lead, handoff_ids: list[UUID], *, sla_only: bool) -> _Story:
    engagements = (
        [] if sla_only else list(Engagement.objects.filter(lead=lead).order_by("-at")[:MOST_ENGAGEMENTS])
    )
    stages = list(StageChange.objects.filter(lead=lead).order_by("at", "id"))
    assignments = list(Assignment.objects.filter(handoff_id__in=handoff_ids).order_by("started_at", "hop"))
    touches = list(Touch.objects.filter(lead=lead).order_by("at"))
    dispositions = dispositions_of(handoff_ids)
    events = list(
        TimerEvent.objects.filter(handoff_id__in=handoff_ids)
        .select_related("timer")
        .order_by("fired_at", "step")
    )
    told = _told([each.id for each in events] + [each.id for each in assignments])
    people: list[UUID | str | None] = [each.member_id for each in assignments]
    people += [each.by_id for each in touches] + [each.by_id for each in dispositions]
    people += [_member_of(each.actor) for each in stages]
    people += [message.member_id for messages in told.values() for message in messages]
    people += [event.timer.member_id for event in events]
    return _Story(engagements, stages, assignments, touches, dispositions, events, told, names_of(people))


def _told(event_ids: list[UUID]) -> dict[UUID, list[OutboxMessage]]:
    """The messages to people that these events made, by event."""
    found: dict[UUID, list[OutboxMessage]] = {}
    rows = OutboxMessage.objects.filter(event_id__in=event_ids, member__isnull=False)
    for message in rows.order_by("kind", "channel"):
        found.setdefault(message.event_id, []).append(message)
    return found


def _member_of(actor: str) -> str | None:
    kind, _, key = actor.partition(":")
    return key if kind == "member" else None


def who(actor: str, names: Mapping[str, str]) -> str:
    """An actor of a record in words."""
    kind, _, key = actor.partition(":")
    if kind == "member":
        return names.get(key, "somebody")
    return {"key": "the API", "engine": "slaportal", "system": "slaportal", "import": "an import"}.get(
        kind, actor
    )


def told_text(messages: Iterable[OutboxMessage], names: Mapping[str, str]) -> str:
    """ "Mona Acme was told by e-mail and in the app." """
    channels: dict[str, list[str]] = {}
    for message in messages:
        way = _CHANNELS.get(message.channel, message.channel)
        ways = channels.setdefault(names.get(str(message.member_id), "Somebody"), [])
        if way not in ways:
            ways.append(way)
    return " ".join(f"{name} was told by {words.listed(ways)}." for name, ways in channels.items())


def _engagements(story: _Story) -> Iterable[Item]:
    icons = {"demo_request": "bolt", "email_reply": "mail", "page_view": "eye", "pricing_page": "eye"}
    for each in story.engagements:
        text = f"{each.subject}" if each.subject else ""
        if each.source:
            text = f"{text} from {each.source}".strip()
        yield Item(
            "engagement",
            each.at,
            icons.get(each.kind, "file-text"),
            words.say(words.ENGAGEMENTS, each.kind),
            text,
            about_sla=False,
            data={"kind": each.kind, "subject": each.subject},
        )


def _stages(story: _Story) -> Iterable[Item]:
    for each in story.stages:
        stage = Stage(each.new)
        text = f"by {who(each.actor, story.names)}"
        yield Item(
            "stage",
            each.at,
            "flag",
            f"Became {stage.label}",
            f"{text}: {each.why}" if each.why else text,
            tone=_STAGE_TONES.get(stage, ""),
            data={"from": each.old, "to": each.new, "actor": each.actor, "why": each.why},
        )


def _assignments(story: _Story) -> Iterable[Item]:
    for each in story.assignments:
        name = story.names.get(str(each.member_id), "somebody")
        yield Item(
            "assignment",
            each.started_at,
            "route",
            f"Assigned to {name}.",
            each.reason,
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
    for each in story.touches:
        by = story.names.get(str(each.by_id), "") or ("a sequence tool" if each.automatic else "the CRM")
        text = f"by {by}{', ' + words.lower_first(each.outcome) if each.outcome else ''}"
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
                "outcome": each.outcome,
                "automatic": each.automatic,
                "undone": bool(each.undone_at),
            },
        )


def _dispositions(story: _Story) -> Iterable[Item]:
    titles = {"accepted": "Accepted", "rejected": "Rejected", "nurture": "Sent to nurture"}
    icons = {"accepted": "circle-check", "rejected": "circle-x", "nurture": "calendar-clock"}
    for each in story.dispositions:
        by = story.names.get(str(each.by_id), "") or who(each.actor, story.names)
        parts = [f"by {by}"]
        if each.reason:
            parts.append(words.lower_first(each.reason.label))
        if each.until:
            parts.append(f"until {each.until:%d %b %Y}")
        if each.undone_at:
            parts.append("taken back")
        yield Item(
            "disposition",
            each.at,
            icons[each.kind],
            titles[each.kind],
            ", ".join(parts),
            tone="" if each.undone_at else {"accepted": "ok", "rejected": "bad"}.get(each.kind, ""),
            body=each.note,
            data={
                "kind": each.kind,
                "reason": each.reason.slug if each.reason else None,
                "undone": bool(each.undone_at),
            },
        )


def _events(story: _Story) -> Iterable[Item]:
    for each in story.events:
        target = words.say(words.TARGETS, each.timer.target)
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
            },
        )
