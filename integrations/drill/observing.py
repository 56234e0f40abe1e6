"""What became of a drill's leads, read from the records that every lead leaves. A fixed number of queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from handoff import words
from handoff.nurture import is_nurtured
from handoff.shadow import gate_of
from integrations.drill.cards import Fired, Seen, Told
from integrations.drill.sending import SYSTEM, left_unsaid
from integrations.models import Drill
from leads.models import Assignment, DataWait, Handoff, Lead, LeadExternalId
from leads.requirements import required_labels
from leads.triggers import triggers_in_force
from notifications.models import OutboxMessage
from routing.decide import HELD, WAITS_FOR_CLAIM
from sla.models import Timer, TimerEvent
from sla.policies import find_policy
from sla.targets import Target
from tenants.models import Member

_CHANNELS: Final = {"email": "e-mail", "inapp": "the app", "webhook": "webhook"}
#: Why a lead has no owner that is no fault: its pool is closed, or people claim, or another system routes.
_AS_SET_UP: Final = (HELD, WAITS_FOR_CLAIM, "outside")
_DEADLINE: Final = 100
_UNMET: Final = 3  # criteria named of a lead that does not qualify


def leads_of(drill: Drill) -> dict[int, Lead]:
    """The leads of a drill by their place in its set."""
    wanted = [f"{drill.id}:{place}" for place in range(len(drill.leads))]
    rows = LeadExternalId.objects.filter(system=SYSTEM, external_id__in=wanted).select_related("lead")
    return {int(row.external_id.partition(":")[2]): row.lead for row in rows}


def see(drill: Drill) -> list[Seen]:
    """What is seen of each lead of the set by now, in its order."""
    leads = leads_of(drill)
    handoffs = _handoffs(leads)
    ids = [handoff.id for handoff in handoffs.values()]
    owners = _owners(ids)
    timers = _first_clocks(ids)
    fired = _fired(timers)
    messages = _messages(ids)
    receipts: dict[UUID, list[Any]] = defaultdict(list)
    for receipt in drill.receipts.order_by("at", "id"):
        receipts[receipt.handoff_id].append((receipt.kind, receipt.at))
    gate = gate_of(spans[0].member_id for spans in owners.values())
    unsaid = left_unsaid(triggers_in_force())
    found = []
    for place in range(len(drill.leads)):
        answer: Mapping[str, Any] = drill.answers[place] if place < len(drill.answers) else {}
        lead, handoff = leads.get(place), handoffs.get(place)
        if lead is None or handoff is None:
            held = _hold_of(lead)
            why_not = _why_not(lead, held)
            found.append(Seen(answer, judged=why_not, held=held is not None, unsaid=unsaid if lead else ""))
            continue
        spans, timer = owners.get(handoff.id, []), timers.get(handoff.id)
        found.append(
            Seen(
                answer=answer,
                started_at=handoff.started_at,
                judged=_why(handoff),
                owners=[span.member.name for span in spans],
                moved_at=_moved_at(spans),
                waits=f"{words.say(words.REASONS, handoff.unrouted_reason)}."
                if handoff.unrouted_reason
                else "",
                allowed=handoff.unrouted_reason in _AS_SET_UP,
                answered=bool(timer and timer.met_at),
                due_at=timer.due_at if timer else None,
                nurtured=is_nurtured(handoff),
                shadow=gate.holds(spans[0].member_id if spans else None),
                ladder=_ladder(handoff),
                fired=fired.get(timer.id, ()) if timer else (),
                messages=messages.get(handoff.id, ()),
                receipts=receipts[handoff.id],
            )
        )
    return found


def _handoffs(leads: Mapping[int, Lead]) -> dict[int, Handoff]:
    by_lead = {lead.id: place for place, lead in leads.items()}
    rows = Handoff.objects.filter(lead_id__in=by_lead, drill_seconds__isnull=False).order_by("number")
    return {by_lead[row.lead_id]: row for row in rows}


def _owners(handoff_ids: Sequence[UUID]) -> dict[UUID, list[Assignment]]:
    found: dict[UUID, list[Assignment]] = defaultdict(list)
    rows = Assignment.objects.filter(handoff_id__in=handoff_ids).select_related("member")
    for row in rows.order_by("hop"):
        found[row.handoff_id].append(row)
    return found


def _moved_at(spans: Sequence[Assignment]) -> datetime | None:
    """When the first owner lost it; the end of the drill takes it from nobody."""
    if not spans or spans[0].end_reason == Assignment.EndReason.CLOSED:
        return None
    moved_at: datetime | None = spans[0].ended_at
    return moved_at


def _first_clocks(handoff_ids: Sequence[UUID]) -> dict[UUID, Timer]:
    """The clock of the first owner for the first touch; the company's where nobody has the lead."""
    rows = Timer.objects.filter(handoff_id__in=handoff_ids, target=Target.FIRST_TOUCH)
    found: dict[UUID, Timer] = {}
    for timer in rows.order_by("started_at", "id"):
        known = found.get(timer.handoff_id)
        if known is None or (known.clock == Timer.Clock.COMPANY and timer.clock == Timer.Clock.OWNER):
            found[timer.handoff_id] = timer
    return found


