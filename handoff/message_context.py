"""What the messages about leads and their clocks say: facts behind the ids of the outbox, looked up when it
is sent.

One look-up a batch: about a dozen queries whatever the number of messages. It also looks at the world again:
a reminder of a clock that was answered, or an assignment that has ended, is not worth telling any more.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from textwrap import shorten
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import F, Window
from django.db.models.functions import RowNumber

from feedback.models import Disposition, Dispute, Meeting
from handoff import words
from handoff.lead_page import criteria_lines
from leads.criteria import parts_of
from leads.lifecycle import Stage
from leads.list_names import ListNames
from leads.models import Account, Assignment, Engagement, Handoff, Lead, Touch
from leads.score import shown_score
from leads.triggers import triggered_by
from notifications.context import Context, Row, register
from notifications.timing import register_clocks
from sla import targets
from sla.models import Excuse, Timer, TimerEvent
from tenants.calendars import load_calendar
from tenants.context import current_tenant_id
from tenants.models import Member, RepProfile, Tenant
from tenants.selectors import person_document
from web.templatetags.sp import late_text, minutes_text

LISTED: Final = 5  # engagements, past events in one message
REASONS: Final = 3  # criteria named in one message
REASON_LENGTH: Final = 140  # characters: two lines of a mail at the most
_WITH_STORY: Final = {"lead.assigned", "lead.engaged"}
_OVERDUE: Final = {"timer.breached", "timer.escalated"}
_EXCUSES: Final = {"lead.excuse_asked", "lead.excuse_decided"}
_MEETINGS: Final = {"meeting.booked", "meeting.to_answer", "meeting.decided"}
_DISPUTES: Final = {"lead.disputed", "lead.dispute_decided"}
_FOLLOWS: Final = {
    Dispute.State.CRITERIA: "A new version of the criteria is owed.",
    Dispute.State.ROUTING: "A new version of the routing rules is owed.",
}
#: Kinds of messages that tell an answer of sales, and the answer.
_ANSWERS: Final = {
    "lead.rejected": Disposition.Kind.REJECTED,
    "lead.nurture": Disposition.Kind.NURTURE,
    "lead.progressing": Disposition.Kind.PROGRESSING,
}
_TASKS: Final = {
    "first_touch": "reach {}",
    "decision": "accept or reject {}",
    "attempts": "make the attempts owed to {}",
    "sql_decision": "decide on {}",
}
_MOVED: Final = {
    "hand_over": "handed over",
    "away": "you are away",
    "reassigned": "a manager moved it",
    "rerouted": "refused as not theirs",
    "outside": "another system chose the owner",
}
_GONE: Final = "A lead that is no longer here"
GONE: Final = Context({"lead_name": _GONE, "lead_and_company": _GONE})


def install() -> None:
    """Speak for everything about leads, clocks and meetings. Called when the apps are ready."""
    register("lead.", context_of)
    register("timer.", context_of)
    register("meeting.", context_of)
    register_clocks(running_clocks)


def running_clocks(subjects: Collection[str], now: datetime) -> set[str]:
    """Those of the subjects "handoff:<id>" of which a clock is running at this moment: in its hours, or
    without any."""
    wanted = {key: subject for subject in subjects if (key := _id(subject.partition(":")[2]))}
    running = Timer.objects.filter(handoff_id__in=wanted, state=Timer.State.RUNNING)
    found: set[str] = set()
    for handoff_id, version_id in running.values_list("handoff_id", "calendar_version_id").distinct():
        hours = load_calendar(version_id)
        if hours is None or hours.is_open(now):
            found.add(wanted[handoff_id])
    return found


@dataclass
class Facts:
    """Everything that a batch of messages may speak of, by id."""

    zone: str
    handoffs: dict[UUID, Handoff] = field(default_factory=dict)
    zones: dict[UUID, str] = field(default_factory=dict)
    members: dict[UUID, Member] = field(default_factory=dict)
    timers: dict[UUID, list[Timer]] = field(default_factory=lambda: defaultdict(list))
    assignments: dict[UUID, list[Assignment]] = field(default_factory=lambda: defaultdict(list))
    engagements: dict[UUID, list[Engagement]] = field(default_factory=lambda: defaultdict(list))
    touches: dict[UUID, list[Touch]] = field(default_factory=lambda: defaultdict(list))
    answers: dict[tuple[UUID, str], Disposition] = field(default_factory=dict)  # by handoff and kind
    reminders: dict[UUID, TimerEvent] = field(default_factory=dict)
    excuses: dict[UUID, Excuse] = field(default_factory=dict)
    disputes: dict[UUID, Dispute] = field(default_factory=dict)
    meetings: dict[UUID, Meeting] = field(default_factory=dict)

    def name(self, member_id: UUID | None, default: str = "nobody") -> str:
        member = self.members.get(member_id) if member_id else None
        return member.name if member else default

    def timer(self, handoff_id: UUID, timer_id: UUID | None) -> Timer | None:
        return next((timer for timer in self.timers[handoff_id] if timer.id == timer_id), None)


def context_of(rows: Sequence[Row], now: datetime) -> Mapping[UUID, Context]:
    """The context of each row that is still worth telling. See notifications.context."""
    facts = _load(rows)
    found: dict[UUID, Context] = {}
    for row in rows:
        handoff = facts.handoffs.get(_handoff_id(row)) if _handoff_id(row) else None  # type: ignore[arg-type]
        if handoff is None:
            if row.told or row.member_id is None:
                found[row.id] = GONE
        elif row.told or row.member_id is None or not _is_moot(row, handoff, facts):
            found[row.id] = _context(row, handoff, facts, now)
    return found


def _id(text: object) -> UUID | None:
    try:
        return UUID(str(text))
    except ValueError:
        return None


def _handoff_id(row: Row) -> UUID | None:
    return _id(row.data.get("handoff") or row.subject.partition(":")[2])


# --- Load ---


def _load(rows: Sequence[Row]) -> Facts:
    facts = Facts(zone=Tenant.objects.values_list("time_zone", flat=True).get(id=current_tenant_id()))
    handoff_ids = {found for row in rows if (found := _handoff_id(row))}
    if not handoff_ids:
        return facts
    facts.handoffs = {
        handoff.id: handoff
        for handoff in Handoff.objects.filter(id__in=handoff_ids).select_related("lead", "lead__account")
    }
    readers = {row.member_id for row in rows if row.member_id}
    facts.zones = dict(RepProfile.objects.filter(member_id__in=readers).values_list("member_id", "time_zone"))
    for timer in Timer.objects.filter(handoff_id__in=handoff_ids).order_by("due_at", "id"):
        facts.timers[timer.handoff_id].append(timer)
    for assignment in Assignment.objects.filter(handoff_id__in=handoff_ids).order_by("hop"):
        facts.assignments[assignment.handoff_id].append(assignment)
    for touch in Touch.objects.filter(handoff_id__in=handoff_ids, undone_at__isnull=True).order_by("-at"):
        facts.touches[touch.handoff_id or UUID(int=0)].append(touch)
    _load_story(rows, facts)
    _load_answers(rows, facts)
    _load_reminders(rows, facts)
    excuse_ids = {_id(row.data.get("excuse")) for row in rows if row.kind in _EXCUSES} - {None}
    if excuse_ids:
        facts.excuses = Excuse.objects.select_related("timer").in_bulk(list(excuse_ids))
    dispute_ids = {_id(row.data.get("dispute")) for row in rows if row.kind in _DISPUTES} - {None}
    if dispute_ids:
        facts.disputes = Dispute.objects.select_related("disposition__reason", "fresh_handoff").in_bulk(
            list(dispute_ids)
        )
    meeting_ids = {_id(row.data.get("meeting")) for row in rows if row.kind in _MEETINGS} - {None}
    if meeting_ids:
        facts.meetings = Meeting.objects.select_related("sdr", "ae", "reason").in_bulk(list(meeting_ids))
    facts.members = Member.objects.in_bulk(list(_people(rows, facts)))
    return facts


def _load_story(rows: Iterable[Row], facts: Facts) -> None:
    """The newest engagements of the leads whose message tells the story."""
    wanted = {_handoff_id(row) for row in rows if row.kind in _WITH_STORY}
    leads = {handoff.lead_id for handoff_id, handoff in facts.handoffs.items() if handoff_id in wanted}
    if not leads:
        return
    place = Window(RowNumber(), partition_by=F("lead_id"), order_by=[F("at").desc(), F("id").desc()])
    newest = Engagement.objects.filter(lead_id__in=leads).annotate(place=place).filter(place__lte=LISTED)
    for engagement in newest.order_by("-at", "-id"):
        facts.engagements[engagement.lead_id].append(engagement)


def _load_answers(rows: Iterable[Row], facts: Facts) -> None:
    wanted = {_handoff_id(row) for row in rows if row.kind in _ANSWERS}
    if wanted:
        answers = Disposition.objects.filter(handoff_id__in=wanted, undone_at__isnull=True)
        for answer in answers.select_related("reason").order_by("at"):
            facts.answers[answer.handoff_id, answer.kind] = answer


def _load_reminders(rows: Iterable[Row], facts: Facts) -> None:
    """When the owner was reminded, of the clocks that are overdue."""
    timer_ids = {_id(row.data.get("timer")) for row in rows if row.kind in _OVERDUE}
    if timer_ids:
        for event in TimerEvent.objects.filter(timer_id__in=timer_ids - {None}, shadow=False).order_by(
            "fired_at"
        ):
            if "remind_owner" in event.actions:
                facts.reminders[event.timer_id] = event


def _people(rows: Iterable[Row], facts: Facts) -> set[UUID]:
    people = {handoff.owner_id for handoff in facts.handoffs.values()}
    people |= {_id(row.data[side]) for row in rows for side in ("from", "to") if row.data.get(side)}
    people |= {each.member_id for its in facts.assignments.values() for each in its}
    people |= {each.by_id for its in facts.touches.values() for each in its}
    people |= {excuse.asker_id for excuse in facts.excuses.values()}
    for dispute in facts.disputes.values():
        people |= {dispute.opener_id, dispute.decider_id, dispute.disposition.by_id}
        people |= {dispute.fresh_handoff.owner_id} if dispute.fresh_handoff else set()
    people |= {answer.by_id for answer in facts.answers.values()}
    return {person for person in people if person is not None}


# --- Still worth telling? ---


def _is_moot(row: Row, handoff: Handoff, facts: Facts) -> bool:
    """Whether the world has moved on since the message was written, so that it would only confuse."""
    is_open = handoff.state == Handoff.State.OPEN
    if row.kind == "lead.assigned":
        return not is_open or handoff.owner_id != row.member_id
    if row.kind in ("lead.unrouted", "lead.to_claim"):
        return not is_open or handoff.owner_id is not None
    if row.kind == "lead.engaged":
        return handoff.owner_id != row.member_id
    if row.kind == "lead.excuse_asked":
        excuse = facts.excuses.get(_id(row.data.get("excuse")) or UUID(int=0))
        return excuse is None or excuse.state != Excuse.State.ASKED
    if row.kind == "lead.disputed":
        dispute = facts.disputes.get(_id(row.data.get("dispute")) or UUID(int=0))
        return dispute is None or dispute.state != Dispute.State.OPEN
    if row.kind in ("meeting.booked", "meeting.to_answer"):
        meeting = facts.meetings.get(_id(row.data.get("meeting")) or UUID(int=0))
        return meeting is None or meeting.state != Meeting.State.BOOKED
    timer = facts.timer(handoff.id, _id(row.data.get("timer")))
    if row.kind in ("timer.reminder", "timer.warned"):
        return timer is None or timer.state != Timer.State.RUNNING
    if row.kind == "timer.escalated":
        return not is_open or timer is None or timer.met_at is not None
    return False


# --- Words ---


@dataclass(frozen=True, slots=True)
class Reader:
    """Whose clock the times are written for. `now` is the moment that "left" and "ago" are counted from."""

    zone: ZoneInfo
    now: datetime

    def time(self, at: datetime) -> str:
        """ "Tue 14:15 CET" today, else "Tue 24 Nov 14:15 CET"; a zone without letters by its city. With its
        weekday even today: a mail is read when it is read."""
        local, today = at.astimezone(self.zone), self.now.astimezone(self.zone)
        zone = f"{local:%Z}"
        if not zone.isalpha():  # "+08"
            zone = f"{self.zone.key.rpartition('/')[2].replace('_', ' ')} time"
        day = f"{local:%a}" if local.date() == today.date() else f"{local:%a} {local.day} {local:%b}"
        return f"{day} {local:%H:%M} {zone}"


def _context(row: Row, handoff: Handoff, facts: Facts, now: datetime) -> Context:
    zone = facts.zones.get(row.member_id, facts.zone) if row.member_id else facts.zone
    reader = Reader(ZoneInfo(zone), row.moment(now))
    said = _lead_words(handoff, facts)
    if row.kind.startswith("timer."):
        said.update(_timer_words(row, handoff, facts, reader))
    else:
        said.update(_event_words(row, handoff, facts, reader))
    return Context(said, {"context": _for_machines(handoff, facts)}, f"/leads/{handoff.lead_id}")


def _lead_words(handoff: Handoff, facts: Facts) -> dict[str, str]:
    lead = handoff.lead
    company = lead.company
    mark = "Drill: " if handoff.drill_seconds is not None else "Test: " if handoff.is_test else ""
    points = shown_score(lead.score, handoff.verdict)
    score = f"score {points}" if points is not None else ""
    source = f"Source: {handoff.source or lead.source}" if handoff.source or lead.source else ""
    campaign = f"campaign {handoff.campaign or lead.campaign}" if handoff.campaign or lead.campaign else ""
    owner = facts.name(handoff.owner_id)
    return {
        "lead_name": lead.full_name,
        "lead_and_company": mark + (f"{lead.full_name} ({company})" if company else lead.full_name),
        "lead_first": lead.first_name or "this lead",
        "lead_title": lead.title or "title not known",
        "company": _company(lead, lead.account),
        "company_line": ", ".join(part for part in (lead.title, company) if part),
        "tier_line": ", ".join(part for part in (handoff.tier_name, score) if part),
        "source_line": ", ".join(part for part in (source, campaign) if part),
        "owner": owner,
        "owner_line": f"Owner: {owner}" if handoff.owner_id else "Nobody owns it.",
    }


def _company(lead: Lead, account: Account | None) -> str:
    if account is None:
        return lead.company_name
    size = f"{account.employees:,} people" if account.employees else ""
    parts = [account.name, size, account.industry, account.country]
    flags = [("existing customer", account.is_customer), ("open opportunity", account.has_open_opportunity)]
    return ", ".join([*(part for part in parts if part), *(text for text, is_so in flags if is_so)])


def _event_words(row: Row, handoff: Handoff, facts: Facts, reader: Reader) -> dict[str, str]:
    owner_id = _id(row.data.get("to")) or handoff.owner_id
    said = {"owner": facts.name(owner_id)}
    if row.kind in ("lead.assigned", "lead.engaged", "lead.unrouted", "lead.to_claim"):
        said |= _ask(handoff, facts, reader)
    if row.kind in _WITH_STORY:
        said |= _story(handoff, facts, reader)
    if row.kind == "lead.moved":
        said["moved_why"] = _moved_why(row, handoff, facts, reader)
    if row.kind == "lead.unrouted":
        reason = str(row.data.get("reason") or handoff.unrouted_reason or "nobody_available")
        said["unrouted_why"] = words.lower_first(words.unowned_reason(reason))
    if row.kind in _ANSWERS:
        answer = facts.answers.get((handoff.id, _ANSWERS[row.kind]))
        said["owner"] = facts.name(answer.by_id if answer else owner_id, "sales")
        code = str(row.data.get("reason") or "no reason given")
        said["reason"] = answer.reason.label if answer and answer.reason else words.say({}, code)
        said["note"] = answer.note if answer else ""
    if row.kind in _EXCUSES:
        said |= _excuse(row, facts)
    if row.kind in _DISPUTES:
        said |= _dispute(row, facts)
    if row.kind in _MEETINGS:
        said |= _meeting(row, facts, reader)
    if row.kind == "lead.touched":
        said["touch"] = next((_touch(each, facts, reader) for each in facts.touches[handoff.id]), "touched")
    if row.kind == "lead.stage_changed":
        stage = str(row.data.get("stage") or handoff.lead.stage)
        said["stage"] = Stage(stage).label if stage in Stage.values else stage
    return said


def _meeting(row: Row, facts: Facts, reader: Reader) -> dict[str, str]:
    """Who booked which meeting for whom, and what became of it."""
    meeting = facts.meetings.get(_id(row.data.get("meeting")) or UUID(int=0))
    if meeting is None:
        return {"meeting_sdr": "Somebody", "meeting_time": "a time", "meeting_outcome": "answered"}
    outcome = words.lower_first(str(Meeting.State(meeting.state).label))
    if meeting.absent:
        outcome += f", {words.lower_first(str(Meeting.Absent(meeting.absent).label))} was not there"
    if meeting.reason:
        outcome += f": {meeting.reason.label}"
    again = f"Try again on {meeting.follow_up:%d %b %Y}." if meeting.follow_up else ""
    return {
        "meeting_sdr": meeting.sdr.name,
        "meeting_ae": meeting.ae.name,
        "meeting_time": reader.time(meeting.starts_at),
        "meeting_next_step": f"Next step: {meeting.next_step}" if meeting.next_step else "",
        "meeting_outcome": outcome,
        "meeting_note": meeting.note,
        "meeting_follow_up": again,
    }


def _dispute(row: Row, facts: Facts) -> dict[str, str]:
    """Which rejection is disputed, why, and what became of it."""
    dispute = facts.disputes.get(_id(row.data.get("dispute")) or UUID(int=0))
    if dispute is None:
        return {"dispute_by": "Somebody", "rejecter": "sales", "dispute_outcome": "decided"}
    answer, fresh = dispute.disposition, dispute.fresh_handoff
    follows = _FOLLOWS.get(Dispute.State(dispute.state), "")
    if fresh is not None:
        whose = f"with {facts.name(fresh.owner_id)}" if fresh.owner_id else "waiting for an owner"
        follows = f"The lead came back, {whose}."
    return {
        "dispute_by": facts.name(dispute.opener_id, "A program"),
        "rejecter": facts.name(answer.by_id, "a program"),
        "reason": answer.reason.label if answer.reason else "no reason given",
        "note": answer.note,
        "argument": dispute.argument,
        "dispute_outcome": words.lower_first(str(Dispute.State(dispute.state).label)),
        "dispute_decider": facts.name(dispute.decider_id, "A program"),
        "dispute_note": dispute.note,
        "dispute_follows": follows,
    }


def _excuse(row: Row, facts: Facts) -> dict[str, str]:
    """Which clock is to be excused, why, and what became of it."""
    excuse = facts.excuses.get(_id(row.data.get("excuse")) or UUID(int=0))
    if excuse is None:
        return {"excuse_by": "Somebody", "target": "a clock", "excuse_state": "decided"}
    return {
        "excuse_by": facts.name(excuse.asker_id, "A program"),
        "target": words.lower_first(targets.label(excuse.timer.target)),
        "excuse_kind": str(Excuse.Kind(excuse.kind).label),
        "excuse_note": excuse.note,
        "excuse_state": str(excuse.state),
        "excuse_answer": excuse.decision_note,
    }


def _ask(handoff: Handoff, facts: Facts, reader: Reader) -> dict[str, str]:
    """What is due of the owner, by when: the owner's clocks, or the company's where nobody owns the lead."""
    running = [timer for timer in facts.timers[handoff.id] if timer.state == Timer.State.RUNNING]
    mine = [timer for timer in running if timer.clock == Timer.Clock.OWNER] or running
    lines = [f"- {targets.label(timer.target)} by {reader.time(timer.due_at)}" for timer in mine]
    ask = "nothing is due now"
    if mine:
        target = words.lower_first(targets.label(mine[0].target))
        ask = f"{target} due {reader.time(mine[0].due_at)}"
    return {"ask": ask, "dues": "\n".join(lines) or "- Nothing now"}


def _story(handoff: Handoff, facts: Facts, reader: Reader) -> dict[str, str]:
    engagements = facts.engagements[handoff.lead_id]
    did = [f"- {_engagement(each)}, {reader.time(each.at)}" for each in engagements]
    current = next((each for each in facts.assignments[handoff.id] if each.ended_at is None), None)
    return {
        "met": _reason([*_triggered(handoff), *_met(handoff)]) or "No criteria were kept with it",
        "engagements": "\n".join(did) or "- Nothing recorded",
        "engagement": words.lower_first(_engagement(engagements[0])) if engagements else "a new signal",
        "history": "\n".join(_history(handoff, facts, reader)) or "- You are the first to have it",
        "why_you": (current.reason if current else "") or "your turn in the pool",
    }


def _reason(lines: Sequence[str]) -> str:
    """The criteria that were met as one short line; the lead's page has them all."""
    said = "; ".join(lines[:REASONS])
    more = f", and {len(lines) - REASONS} more" if len(lines) > REASONS else ""
    return f"{shorten(said, REASON_LENGTH, placeholder=' ...')}{more}" if said else ""


