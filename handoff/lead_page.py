"""Everything that the page of one lead shows, gathered in a number of queries that does not grow with its
history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from core.countries import shown
from feedback.models import Disposition, Dispute
from feedback.settings import settings
from handoff import clocks, words
from handoff.after_hours import after_hours, in_words
from handoff.attempts import owed_words, progress_of
from handoff.corrections import may_correct
from handoff.excuses import BrokenClock, are_used, broken_clocks
from handoff.lead_score import ScoreNow, score_now
from handoff.meeting_reads import MeetingLine, meeting_lines
from handoff.nurture import NURTURED, is_nurtured
from handoff.readiness import hold_of
from handoff.selectors import ACTS
from handoff.services import Actor, may_write
from handoff.shadow import is_measured_only
from handoff.timeline import Item, Timeline, assignments_of, timeline
from leads import sql_bar
from leads.criteria import SCHEMA, Part, parts_of, values_of
from leads.lifecycle import Stage
from leads.list_names import ListNames
from leads.models import Account, Assignment, DataWait, Handoff, Lead, Opportunity, SqlAnswers
from leads.opportunities import opportunities_of
from leads.quality import Completeness, completeness
from leads.requirements import MISSING, Lack, lacks_of, required_labels
from leads.score import shown_score
from leads.triggers import triggered_by
from routing.decide import HELD, WAITS_FOR_CLAIM
from sla.attempts import Progress
from sla.models import Timer
from sla.services import pause_rules
from tenants.models import Member, Role, Tenant

#: What a rep wants to know of a contact, in this order.
_CONTACT = (
    ("phone", "Phone"),
    ("email", "E-mail"),
    ("title", "Title"),
    ("country", "Country"),
    ("region", "Region"),
    ("postal_code", "Postal code"),
    ("source", "Source"),
    ("campaign", "Campaign"),
    ("channel", "Channel"),
    ("score", "Score"),
)
_COMPANY = (
    ("domain", "Domain"),
    ("industry", "Industry"),
    ("employees", "Employees"),
    ("revenue", "Revenue a year"),
    ("country", "Country"),
)
#: What criteria ask about besides engagements.
_FIELD_LABELS: Final = frozenset(field.label for field in SCHEMA.by_name.values())
_FLAGS = (
    ("is_customer", "Customer"),
    ("is_partner", "Partner"),
    ("is_competitor", "Competitor"),
    ("has_open_opportunity", "Open deal"),
    ("is_named", "Named account"),
)


#: How an SQL criterion is marked, by whether it is met; None where it was not answered.
_SQL_LOOKS: Final[dict[bool | None, dict[str, str]]] = {
    True: {"icon": "check", "css": "sp-ok", "state": "met"},
    False: {"icon": "x", "css": "sp-3", "state": "not met"},
    None: {"icon": "alert-triangle", "css": "sp-risk", "state": "not answered"},
}


@dataclass(frozen=True, slots=True)
class Rejection:
    """A rejection as marketing sees it. dispute: None where nobody objected; may_dispute: this member can,
    until `until`."""

    dispute: Dispute | None
    may_dispute: bool
    until: datetime

    @property
    def state(self) -> str:
        return str(Dispute.State(self.dispute.state).label) if self.dispute else ""


@dataclass(frozen=True, slots=True)
class LeadPage:
    """One lead as its page shows it. handoff: the open or else the last one; None before the first.
    why_them: why its owner has it, told to somebody else.

    measured: it is open and in shadow mode. after_hours: when it came and business opened, in words; "" where
    it came in working hours.
    """

    lead: Lead
    handoff: Handoff | None
    assignment: Assignment | None
    why_them: str
    clocks: list[dict[str, Any]]
    criteria: list[dict[str, Any]]
    verdict: Mapping[str, Any] | None
    contact: list[dict[str, Any]]
    company: list[dict[str, Any]]
    flags: list[str]
    others: int
    timeline: Timeline
    attempts: int
    channels: int
    owed: str
    owed_done: bool
    actions: set[str]
    pause: Item | None
    moved: str
    may_correct: bool
    may_judge_again: bool
    broken: list[BrokenClock]
    excuses_used: bool  # of broken clocks: whether anybody here ever asked to excuse one
    measured: bool
    score: ScoreNow
    completeness: Completeness
    hold: DataWait | None  # it is held for enrichment
    lacks: Sequence[Lack]
    sql: SqlAnswers | None
    after_hours: str = ""
    rejection: Rejection | None = None  # that marketing may dispute, or did
    opportunities: Sequence[Opportunity] = ()
    may_deal: bool = False
    meetings: Sequence[MeetingLine] = ()  # the latest first

    @property
    def sql_rows(self) -> list[dict[str, Any]]:
        """The SQL criteria as a list draws them: label, value in words, icon."""
        return [
            {"label": row["label"], "value": sql_bar.value_words(row), **_SQL_LOOKS[row["met"]]}
            for row in (self.sql.answers if self.sql else ())
        ]

    @property
    def sql_met(self) -> str:
        """ "3 of 4 met"."""
        rows = self.sql.answers if self.sql else []
        return f"{sum(bool(row['met']) for row in rows)} of {len(rows)} met"

    @property
    def trigger(self) -> dict[str, Any] | None:
        """What handed the lead over, where that may be something else than the criteria."""
        return (self.verdict or {}).get("trigger")

    @property
    def stage(self) -> str:
        return Stage(self.lead.stage).label

    @property
    def known_text(self) -> str:
        """How much is known of the ten fields that are the same for every lead: "7 of 10 fields known"."""
        return f"{self.completeness.known} of {self.completeness.of} fields known"

    @property
    def needs(self) -> str:
        return needs_text(self.lead.needs)

    @property
    def wrong(self) -> list[str]:
        """What a handoff asks for and cannot be true, a sentence each."""
        return [lack.words for lack in self.lacks if lack.code != MISSING]

    @property
    def hold_text(self) -> str:
        """What it is held for: "Phone and Employees"."""
        return needs_text(self.hold.fields) if self.hold else ""

    @property
    def unowned(self) -> str:
        """What the open lead waits for while nobody owns it; nothing to say where somebody does."""
        if self.handoff is None or self.handoff.owner_id is not None or not self.is_open:
            return ""
        return unowned_words(self.handoff)

    @property
    def is_nurtured(self) -> bool:
        return self.handoff is not None and is_nurtured(self.handoff)

    @property
    def is_open(self) -> bool:
        return self.handoff is not None and self.handoff.state == Handoff.State.OPEN


def lead_page(
    *, lead: Lead, tenant: Tenant, member: Member, now: datetime, sla_only: bool = False, older: str = ""
) -> LeadPage:
    """The page of a lead that this member may see (`selectors.get_lead`). older: cursor of the timeline."""
    handoffs = list(Handoff.objects.filter(lead=lead).select_related("owner__team").order_by("-number"))
    handoff = handoffs[0] if handoffs else None
    assignments = assignments_of([each.id for each in handoffs])
    timers = list(Timer.objects.filter(handoff=handoff)) if handoff else []
    panels, assignment = clock_panels(handoff, assignments, tenant=tenant, now=now, timers=timers)
    told = timeline(lead, [each.id for each in handoffs], assignments, sla_only=sla_only, cursor=older)
    attempts = [
        item
        for item in told.steps
        if item.kind == "touch" and not item.data["automatic"] and not item.data["undone"]
    ]
    if handoff is not None:
        attempts = [item for item in attempts if item.at >= handoff.started_at]
    asked = progress_of([handoff]).get(handoff.id) if handoff else None
    pause = _open_pause(told.steps)
    verdict = ListNames().in_verdict((handoff.verdict if handoff else None) or lead.verdict)
    score = score_now(lead, now=now)
    known = values_of(lead, lead.account)
    contact = [
        _line(lead, name, label) for name, label in _CONTACT if name != "score" or not score.is_counted
    ]
    broken = (
        broken_clocks(
            handoff,
            timers,
            _excuses(told.steps),
            member,
            names={each.member_id: each.member.name for each in assignments},
            now=now,
        )
        if handoff
        else []
    )
    actions = allowed(
        handoff,
        member,
        paused=pause is not None,
        runs=any(each.state == Timer.State.RUNNING and each.due_at >= now for each in timers),
    )
    if "stage" in actions and lead.stage == Stage.SQL:
        actions.add("sql_answers")
    return LeadPage(
        lead=lead,
        handoff=handoff,
        assignment=assignment,
        why_them=words.why_them(assignment.reason) if assignment else "",
        clocks=panels,
        criteria=criteria_lines(verdict, parts_of(_judged_by(lead, handoff))),
        verdict=verdict,
        contact=contact,
        company=_company(lead.account),
        flags=[label for name, label in _FLAGS if lead.account and getattr(lead.account, name)],
        others=getattr(lead, "colleagues", 0),
        timeline=told,
        attempts=len(attempts),
        channels=len({item.data["kind"] for item in attempts}),
        owed=_owed(asked) if asked else "",
        owed_done=bool(asked and not asked.owed),
        actions=actions,
        pause=pause,
        moved=_moved(handoff, member),
        may_correct=may_correct(lead, member),
        may_judge_again=member.role in (Role.ADMIN, Role.MARKETING)
        and (handoff is None or handoff.state == Handoff.State.CLOSED),
        broken=broken,
        excuses_used=bool(broken) and are_used(),
        measured=handoff is not None
        and handoff.state == Handoff.State.OPEN
        and is_measured_only(handoff.owner, tenant),
        score=score,
        completeness=completeness(known),
        hold=hold_of(lead) if handoff is None or handoff.state == Handoff.State.CLOSED else None,
        lacks=lacks_of(lead.needs, known),
        opportunities=opportunities_of(lead.id),
        meetings=_meetings(lead, handoffs, told, member, now),
        may_deal=member.role in ACTS and may_write(Actor.person(member), lead, handoff),
        after_hours=in_words(after_hours(handoff, timers, now=now), now=now) if handoff else "",
        sql=sql_bar.answers_of(handoff.id) if handoff is not None and handoff.sql_at is not None else None,
        rejection=_rejection(handoffs, member, now),
    )


def _meetings(
    lead: Lead, handoffs: Sequence[Handoff], told: Timeline, member: Member, now: datetime
) -> Sequence[MeetingLine]:
    """The meetings that were booked with the lead. Booking logs a touch, so without one there is no query."""
    booked = any(each.kind == Handoff.Kind.OUTBOUND for each in handoffs) or any(
        step.kind == "meeting" or (step.kind == "touch" and step.data["kind"] == "meeting")
        for step in told.steps
    )
    return meeting_lines(lead.id, Actor.person(member), now=now) if booked else ()


def _rejection(handoffs: Sequence[Handoff], member: Member, now: datetime) -> Rejection | None:
    """The last rejection of the lead; two queries, and only where one of its handoffs ended so."""
    ended = [each.id for each in handoffs if each.outcome == Handoff.Outcome.REJECTED]
    if not ended:
        return None
    given: Disposition | None = (
        Disposition.objects.filter(
            handoff_id__in=ended, kind=Disposition.Kind.REJECTED, undone_at__isnull=True
        )
        .order_by("-at")
        .first()
    )
    if given is None:
        return None
    dispute: Dispute | None = Dispute.objects.filter(disposition=given).first()
    until = given.at + timedelta(days=settings().dispute_days)
    may = member.role in (Role.MARKETING, Role.ADMIN) and dispute is None and now <= until
    real = not any(each.is_test for each in handoffs if each.id == given.handoff_id)
    return Rejection(dispute, may and real, until)


def _owed(found: Progress) -> str:
    """ "1 of 3 attempts made. 2 attempts are still owed, one of them by another channel than e-mail."."""
    made = f"{found.done} of {found.count} attempts made"
    if not found.owed:
        return f"{made}, as the policy asks."
    said = owed_words(found)
    return f"{made}. {said}"


def clock_panels(
    handoff: Handoff | None,
    assignments: Sequence[Assignment],
    *,
    tenant: Tenant,
    now: datetime,
    timers: Sequence[Timer] | None = None,
) -> tuple[list[dict[str, Any]], Assignment | None]:
    """The clocks of a handoff and the assignment whose clocks they are; one query without `timers`.

    assignments: `timeline.assignments_of` this handoff, and maybe others. timers: all of the handoff.
    """
    if handoff is None:
        return [], None
    own = [each for each in assignments if each.handoff_id == handoff.id]
    assignment = max(own, key=lambda each: each.hop, default=None)
    closed = handoff.state == Handoff.State.CLOSED
    mine = assignment if assignment and (closed or assignment.ended_at is None) else None
    if timers is None:
        timers = list(Timer.objects.filter(handoff=handoff))
    stays = closed or is_measured_only(mine.member if mine else None, tenant)
    panels = clocks.panels(timers, now=now, owner_assignment=mine.id if mine else None, stays=stays)
    return panels, assignment


def _judged_by(lead: Lead, handoff: Handoff | None) -> UUID | None:
    """The version of the criteria that the page's verdict is of."""
    if handoff is not None and handoff.verdict:
        return handoff.criteria_version_id
    return lead.criteria_version_id if lead.verdict else None


