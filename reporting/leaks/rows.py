"""How a handoff counts for the leak finder: the one place that says it, for the counts and for the lists of
leads behind them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import Case, CharField, F, IntegerField, Q, QuerySet, Value, When
from django.db.models.functions import ExtractHour, ExtractIsoWeekDay, Least

from core.errors import ValidationFailed
from leads.quality import COMPLETE
from reporting.leaks.finder.facts import APART, ENOUGH, FAST, FEW, MOVED, SLOW, STAGES, STAYED, Terms
from reporting.models import HandoffFact
from reporting.selectors.hours import HOURS
from reporting.selectors.questions import INBOUND, Question, in_sight

#: Days after accepting that attempts may still be made before they are counted, unless it is closed.
ATTEMPT_DAYS: Final = 14
#: Conversion is learned from at least so many days before the end of the period, as far as there are leads.
LEARN_DAYS: Final = 365

JUDGED: Final = Q(touch_verdict__in=["met", "missed"])
LATE: Final = Q(touch_verdict="missed")
UNTOUCHED: Final = LATE & Q(first_touch_at__isnull=True)
#: Sales answered about the lead; refusing it as somebody else's is no answer about it.
ANSWERED: Final = ~Q(decision="") & ~Q(decision="rejected", reason_side="routing")
MISROUTED: Final = Q(assigned_at__isnull=False, wrong_owner_moves__gt=0)

#: When a handoff came to each stage, earlier where a later stage is known without it.
OPPORTUNITY_AT: Final = Least("opportunity_at", "won_at")
SQL_AT: Final = Least("sql_at", OPPORTUNITY_AT)
ACCEPTED_AT: Final = Least("accepted_at", SQL_AT)


def handoffs(question: Question, *, since: datetime | None = None) -> QuerySet[HandoffFact]:
    """The handoffs that started in the period, or since an earlier instant until its end, as far as the
    reader sees them and the filters let them."""
    found: QuerySet[HandoffFact] = HandoffFact.objects.filter(
        in_sight(question, "team_id", "member_id"),
        kind=INBOUND,
        started_at__gte=since or question.start,
        started_at__lt=question.end,
    )
    chosen = {
        "team_id": question.team,
        "member_id": question.member,
        "source": question.source,
        "campaign": question.campaign,
        "tier": question.tier,
    }
    found = found.filter(**{name: value for name, value in chosen.items() if value is not None})
    return found.filter(**{f"{column}__isnull": True for column in question.without})


def learn_since(question: Question) -> datetime:
    """From when on conversion is learned: from the period, and where that is shorter than a year, a year."""
    return min(question.start, question.end - timedelta(days=LEARN_DAYS))


def _case(*branches: tuple[Q, Any], default: str = APART) -> Case:
    return Case(
        *(When(condition, then=Value(value)) for condition, value in branches),
        default=Value(default),
        output_field=CharField(),
    )


def _flag(condition: Q) -> Case:
    return Case(When(condition, then=Value(1)), default=Value(0), output_field=IntegerField())


def speed(terms: Terms) -> Case:
    """FAST, SLOW, or APART: not due yet, called off, or without a clock."""
    if terms.fast_minutes is None:
        return _case((Q(touch_verdict="met"), FAST), (LATE, SLOW))
    quick = Q(touch_seconds__lte=terms.fast_minutes * 60)
    return _case((JUDGED & quick, FAST), (JUDGED, SLOW))


def attempts(terms: Terms, now: datetime) -> Case:
    """FEW or ENOUGH of an accepted lead, APART of others and of those that may get more yet.

    So is imported history without any: a file that names no activities does not say that there were none.
    """
    accepted = Q(decision="accepted", accepted_at__isnull=False) & ~Q(is_history=True, touches=0)
    counts = accepted & (Q(closed_at__isnull=False) | Q(accepted_at__lte=now - timedelta(days=ATTEMPT_DAYS)))
    return _case(
        (counts & Q(touches__gte=terms.enough_attempts), ENOUGH),
        (counts, FEW),
    )


def dimensions(terms: Terms, now: datetime) -> dict[str, Any]:
    """What handoffs are grouped by, as expressions."""
    return {
        "speed": speed(terms),
        "attempts": attempts(terms, now),
        "moved": _case((MISROUTED, MOVED), (Q(assigned_at__isnull=False), STAYED)),
        "answer": Case(When(ANSWERED, then=F("decision")), default=Value(APART), output_field=CharField()),
    }


def hour_of_week(question: Question) -> Any:
    """The hour that a handoff started in, from Monday midnight, in the organisation's zone."""
    zone = question.zone
    return (ExtractIsoWeekDay("started_at", tzinfo=zone) - 1) * 24 + ExtractHour("started_at", tzinfo=zone)