def _triggered(handoff: Handoff) -> list[str]:
    """What handed it over, where that was something else than the criteria."""
    text = triggered_by(handoff.verdict)
    return [text] if text else []


def _met(handoff: Handoff) -> list[str]:
    """The criteria that were met, each with what was seen; not what else would have done."""
    parts = parts_of(handoff.criteria_version_id) if handoff.verdict else {}
    lines = []
    for line in criteria_lines(ListNames().in_verdict(handoff.verdict), parts):
        if line["state"] == "met":
            seen = "" if line["choices"] or not line["text"] or line["is_group"] else f" ({line['text']})"
            lines.append(f"{line['title']}{seen}")
    return lines


def _history(handoff: Handoff, facts: Facts, reader: Reader) -> list[str]:
    """Earlier owners and touches of this handoff, oldest first."""
    past = [
        (
            each.ended_at,
            f"{facts.name(each.member_id, 'somebody')} had it: {words.say(words.ENDED, each.end_reason)}",
        )
        for each in facts.assignments[handoff.id]
        if each.ended_at is not None
    ]
    past += [(each.at, _touch(each, facts)) for each in facts.touches[handoff.id]]
    past.sort(key=lambda entry: entry[0])
    return [f"- {reader.time(at)} {text}" for at, text in past[-LISTED:]]


