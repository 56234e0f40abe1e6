"""The handoffs behind a number: the same filters as the counting, from facts."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.db.models import F, Q, QuerySet

from leads.lifecycle import Stage
from reporting.definitions import (
    BEHIND,
    COUNTS,
    DURATIONS,
    ENDS,
    FOLLOWED,
    STAGES,
    UNTOUCHED_HOURS,
    has_ended,
    has_reached_before_week,
    has_reached_within,
    is_in_band,
)
from reporting.feedback_measures import BEHIND as FEEDBACK
from reporting.models import HandoffFact
from reporting.selectors.funnels import first_unfollowed, whole_of
from reporting.selectors.handoff_cells import handoff_cube, handoff_ground
from reporting.selectors.questions import Question, handoff_facts, midnight

#: MQLs that were not followed for long enough yet.
YOUNG: Final = "young"
#: A handoff that came no further than a stage, and has not ended there.
STANDS: Final = "stands"
_ENDED: Final = {
    "": "standing there",
    "rejected": "rejected",
    "nurture": "to nurture",
    "lost": "lost",
    "disqualified": "disqualified",
}
#: Everything that a list may be asked for, and what it is called.
LISTED: Final = {
    "mql": "MQLs",
    "sal": "SALs",
    "sql": "SQLs",
    "opportunity": "Opportunities",
    "won": "Won",
    "lost": "Lost",
    "disqualified": "Disqualified",
    "accepted": "Accepted",
    "rejected": "Rejected",
    "rejected_for_routing": "Rejected for a reason of routing",
    "nurtured": "Sent to nurture",
    "undecided": "Without an answer",
    "answered": "Answered",
    "reachable": "With a valid phone and e-mail",
    "unreachable": "Without a valid phone or e-mail",
    "bad_data": "Rejected for bad data",
    "well_known": "Answered, and not rejected for bad data",
    "declined": "Rejected or sent to nurture",
    "refused": "Rejected, but for no reason of routing",
    "not_refused": "MQLs that were not rejected",
    "explained": "Rejected with a reason",
    "unexplained": "Rejected without a reason",
    "contacted": "Contacted",
    "not_contacted": "Not contacted",
    "untouched": f"Untouched after {UNTOUCHED_HOURS} hours",
    "settled": f"MQLs that count for {UNTOUCHED_HOURS} hours",
    YOUNG: "MQLs left out as too young",
    **{
        f"{stage}_{outcome or STANDS}": f"{Stage(stage).label}, {_ENDED[outcome]}"
        for stage, ends in ENDS.items()
        for outcome in (*ends, "")
    },
    **{name: each.label for name, each in DURATIONS.items()},
    **{name: title for name, (title, _) in FEEDBACK.items()},
}


#: What cells count as the filters on facts do, whenever it is asked.
_SUMMED: Final = frozenset(COUNTS) & frozenset(BEHIND) - {"untouched"}


def handoffs_behind(
    question: Question,
    what: str,
    *,
    now: datetime,
    follow: int | None = None,
    reason: str | None = None,
    before: str = "",
    weeks: int | None = None,
    response: str = "",
) -> QuerySet[HandoffFact]:
    """What a number counts; see LISTED.

    follow: days that MQLs are followed for, where a stage is asked for. reason: of rejections. before: and
    did not reach this stage (those between two bars of the funnel). weeks: the stage was reached within so
    many, as cohorts count. response: reached so soon, a band of BANDS or never, within the followed days.
    """
    found = handoff_facts(question)
    if response:
        found = found.filter(is_in_band(response, follow or FOLLOWED[-1]))
    unfollowed = midnight(first_unfollowed(now, question, follow or 0), question.zone)
    if what == YOUNG:
        return found.filter(started_at__gte=unfollowed)
    if what in STAGES:
        if weeks is not None:
            return found.filter(has_reached_before_week(what, weeks))
        found = found.filter(has_reached_within(what, follow))
        if before:
            found = found.exclude(has_reached_within(before, follow))
        if follow is not None:
            found = found.filter(started_at__lt=unfollowed)
    elif what in DURATIONS:
        found = found.filter(_has_duration(what))
    elif what in ("untouched", "settled"):
        settled = midnight(first_unfollowed(now, question, UNTOUCHED_HOURS // 24), question.zone)
        found = found.filter(started_at__lt=settled)
        if what == "settled":
            limit = F("started_at") + timedelta(hours=UNTOUCHED_HOURS)
            is_touched = Q(first_touch_at__isnull=False, first_touch_at__lte=limit)
            found = found.filter(is_touched | Q(closed_at__isnull=True) | Q(closed_at__gt=limit))
        else:
            found = found.filter(BEHIND[what])
    elif what in BEHIND:
        found = found.filter(BEHIND[what])
    elif what in FEEDBACK:
        found = found.filter(FEEDBACK[what][1])
    else:
        stage, _, outcome = what.partition("_")
        found = found.filter(has_ended(stage, "" if outcome == STANDS else outcome))
    if reason is not None:
        found = found.filter(decision="rejected", reason=reason)
    return found


def number_behind(
    question: Question,
    what: str,
    *,
    now: datetime,
    follow: int | None = None,
    reason: str | None = None,
    before: str = "",
    weeks: int | None = None,
    response: str = "",
) -> int:
    """How many `handoffs_behind` gives: what the roll-ups say where they say it, else counted."""
    if reason is None and weeks is None and not response and (what in STAGES or what in _SUMMED):
        ground = handoff_ground(question)
        if handoff_cube(question, (), ground) is not None:
            whole = whole_of(question, now=now, ground=ground, follow=follow)
            if what not in STAGES:
                return whole.all[what]
            # Who reached a stage reached those before it, too.
            return max(whole.reached(what, follow) - (whole.reached(before, follow) if before else 0), 0)
    return handoffs_behind(
        question,
        what,
        now=now,
        follow=follow,
        reason=reason,
        before=before,
        weeks=weeks,
        response=response,
    ).count()


def _has_duration(name: str) -> Q:
    columns = DURATIONS[name].columns
    if DURATIONS[name].is_working:
        return Q(**{f"{columns[0]}__isnull": False})
    start, end = columns
    return Q(**{f"{end}__gte": F(start)})