def _open_pause(items: Sequence[Item]) -> Item | None:
    """The pause that lasts, from a timeline with the newest first."""
    last = next((item for item in items if item.kind in ("pause", "pause_end")), None)
    return last if last and last.kind == "pause" else None


def _excuses(items: Sequence[Item]) -> dict[str, str]:
    """How the last excuse of each clock stands, by timer id, from a timeline with the newest first."""
    found: dict[str, str] = {}
    for item in items:
        if item.kind in ("excuse", "excuse_end"):
            found.setdefault(item.data["timer"], item.data.get("state", "asked"))
    return found


def allowed(handoff: Handoff | None, member: Member, *, paused: bool = False, runs: bool = True) -> set[str]:
    """What this member may do with the lead now: names of actions. Services check again under the lock.

    runs: whether a clock runs that a pause could stop.
    """
    if handoff is None or member.role not in ACTS:
        return set()
    oversees = member.role in (Role.MANAGER, Role.ADMIN)
    if not oversees and handoff.owner_id != member.id:
        return set()
    if handoff.state == Handoff.State.CLOSED:
        return {"touch"}
    found = {
        "touch",
        "progress",
        "nurture",
        "book",
        "reassign" if oversees and handoff.owner_id != member.id else "hand_over",
    }
    if handoff.owner_id is None:
        return {"reassign"} if oversees else set()
    if paused:
        found.add("resume")
    elif runs and pause_rules(handoff, role="manager" if oversees else "rep"):
        found.add("pause")
    if handoff.accepted_at is None:
        found |= {"accept", "reject"}
    else:
        found.add("stage")
    return found