def _engagement(engagement: Engagement) -> str:
    text = words.say(words.ENGAGEMENTS, engagement.kind)
    return f"{text}: {engagement.subject}" if engagement.subject else text


def _touch(touch: Touch, facts: Facts, reader: Reader | None = None) -> str:
    by = f" by {facts.name(touch.by_id)}" if touch.by_id else ""
    outcome = f", {words.touch_outcome(touch.outcome)}" if touch.outcome else ""
    at = f", {reader.time(touch.at)}" if reader else ""
    return f"{words.say(words.TOUCHES, touch.kind)}{by}{outcome}{at}"


def _moved_why(row: Row, handoff: Handoff, facts: Facts, reader: Reader) -> str:
    trigger = str(row.data.get("trigger") or "")
    if trigger != "breach":
        return _MOVED.get(trigger, "it has a new owner")
    old_owner = _id(row.data.get("from"))
    missed = [
        timer
        for timer in facts.timers[handoff.id]
        if timer.member_id == old_owner and timer.state == Timer.State.BREACHED
    ]
    if not missed:
        return "it was overdue"
    target = words.lower_first(targets.label(missed[-1].target))
    return f"{target} was due {reader.time(missed[-1].due_at)}"


def _timer_words(row: Row, handoff: Handoff, facts: Facts, reader: Reader) -> dict[str, str]:
    timer = facts.timer(handoff.id, _id(row.data.get("timer")))
    target = timer.target if timer else str(row.data.get("target") or "first_touch")
    written = str(row.data.get("due_at") or row.at.isoformat())
    due_at = timer.due_at if timer else datetime.fromisoformat(written)
    lead = handoff.lead
    company = lead.company
    whom = f"{lead.full_name} ({company})" if company else lead.full_name
    judged = facts.name(_id(row.data.get("from")) or handoff.owner_id)
    said = {
        "task": _TASKS.get(target, "answer {}").format(whom),
        "target": words.lower_first(targets.label(target)),
        "due": reader.time(due_at),
        "left": _left(timer, due_at, reader),
        "late": late_text((reader.now - due_at).total_seconds()),
        "next_step": _next_step(row, handoff, facts, reader.time(due_at)),
        "warned_line": "",
    }
    reminder = facts.reminders.get(timer.id) if timer else None
    if reminder is not None:
        said["warned_line"] = f"{judged} was reminded {reader.time(reminder.fired_at)}."
    return said