def flags(question: Question, terms: Terms, now: datetime) -> dict[str, Any]:
    """What is counted of each, as expressions that are 1 or 0, by the names of a Tally."""
    span = timedelta(days=terms.cohort_days)
    inside = Q(started_at__gte=question.start)
    followed = Q(started_at__lte=now - span)
    sql = followed & Q(sql_from__lte=F("started_at") + span)
    taken = followed & Q(decision="accepted")
    return {
        "leads": _flag(inside),
        "judged": _flag(inside & JUDGED),
        "late": _flag(inside & LATE),
        "untouched": _flag(inside & UNTOUCHED),
        "routed": _flag(inside & Q(assigned_at__isnull=False)),
        "misrouted": _flag(inside & MISROUTED),
        "decided": _flag(inside & ANSWERED),
        "accepted": _flag(inside & Q(decision="accepted")),
        "rejected": _flag(inside & ANSWERED & Q(decision="rejected")),
        "followed": _flag(followed),
        "sql": _flag(sql),
        "opportunities": _flag(followed & Q(opportunity_from__lte=F("started_at") + span)),
        "taken": _flag(taken),
        "taken_sql": _flag(taken & sql),
    }


def with_stages(found: QuerySet[HandoffFact]) -> QuerySet[HandoffFact]:
    return found.annotate(
        opportunity_from=OPPORTUNITY_AT,
        sql_from=SQL_AT,
        accepted_from=ACCEPTED_AT,
        answered_from=Least("decided_at", ACCEPTED_AT),
    )


#: Of each stage: when a handoff came to it and when it went on.
SPANS: Final[Mapping[str, tuple[str, str]]] = {
    "mql": ("started_at", "answered_from"),
    "sal": ("accepted_from", "sql_from"),
    "sql": ("sql_from", "opportunity_from"),
    "opportunity": ("opportunity_from", "won_at"),
}


# --- The leads behind a finding ----------------------------------------------------------------------------

#: The filters that a finding's list may carry beside those of the report.
BEHIND: Final = ("touch", "attempts", "moved", "answer", "reason", "lacks", "hours", "reps", "stage", "over")


def behind(
    question: Question, query: Mapping[str, str], *, terms: Terms, now: datetime
) -> QuerySet[HandoffFact]:
    """The handoffs that a finding counts. Raises ValidationFailed at a filter that cannot be read."""
    told = dimensions(terms, now) | {"hour": hour_of_week(question)}
    found: QuerySet[HandoffFact] = with_stages(handoffs(question)).annotate(**told)
    for name in BEHIND:
        if query.get(name) and name not in ("stage", "over"):
            found = found.filter(_filter(name, query[name]))
    if query.get("stage") or query.get("over"):
        found = _standing(found, query, now)
    return found


def _standing(found: QuerySet[HandoffFact], query: Mapping[str, str], now: datetime) -> QuerySet[HandoffFact]:
    stage, over = query.get("stage", ""), query.get("over", "0") or "0"
    if stage not in STAGES:
        raise ValidationFailed.at("/stage", f"stage is one of: {', '.join(STAGES)}.", "invalid_choice")
    if not over.isdecimal() or len(over) > 5:
        raise ValidationFailed.at("/over", "over is a number of days.", "invalid")
    came, went = SPANS[stage]
    # More than so many whole days ago.
    before = now - timedelta(days=int(over) + 1)
    return found.filter(**{f"{came}__lte": before, f"{went}__isnull": True, "closed_at__isnull": True})


def _filter(name: str, value: str) -> Q:
    choices: dict[str, dict[str, Q]] = {
        "touch": {"slow": Q(speed=SLOW), "late": LATE, "never": UNTOUCHED, "due": JUDGED},
        "attempts": {FEW: Q(attempts=FEW), ENOUGH: Q(attempts=ENOUGH)},
        "moved": {"wrong_owner": MISROUTED},
        "answer": {
            "accepted": Q(answer="accepted"),
            "rejected": Q(answer="rejected"),
            "declined": Q(answer__in=["rejected", "nurture"]),
        },
        "lacks": {each: Q(lacks__contains=[each]) for each in COMPLETE},
    }
    if name in choices:
        if value not in choices[name]:
            words = ", ".join(choices[name])
            raise ValidationFailed.at(f"/{name}", f"{name} is one of: {words}.", "invalid_choice")
        return choices[name][value]
    if name == "reason":
        return Q(reason=value[:40])
    if name == "hours":
        return Q(hour__in=_hours(value))
    return Q(member_id__in=_ids(value))


def _hours(value: str) -> list[int]:
    found: set[int] = set()
    for part in value.split(","):
        first, dash, last = part.partition("-")
        ends = (first, last if dash else first)
        hours = range(0)
        if all(each.isascii() and each.isdecimal() and len(each) <= 3 for each in ends):
            hours = range(int(ends[0]), int(ends[1]) + 1)
        if not hours or hours[-1] >= HOURS:
            text = f"hours are hours of the week from 0, Monday midnight, to {HOURS - 1}: 17-18,41."
            raise ValidationFailed.at("/hours", text, "invalid")
        found |= set(hours)
    return sorted(found)


def _ids(value: str) -> list[UUID]:
    try:
        return [UUID(each) for each in value.split(",")]
    except ValueError as error:
        raise ValidationFailed.at("/reps", "reps are ids of members.", "invalid") from error