def _fired(timers: Mapping[UUID, Timer]) -> dict[UUID, list[Fired]]:
    found: dict[UUID, list[Fired]] = defaultdict(list)
    events = TimerEvent.objects.filter(timer_id__in=[timer.id for timer in timers.values()])
    for event in events.order_by("step"):
        fired = Fired(event.percent, event.actions, event.lateness_ms, event.shadow)
        found[event.timer_id].append(fired)
    return found


def _messages(handoff_ids: Sequence[UUID]) -> dict[UUID, list[Told]]:
    subjects = {f"handoff:{handoff_id}": handoff_id for handoff_id in handoff_ids}
    rows = list(OutboxMessage.objects.filter(subject__in=subjects).order_by("created_at", "id"))
    names = dict(Member.objects.filter(id__in={row.member_id for row in rows}).values_list("id", "name"))
    found: dict[UUID, list[Told]] = defaultdict(list)
    for row in rows:
        sent_at = row.closed_at if row.state == OutboxMessage.State.SENT else None
        channel = _CHANNELS.get(row.channel, row.channel)
        to = names.get(row.member_id, "")
        found[subjects[row.subject]].append(Told(row.kind, channel, to, row.state, sent_at))
    return found


def _ladder(handoff: Handoff) -> list[tuple[int, list[str]]]:
    """The steps of its policy up to the deadline, with what each does."""
    policy = find_policy(handoff.policy_version_id) if handoff.policy_version_id else None
    if policy is None:
        return []
    steps = [step for step in policy.ladder if step.after is None and step.at <= _DEADLINE]
    return [(step.at, [str(act.do) for act in step.actions]) for step in steps]


def _why(handoff: Handoff) -> str:
    version = (handoff.verdict or {}).get("version")
    tier = f" Tier {handoff.tier_name}." if handoff.tier_name else " No SLA policy is in force."
    return f"By version {version} of the criteria.{tier}" if version else tier.strip()


def _hold_of(lead: Lead | None) -> DataWait | None:
    lasting = DataWait.objects.filter(lead=lead, ended_at=None, kind=DataWait.Kind.ENRICHMENT)
    found: DataWait | None = lasting.first() if lead is not None else None
    return found


def _why_not(lead: Lead | None, held: DataWait | None) -> str:
    """Why a lead did not become an MQL, in words."""
    if lead is None:
        return "It never arrived."
    if held is not None:
        return f"It is held for enrichment: {', '.join(required_labels(held.fields))}."
    if lead.needs:
        return f"It waits for data: {', '.join(required_labels(lead.needs))}."
    trigger = (lead.verdict or {}).get("trigger")
    if trigger:
        return f"{trigger['text']}."
    lines = (lead.verdict or {}).get("criteria", [])
    unmet = [str(line.get("label")) for line in lines if line.get("state") != "met"][:_UNMET]
    return f"It does not meet the criteria: {'; '.join(unmet)}." if unmet else "No criteria are in force."