def _left(timer: Timer | None, due_at: datetime, reader: Reader) -> str:
    """Working time left on the timer's calendar; it is what the reader can use."""
    calendar = load_calendar(timer.calendar_version_id) if timer else None
    if reader.now >= due_at:
        return "No time"
    if calendar is None:
        return str(minutes_text((due_at - reader.now).total_seconds()))
    return str(minutes_text(calendar.elapsed_seconds(reader.now, due_at)))


def _next_step(row: Row, handoff: Handoff, facts: Facts, due: str) -> str:
    if row.kind in ("timer.reminder", "timer.warned"):
        return f"After {due} it counts as overdue and may move to somebody else."
    new_owner = _id(row.data.get("to"))
    if new_owner is not None:
        return f"Moved to {facts.name(new_owner)}."
    if handoff.owner_id is None:
        return "Nobody owns it: please give it to somebody."
    return f"It stays with {facts.name(handoff.owner_id)} until somebody moves it."


def _for_machines(handoff: Handoff, facts: Facts) -> dict[str, Any]:
    """What a webhook says of the lead beside the ids."""
    lead, owner = handoff.lead, facts.members.get(handoff.owner_id) if handoff.owner_id else None
    return {
        "lead": {
            "id": str(lead.id),
            "email": lead.email,
            "first_name": lead.first_name,
            "last_name": lead.last_name,
            "title": lead.title,
            "company": lead.company,
            "stage": lead.stage,
            "score": shown_score(lead.score, handoff.verdict),
            "source": handoff.source or lead.source,
            "campaign": handoff.campaign or lead.campaign,
            "test": lead.is_test,
            "url": f"{settings.SITE_URL.rstrip('/')}/leads/{lead.id}",
        },
        "handoff": {
            "id": str(handoff.id),
            "number": handoff.number,
            "state": handoff.state,
            "tier": handoff.tier,
            "started_at": handoff.started_at.isoformat(),
        },
        "owner": person_document(owner),
    }
