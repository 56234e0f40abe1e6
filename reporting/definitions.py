"""What the numbers of the funnel mean, said once: for roll-ups, lists of leads, pages, files and the API.
docs/reporting.md tells it to readers; reporting.measures has those of clocks.

A handoff belongs to the day on which it started (MQL), in the organisation's time zone.

Reached. A later stage counts as reached for the earlier ones: a deal that was won was an opportunity, an SQL
and an SAL, also where nobody said so at the time. A handoff reached a stage at the earliest of the instants
recorded for it and for those after it. Rejection, nurture, loss and disqualification are no stages: they take
back nothing that was reached.

Conversion from one stage to the next is of those that reached the first: how many reached the second. With
"followed for N days" a stage counts where it was reached within N times 24 hours of MQL, and MQLs of days
that ended less than N days ago are left out of every base, and counted as left out.

Acceptance rate is accepted / (accepted + rejected + nurture), by sales' first standing answer, as answered:
a rejection that a dispute overturned stays one (reporting.feedback_measures has them as corrected). Those
without an answer are left out of its base.

Contacted: somebody made a touch of a kind that counts as a response. Untouched after 72 hours: nobody had by
then, and it had not been closed by then; those closed before are left out of its base, and so are MQLs of
days that ended less than 72 hours ago.

Complete, of what marketing hands over: a phone number that exists, and an e-mail address that is well formed
and no throw-away one; as the lead is known now. Rejected for bad data: for the reason BAD_DATA. A rejection
is explained where it names a reason; imported ones are in neither, as nobody gave them here.

Where a journey ended: the furthest stage that a handoff reached, and the outcome it was closed with there.
One that is open, or was closed without an outcome, stands at that stage.

Durations are seconds between two recorded instants, by the wall clock, but for the two that are clocks
(first touch, decision), which are working time. One that would be negative is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from django.db.models import F, Q
from django.db.models.expressions import Combinable
from django.db.models.functions import Least

from leads.lifecycle import Stage
from reporting.models import HandoffFact

#: Stages of a handoff, in order, and the column that says when each was recorded.
INSTANTS: Final[Mapping[str, str]] = {
    Stage.MQL.value: "started_at",
    Stage.SAL.value: "accepted_at",
    Stage.SQL.value: "sql_at",
    Stage.OPPORTUNITY.value: "opportunity_at",
    Stage.WON.value: "won_at",
}
STAGES: Final = tuple(INSTANTS)
LATER_STAGES: Final = STAGES[1:]
#: Days that MQLs may be followed for.
FOLLOWED: Final = (30, 60, 90)
UNTOUCHED_HOURS: Final = 72
#: Weeks since MQL that cohorts are followed for.
COHORT_WEEKS: Final = 12
#: A share of fewer is not shown in cohorts: it would mean nothing.
LEAST_OF_COHORT: Final = 5


def stages_from(stage: str) -> tuple[str, ...]:
    """The columns whose earliest instant is when a stage was reached."""
    return tuple(INSTANTS[each] for each in STAGES[STAGES.index(stage) :])


def reached_sql(stage: str) -> str:
    """When a handoff reached a stage, over the columns of its fact; null: it did not."""
    if stage == STAGES[0]:
        return INSTANTS[stage]
    return f"least({', '.join(stages_from(stage))})"


def reached_at(stage: str) -> Combinable:
    """The same as an expression of queries."""
    columns = stages_from(stage)
    if stage == STAGES[0] or len(columns) == 1:
        return F(columns[0])
    return Least(*columns)


def reached_of(fact: HandoffFact, stage: str) -> datetime | None:
    """The same of one fact at hand."""
    if stage == STAGES[0]:
        return fact.started_at
    said = [getattr(fact, column) for column in stages_from(stage)]
    return min((at for at in said if at is not None), default=None)


def furthest_of(fact: HandoffFact) -> str:
    """The furthest stage that one reached."""
    return next(stage for stage in reversed(STAGES) if reached_of(fact, stage) is not None)


def has_reached(stage: str) -> Q:
    """The filter on facts: it reached the stage at any time."""
    if stage == STAGES[0]:
        return Q()
    found = Q(pk__in=[])
    for column in stages_from(stage):
        found |= Q(**{f"{column}__isnull": False})
    return found


def has_reached_within(stage: str, days: int | None) -> Q:
    """The filter on facts: within so many days of MQL; None is at any time."""
    if days is None or stage == STAGES[0]:
        return has_reached(stage)
    found = Q(pk__in=[])
    for column in stages_from(stage):
        found |= Q(**{f"{column}__lte": F("started_at") + timedelta(days=days)})
    return found


def has_reached_before_week(stage: str, week: int) -> Q:
    """The filter on facts: in fewer than so many whole weeks since MQL, as cohorts count."""
    found = Q(pk__in=[])
    for column in stages_from(stage):
        found |= Q(**{f"{column}__lt": F("started_at") + timedelta(weeks=week)})
    return found


# --- Counts -------------------------------------------------------------------------------------------------

_TOUCH_LIMIT: Final = f"started_at + interval '{UNTOUCHED_HOURS} hours'"
_NO_TOUCH: Final = f"(first_touch_at is null or first_touch_at > {_TOUCH_LIMIT})"
_CLOSED_BEFORE: Final = f"coalesce(closed_at <= {_TOUCH_LIMIT}, false)"


def _within(stage: str, days: int) -> str:
    return f"coalesce({reached_sql(stage)} <= started_at + interval '{days * 24} hours', false)::int"


#: The reason of rejections that says phone or e-mail do not work (feedback.reasons).
BAD_DATA: Final = "bad_contact_data"
#: The fields without which a handoff does not count as complete (of leads.quality.COMPLETE).
REACHED_BY: Final = ("email", "phone")

#: How a journey may end at each stage that is not won: outcomes of leads.Handoff.
ENDS: Final[Mapping[str, tuple[str, ...]]] = {
    Stage.MQL.value: ("rejected", "nurture", "disqualified"),
    Stage.SAL.value: ("nurture", "lost", "disqualified"),
    Stage.SQL.value: ("nurture", "lost", "disqualified"),
    Stage.OPPORTUNITY.value: ("nurture", "lost"),
}


def ended_as(stage: str, outcome: str) -> str:
    """The name of the count of handoffs that ended so at a stage."""
    return f"{stage}_{outcome}"


def _ended(stage: str, outcome: str) -> str:
    got_there = "true" if stage == STAGES[0] else f"{reached_sql(stage)} is not null"
    further = reached_sql(STAGES[STAGES.index(stage) + 1])
    return f"(outcome = '{outcome}' and {got_there} and {further} is null)::int"


#: What is counted of handoffs, by name: each a number of one fact, as SQL over its columns.
COUNTS: Final[Mapping[str, str]] = {
    "mqls": "1",
    "accepted": "(decision = 'accepted')::int",
    "rejected": "(decision = 'rejected')::int",
    "rejected_for_routing": "(decision = 'rejected' and reason_side = 'routing')::int",
    "nurtured": "(decision = 'nurture')::int",
    "undecided": "(decision = '')::int",
    "lost": "(lost_at is not null and won_at is null)::int",
    "disqualified": "(outcome = 'disqualified')::int",
    "contacted": "(first_touch_at is not null)::int",
    "untouched": f"({_NO_TOUCH} and not {_CLOSED_BEFORE})::int",
    "closed_untouched": f"({_NO_TOUCH} and {_CLOSED_BEFORE})::int",
    "touches": "touches",
    "moves": "moves",
    "wrong_owner_moves": "wrong_owner_moves",
    "with_amount": "(amount is not null)::int",
    "reachable": f"(not (lacks && array{list(REACHED_BY)}::varchar[]))::int",
    "bad_data": f"(decision = 'rejected' and reason = '{BAD_DATA}')::int",
    "explained": "(decision = 'rejected' and reason <> '')::int",
    "imported": "is_history::int",
    "live_decided": "(decision <> '' and not is_history)::int",
    "live_rejected": "(decision = 'rejected' and not is_history)::int",
    "progressing": "(feedback = 'progressing' and not is_history)::int",
    "unexplained": "(decision = 'rejected' and reason = '' and not is_history)::int",
    **{stage: f"({reached_sql(stage)} is not null)::int" for stage in LATER_STAGES},
    **{f"{stage}_{days}": _within(stage, days) for days in FOLLOWED for stage in LATER_STAGES},
    **{ended_as(stage, end): _ended(stage, end) for stage, ends in ENDS.items() for end in ends},
}
#: Sums of money, in the organisation's currency.
AMOUNTS: Final = ("amount", "won_amount")

#: The same as filters on facts: which leads a number is of.
BEHIND: Final[Mapping[str, Q]] = {
    "mqls": Q(),
    "accepted": Q(decision="accepted"),
    "rejected": Q(decision="rejected"),
    "rejected_for_routing": Q(decision="rejected", reason_side="routing"),
    "nurtured": Q(decision="nurture"),
    "undecided": Q(decision=""),
    "answered": ~Q(decision=""),
    "lost": Q(lost_at__isnull=False, won_at__isnull=True),
    "disqualified": Q(outcome="disqualified"),
    "reachable": ~Q(lacks__overlap=list(REACHED_BY)),
    "unreachable": Q(lacks__overlap=list(REACHED_BY)),
    "bad_data": Q(decision="rejected", reason=BAD_DATA),
    "well_known": ~Q(decision="") & ~Q(decision="rejected", reason=BAD_DATA),
    "declined": Q(decision__in=["rejected", "nurture"]),
    "refused": Q(decision="rejected") & ~Q(reason_side="routing"),
    "not_refused": ~Q(decision="rejected") | Q(reason_side="routing"),
    "explained": Q(decision="rejected") & ~Q(reason=""),
    "unexplained": Q(decision="rejected", reason="", is_history=False),
    "contacted": Q(first_touch_at__isnull=False),
    "not_contacted": Q(first_touch_at__isnull=True),
    "untouched": (
        (
            Q(first_touch_at__isnull=True)
            | Q(first_touch_at__gt=F("started_at") + timedelta(hours=UNTOUCHED_HOURS))
        )
        & (Q(closed_at__isnull=True) | Q(closed_at__gt=F("started_at") + timedelta(hours=UNTOUCHED_HOURS)))
    ),
}


def has_ended(stage: str, outcome: str) -> Q:
    """The filter on facts: it came no further than the stage, and ended so; "" for those that stand there."""
    further = STAGES[STAGES.index(stage) + 1]
    at_stage = has_reached(stage) & ~has_reached(further)
    return at_stage & (Q(outcome=outcome) if outcome else ~Q(outcome__in=ENDS[stage]))


def counted_as(stage: str, days: int | None) -> str:
    """The name of the count of handoffs that reached a stage, at any time or within so many days."""
    if stage == STAGES[0]:
        return "mqls"
    return stage if days is None else f"{stage}_{days}"


# --- How soon somebody reached out --------------------------------------------------------------------------

_MINUTE, _HOUR = 60, 3_600
#: Bands of response time: name, label, first second that is no longer in it (None: no end).
BANDS: Final = (
    ("5m", "Under 5 min", 5 * _MINUTE),
    ("30m", "5 to 30 min", 30 * _MINUTE),
    ("1h", "30 min to 1 h", _HOUR),
    ("4h", "1 to 4 h", 4 * _HOUR),
    ("8h", "4 to 8 h", 8 * _HOUR),
    ("later", "Later", None),
)
NEVER: Final = "never"
BAND_LABELS: Final = {**{name: label for name, label, _ in BANDS}, NEVER: "Never"}


def is_in_band(band: str, days: int) -> Q:
    """The filter on facts: the first touch was so soon; one after so many days is none within them."""
    never = Q(first_touch_at__isnull=True) | Q(first_touch_at__gt=F("started_at") + timedelta(days=days))
    if band == NEVER:
        return never
    names = [name for name, *_ in BANDS]
    end = BANDS[names.index(band)][2]
    found = ~never & Q(touch_seconds__isnull=False)
    if end is not None:
        found &= Q(touch_seconds__lt=end)
    if band != names[0]:
        found &= Q(touch_seconds__gte=BANDS[names.index(band) - 1][2])
    return found


# --- Durations ----------------------------------------------------------------------------------------------


class Duration(NamedTuple):
    """code: in roll-ups, never changed. label: for pages. seconds: SQL over the columns of a fact; null where
    it has none. is_working: working time, of that column; else by the wall clock, between those two."""

    code: int
    label: str
    seconds: str
    is_working: bool
    columns: tuple[str, ...]


def _between(start: str, end: str) -> str:
    return f"case when {end} >= {start} then floor(extract(epoch from {end} - {start}))::int end"


#: Durations by name, in the order of the journey.
DURATIONS: Final[Mapping[str, Duration]] = {
    "lead_to_mql": Duration(
        3, "Lead created to MQL", _between("created_at", "started_at"), False, ("created_at", "started_at")
    ),
    "assignment": Duration(
        4, "MQL to first owner", _between("started_at", "assigned_at"), False, ("started_at", "assigned_at")
    ),
    "first_touch": Duration(1, "MQL to first touch", "touch_seconds", True, ("touch_seconds",)),
    "decision": Duration(2, "MQL to decision", "decision_seconds", True, ("decision_seconds",)),
    "mql_to_sal": Duration(
        5, "MQL to SAL", _between("started_at", "accepted_at"), False, ("started_at", "accepted_at")
    ),
    "sal_to_sql": Duration(
        6, "SAL to SQL", _between("accepted_at", "sql_at"), False, ("accepted_at", "sql_at")
    ),
    "sql_to_opportunity": Duration(
        7,
        "SQL to opportunity",
        _between("sql_at", "opportunity_at"),
        False,
        ("sql_at", "opportunity_at"),
    ),
    "opportunity_to_won": Duration(
        8,
        "Opportunity to won",
        _between("opportunity_at", "won_at"),
        False,
        ("opportunity_at", "won_at"),
    ),
}
#: Attempts by people are spread out as durations are: code of their number.
ATTEMPTS_CODE: Final = 9
#: Weeks that had passed since MQL when a stage was reached, by stage: code of each.
WEEK_CODES: Final[Mapping[str, int]] = {stage: 10 + place for place, stage in enumerate(LATER_STAGES)}


def weeks_sql(stage: str) -> str:
    """How many whole weeks after MQL a stage was reached, COHORT_WEEKS standing for all after; null: not."""
    at = reached_sql(stage)
    weeks = f"floor(extract(epoch from {at} - started_at) / 604800)::int"
    # Not least and greatest alone: they pass over a null.
    return f"case when {at} is not null then least(greatest({weeks}, 0), {COHORT_WEEKS}) end"


#: Everything that is spread out: (code, SQL over the columns of a fact).
SPREAD: Final = (
    *((each.code, each.seconds) for each in DURATIONS.values()),
    (ATTEMPTS_CODE, "touches"),
    *((code, weeks_sql(stage)) for stage, code in WEEK_CODES.items()),
)


# --- Shares -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Share:
    """How many of how many, and how many were left out of the base."""

    count: int = 0
    base: int = 0
    left_out: int = 0

    @property
    def percent(self) -> float | None:
        """One decimal; None where the base is 0."""
        return round(100 * self.count / self.base, 1) if self.base else None

    def as_dict(self) -> dict[str, Any]:
        """The shape that the API gives."""
        return {"count": self.count, "base": self.base, "rate": self.percent, "left_out": self.left_out}


@dataclass(frozen=True, slots=True)
class Spread:
    """How long something took: of how many, in seconds; None of nobody."""

    count: int = 0
    median: int | None = None
    p90: int | None = None

    def as_dict(self) -> dict[str, Any]:
        return {"count": self.count, "median_seconds": self.median, "p90_seconds": self.p90}