#: What a lead without an owner waits for, where that is as its pool is set up.
_WAITS_FOR: Final = {
    WAITS_FOR_CLAIM: "Whoever of its pool claims it first has it.",
    HELD: "It is held until somebody of its pool is at work.",
}


def unowned_words(handoff: Handoff) -> str:
    """What a lead without an owner waits for."""
    if handoff.unrouted_reason == NURTURED:
        return "A nurture sequence answers this lead instead of a person. Anybody may still be given it."
    waits_for = _WAITS_FOR.get(handoff.unrouted_reason, "It waits for the next free person.")
    return f"Nobody owns this lead now. {waits_for}"


def _moved(handoff: Handoff | None, member: Member) -> str:
    """Why a rep who opened a lead may do nothing with it, or nothing to say."""
    if handoff is None or member.role != Role.REP or handoff.owner_id == member.id:
        return ""
    if handoff.owner is None:
        return unowned_words(handoff)
    return f"{handoff.owner.name} owns this lead"


#: Conditions or values of which one is enough: more than these are not all said, but kept to be opened.
_MOST_SAID: Final = 3


def criteria_lines(
    verdict: Mapping[str, Any] | None, parts: Mapping[str, Part] | None = None
) -> list[dict[str, Any]]:
    """The criteria of a verdict for a list: title, text, state, an icon, and what else would have done.

    parts: of the version that judged (`leads.criteria.parts_of`). Of a group the title is what was met of it.
    A long list of what is enough is counted in the text and given as `choices`.
    """
    icons = {"met": ("check", "sp-ok"), "not_met": ("x", "sp-3"), "missing": ("alert-triangle", "sp-risk")}
    lines = []
    for each in (verdict or {}).get("criteria", ()):
        icon, css = icons[each["state"]]
        seen = seen_text(each["seen"])
        is_group = isinstance(each["seen"], list) and each["state"] == "met" and bool(seen)
        title, text = (seen, each["label"]) if is_group else (each["label"], seen)
        part = (parts or {}).get(each["path"])
        choices = part.choices if part is not None and len(part.choices) > _MOST_SAID else ()
        if part is not None and choices:
            title, text = _of_many(part, seen, met=each["state"] == "met")
        if each["state"] == "missing":
            text = "Not known"
        lines.append(
            {
                "title": title,
                "text": text,
                "state": each["state"],
                "icon": icon,
                "css": css,
                "choices": choices,
                "is_group": is_group,
            }
        )
    return lines


