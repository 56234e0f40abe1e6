"""Alarms about sources whose data became worse: the last days against the weeks before. One episode of a
source and field is one row, told once to admins and marketing with whatever else began at the same look at
the source, however often it is looked at and by however many engines.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final
from uuid import UUID

from django.db.models import Q
from django.urls import reverse

from leads.completeness import MEASURES, SourceData, by_source, measure_words
from leads.degradation import FEWEST, Tally, has_dropped, has_recovered
from leads.models import SourceAlarm, SourceLook
from notifications.context import Context, Row, register
from notifications.outbox import Message, enqueue
from tenants.bulk import fresh, insert_rows, update_rows
from tenants.context import current_tenant_id
from tenants.models import Member, Role

KIND: Final = "quality.degraded"
LATELY: Final = timedelta(days=7)
BEFORE: Final = timedelta(days=28)
_SUBJECT: Final = "source_alarm:"
_NAMED: Final = 3  # of the fields of a source, in a message
_TOLD: Final = (Role.ADMIN, Role.MARKETING)


def watch_sources_daily(now: datetime) -> int:
    """`watch_sources` once a day (by UTC) of the tenant in scope, however many engines ask; 0 where it was
    done or another engine is at it. A look that raises is none: its day is written with it."""
    today = now.astimezone(UTC).date()
    mine = _look_of_today(today)
    if mine is None:
        return 0
    began = watch_sources(now)
    mine.day = today
    update_rows([mine], ["day"])
    return began


def _look_of_today(today: date) -> SourceLook | None:
    """The tenant's row, locked, where it was not looked at today."""
    if not SourceLook.objects.exists():
        insert_rows([fresh(SourceLook, tenant_id=current_tenant_id())], conflict="on conflict do nothing")
    waiting = SourceLook.objects.filter(Q(day__isnull=True) | Q(day__lt=today))
    found: SourceLook | None = waiting.select_for_update(of=("self",), skip_locked=True).first()
    return found


def watch_sources(now: datetime) -> int:
    """Begin and end episodes of the tenant in scope, and tell those that begin; how many began."""
    after = {each.source: each for each in by_source(now - LATELY, now)}
    before = {each.source: each for each in by_source(now - LATELY - BEFORE, now - LATELY)}
    lasting = list(SourceAlarm.objects.filter(ended_at__isnull=True).order_by("id"))
    _end(lasting, after, now)
    known = {(alarm.source, alarm.field) for alarm in lasting}
    began = [alarm for alarm in _dropped(before, after, now) if (alarm.source, alarm.field) not in known]
    new = set(insert_rows(began, conflict="on conflict do nothing", returning=True))
    told = [alarm for alarm in began if alarm.id in new]
    if told:
        people = list(Member.objects.filter(role__in=_TOLD, is_active=True).values_list("id", flat=True))
        enqueue([_message(alarms, people) for alarms in _together(told)], now=now)
    return len(told)


def _together(alarms: Sequence[SourceAlarm]) -> list[list[SourceAlarm]]:
    """By source, what fell most first: one bad import is one piece of news, however many fields it lacks."""
    found: dict[str, list[SourceAlarm]] = {}
    for alarm in sorted(alarms, key=lambda each: (-_fell(each), each.field)):
        found.setdefault(alarm.source, []).append(alarm)
    return list(found.values())


def _fell(alarm: SourceAlarm) -> float:
    return alarm.before_good / alarm.before_of - alarm.after_good / alarm.after_of


def _dropped(
    before: Mapping[str, SourceData], after: Mapping[str, SourceData], now: datetime
) -> list[SourceAlarm]:
    pairs = [
        (source, measure, before[source].tally(measure), after[source].tally(measure))
        for source in after
        if source in before
        for measure in MEASURES
    ]
    compared = [pair for pair in pairs if pair[2].of >= FEWEST and pair[3].of >= FEWEST]
    return [
        fresh(
            SourceAlarm,
            tenant_id=current_tenant_id(),
            source=source,
            field=measure,
            began_at=now,
            before_good=was.good,
            before_of=was.of,
            after_good=now_.good,
            after_of=now_.of,
        )
        for source, measure, was, now_ in compared
        if has_dropped(was, now_, comparisons=len(compared))
    ]