def _of_many(part: Part, seen: str, *, met: bool) -> tuple[str, str]:
    """Title and text of a criterion of which one of many is enough."""
    number = len(part.choices)
    if part.about:
        title = f"{part.about}: {seen}" if seen else part.about
        return title, f"{'One' if met else 'None'} of {number}"
    return (seen, f"Any one of {number} is enough") if met else (f"None of {number}", "One is enough")


def seen_text(seen: object) -> str:
    """What a criterion saw, in a few words: "Pricing page ×3, Employees: 420"."""
    if seen is None or seen == "" or seen == []:
        return ""
    if isinstance(seen, list):
        return ", ".join(_counted(str(each)) for each in seen[:4])
    if isinstance(seen, bool):
        return "yes" if seen else "no"
    return str(seen)


def _counted(seen: str) -> str:
    """ "Pricing page: 3" as people say it, where it is a count of engagements."""
    label, _, value = seen.rpartition(": ")
    if label in _FIELD_LABELS or not value.isdigit():
        return seen
    return label if value == "1" else f"{label} ×{value}"


def why_line(handoff: Handoff, lists: ListNames) -> str:
    """One line that says why the lead is hot: what it did, and its score."""
    parts = [
        line["title"]
        for line in criteria_lines(lists.in_verdict(handoff.verdict))
        if line["state"] == "met" and not line["title"].startswith("Not ")
    ]
    outside = triggered_by(handoff.verdict)
    if outside:
        parts.insert(0, outside)
    score = shown_score(handoff.lead.score, handoff.verdict)
    if score is not None:
        parts.append(f"score {score}")
    return ", ".join(dict.fromkeys(parts)) or handoff.campaign or handoff.source


def needs_text(needs: Sequence[str]) -> str:
    """The handoff requirements that are missing, in words."""
    return words.listed(required_labels(needs))


def _line(source: object, name: str, label: str) -> dict[str, Any]:
    value = getattr(source, name)
    known = value is not None and value != ""
    text = f"{value:,}" if isinstance(value, int) and name != "score" else value
    if name == "country" and known:
        text = shown(value)
    return {"name": name, "label": label, "value": text, "missing": not known}


def _company(account: Account | None) -> list[dict[str, Any]]:
    return [_line(account, name, label) for name, label in _COMPANY] if account else []