def _end(lasting: Sequence[SourceAlarm], after: Mapping[str, SourceData], now: datetime) -> None:
    """End what is good again, and what nothing has come of for weeks."""
    ended = []
    for alarm in lasting:
        lately = after[alarm.source].tally(alarm.field) if alarm.source in after else Tally(0, 0)
        is_silent = lately.of == 0 and now - alarm.began_at > BEFORE
        if is_silent or has_recovered(alarm.before_good / alarm.before_of, lately):
            alarm.ended_at = now
            ended.append(alarm)
    update_rows(ended, ["ended_at"])


def _message(alarms: Sequence[SourceAlarm], people: Sequence[UUID]) -> Message:
    """What began at one look at one source."""
    return Message(
        kind=KIND,
        event_id=alarms[0].id,
        subject=f"{_SUBJECT}{alarms[0].id}",
        member_ids=people,
        # Not "alarms": what a row holds goes before what is said of it, and a webhook says each of them.
        data={"alarm": str(alarms[0].id), "alarm_ids": [str(alarm.id) for alarm in alarms]},
    )


def install() -> None:
    """Speak for these messages. Called once, when the app is ready."""
    register("quality.", context_of)


def context_of(rows: Sequence[Row], now: datetime) -> Mapping[UUID, Context]:
    """The words of each message. See notifications.context."""
    named = {row.id: row.data.get("alarm_ids") or [row.subject.removeprefix(_SUBJECT)] for row in rows}
    ids = {each for ids in named.values() for each in ids}
    alarms = {str(alarm.id): alarm for alarm in SourceAlarm.objects.filter(id__in=ids)}
    found = {}
    for row in rows:
        theirs = [alarms[each] for each in named[row.id] if each in alarms]
        if theirs:
            documents = [alarm_document(alarm) for alarm in theirs]
            found[row.id] = Context(
                _words(theirs), {**documents[0], "alarms": documents}, reverse("reporting:data_quality")
            )
    return found


def _words(alarms: Sequence[SourceAlarm]) -> dict[str, str]:
    """The placeholders of a message: what fell most, and how much more there is."""
    said = [alarm_words(alarm) for alarm in alarms]
    lines = [
        "{measure}: {after_share} in the last 7 days ({after}), {before_share} in the 28 days before "
        "({before}).".format(**each)
        for each in said[:_NAMED]
    ]
    measure, others = said[0]["measure"], len(said) - 1
    return {
        "source": said[0]["source"],
        "what": f"{measure[:1].lower()}{measure[1:]}{f' and {others} more' if others else ''}",
        **dict(zip(("first", "second", "third"), [*lines, "", "", ""], strict=False)),
        "more": f"And {len(said) - _NAMED} more." if len(said) > _NAMED else "",
    }


def alarm_words(alarm: SourceAlarm) -> dict[str, str]:
    """What is said of an episode: the columns of the page, the parts of a line of the message."""
    return {
        "source": alarm.source or "no source",
        "measure": measure_words(alarm.field),
        "after": f"{alarm.after_good:,} of {alarm.after_of:,} leads",
        "before": f"{alarm.before_good:,} of {alarm.before_of:,}",
        "after_share": f"{100 * alarm.after_good / alarm.after_of:.0f}%",
        "before_share": f"{100 * alarm.before_good / alarm.before_of:.0f}%",
    }


def alarm_document(alarm: SourceAlarm) -> dict[str, object]:
    """An episode as the API answers it."""
    return {
        "source": alarm.source,
        "measure": alarm.field,
        "began_at": alarm.began_at.isoformat(),
        "ended_at": alarm.ended_at.isoformat() if alarm.ended_at else None,
        "before": {"good": alarm.before_good, "of": alarm.before_of},
        "after": {"good": alarm.after_good, "of": alarm.after_of},
    }


def latest_alarms(*, limit: int = 20) -> list[SourceAlarm]:
    """Episodes, those that last first, then those that began last."""
    lasting = list(SourceAlarm.objects.filter(ended_at__isnull=True).order_by("-began_at", "-id")[:limit])
    over = SourceAlarm.objects.filter(ended_at__isnull=False).order_by("-began_at", "-id")
    return [*lasting, *over[: limit - len(lasting)]]
