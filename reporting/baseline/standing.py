"""Name a baseline, count it again, and tell its numbers beside those of the present."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import IntegrityError, connection, transaction

from core.errors import Conflict, FieldError, NotFound, ValidationFailed
from reporting.baseline.counting import MEASURES, Counted, Measure, Number, count
from reporting.baseline.models import Baseline
from reporting.selectors.questions import midnight
from tenants.audit import record_change
from tenants.context import current_tenant_id
from web.templatetags.sp import minutes_text

#: How long a baseline is unless said otherwise.
USUAL_DAYS: Final = 90
MOST_DAYS: Final = 731
MOST_FILES: Final = 20


@dataclass(frozen=True, slots=True)
class History:
    """What was imported: MQLs, the days of the first and the last, and the days that a baseline may begin
    with."""

    mqls: int
    first: date | None
    last: date | None

    @property
    def usual(self) -> tuple[date, date] | None:
        """The last 90 days of it; None where nothing was imported."""
        if self.first is None or self.last is None:
            return None
        return max(self.first, self.last - timedelta(days=USUAL_DAYS - 1)), self.last


def history(zone: ZoneInfo) -> History:
    """What imported history there is. One query."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select count(*), min(started_at), max(started_at) from reporting_handofffact"
            " where tenant_id = %s and is_history",
            [current_tenant_id()],
        )
        mqls, first, last = cursor.fetchone()
    return History(mqls, first and first.astimezone(zone).date(), last and last.astimezone(zone).date())


def standing() -> Baseline | None:
    """The baseline that stands; one query."""
    return Baseline.objects.filter(replaced_at=None).first()


@transaction.atomic
def name_baseline(
    *,
    name: str,
    first: date,
    last: date,
    instead_of: UUID | None,
    zone: ZoneInfo,
    actor: str,
    now: datetime,
) -> Baseline:
    """Count a period of imported history and let it stand as the baseline, instead of the one that stood.

    instead_of: the one that whoever names it saw standing; Conflict where that is another one by now.
    Raises ValidationFailed with the field.
    """
    name = " ".join(name.split())
    today = now.astimezone(zone).date()
    wrong = []
    if not name or len(name) > 80:
        wrong.append(FieldError("/name", "Give it a name of at most 80 characters."))
    if last < first:
        wrong.append(FieldError("/last", "The period ends before it begins."))
    elif last > today:
        wrong.append(FieldError("/last", "History lies in the past: today is the last day that it can have."))
    elif (last - first).days >= MOST_DAYS:
        wrong.append(FieldError("/first", f"At most {MOST_DAYS:,} days."))
    if wrong:
        raise ValidationFailed("This baseline cannot be kept.", field_errors=wrong)
    counted = count(first, last, is_history=True, zone=zone, now=now)
    if not counted.mqls:
        raise ValidationFailed.at("/first", "No imported lead became an MQL in these days.", "empty")
    former = Baseline.objects.filter(replaced_at=None).select_for_update(of=("self",)).first()
    if (former.id if former else None) != instead_of:
        raise Conflict("Somebody named another baseline meanwhile: look at that one first.")
    if former is not None:
        former.replaced_at = now
        former.save(update_fields=["replaced_at"])
    try:
        with transaction.atomic():
            made: Baseline = Baseline.objects.create(
                name=name,
                first=first,
                last=last,
                files=_files(first, last, zone),
                mqls=counted.mqls,
                numbers=_kept(counted),
                counted_at=now,
                made_at=now,
                made_by=actor,
            )
    except IntegrityError as error:
        raise Conflict("Somebody named another baseline meanwhile: look at that one first.") from error
    record_change(
        actor=actor,
        action="baseline.named",
        object_type="baseline",
        object_id=made.id,
        before=_said(former) if former else None,
        after=_said(made),
        now=now,
    )
    return made


@transaction.atomic
def count_again(*, baseline_id: UUID, zone: ZoneInfo, actor: str, now: datetime) -> Baseline:
    """Count the standing baseline anew, after more was imported. NotFound where there is none with this id,
    Conflict where another one stands by now."""
    found = Baseline.objects.filter(id=baseline_id).select_for_update(of=("self",)).first()
    if found is None:
        raise NotFound("There is no such baseline.")
    if found.replaced_at is not None:
        raise Conflict("Another baseline stands by now: look at that one first.")
    before = _said(found)
    counted = count(found.first, found.last, is_history=True, zone=zone, now=now)
    found.mqls, found.numbers, found.counted_at = counted.mqls, _kept(counted), now
    found.files = _files(found.first, found.last, zone)
    found.save(update_fields=["mqls", "numbers", "counted_at", "files"])
    record_change(
        actor=actor,
        action="baseline.counted",
        object_type="baseline",
        object_id=found.id,
        before=before,
        after=_said(found),
        now=now,
    )
    return found


def _kept(counted: Counted) -> dict[str, Any]:
    return {name: number.as_dict() for name, number in counted.numbers.items()}


def _said(baseline: Baseline) -> dict[str, Any]:
    return {
        "name": baseline.name,
        "first": baseline.first.isoformat(),
        "last": baseline.last.isoformat(),
        "mqls": baseline.mqls,
    }


def _files(first: date, last: date, zone: ZoneInfo) -> list[str]:
    """Names of the files that the imported handoffs of these days came from. The select: see
    reporting.baseline.counting."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select distinct name from reporting_handofffact f"
            " join leads_importedcycle c on c.tenant_id = (select %(tenant)s::uuid) and c.handoff_id = f.id"
            " cross join lateral jsonb_array_elements_text(c.files) as file(name)"
            " where f.tenant_id = %(tenant)s and f.is_history and f.started_at >= %(start)s"
            " and f.started_at < %(end)s order by name limit %(most)s",
            {
                "tenant": current_tenant_id(),
                "start": midnight(first, zone),
                "end": midnight(last + timedelta(days=1), zone),
                "most": MOST_FILES,
            },
        )
        return [name for (name,) in cursor.fetchall()]


# --- Beside the present -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pair:
    """One measure before and after."""

    name: str
    measure: Measure
    before: Number
    after: Number

    @property
    def points(self) -> float | None:
        """By how many points a share changed; None where one side is not told."""
        if not self.measure.is_share or self.before.percent is None or self.after.percent is None:
            return None
        return round(self.after.percent - self.before.percent, 1)


def numbers_of(baseline: Baseline) -> dict[str, Number]:
    """Its numbers as they were counted."""
    return {name: Number(**baseline.numbers[name]) for name in MEASURES if name in baseline.numbers}


def period_after(baseline: Baseline, *, zone: ZoneInfo, now: datetime) -> tuple[date, date]:
    """As many days as the baseline has, up to today."""
    today = now.astimezone(zone).date()
    return today - (baseline.last - baseline.first), today


def side_by_side(baseline: Baseline, *, zone: ZoneInfo, now: datetime) -> tuple[Counted, list[Pair]]:
    """What came after, and each measure on both sides. One query."""
    after = count(*period_after(baseline, zone=zone, now=now), is_history=False, zone=zone, now=now)
    before = numbers_of(baseline)
    pairs = [
        Pair(name, measure, before.get(name, Number(unknown=measure.silent)), after.numbers[name])
        for name, measure in MEASURES.items()
    ]
    return after, pairs


def figure(measure: Measure, number: Number) -> str:
    """A number in words without its base; "" where it is not told."""
    if measure.is_share:
        return "" if number.percent is None else f"{number.percent:g}%"
    return in_unit(measure, number.median)


def in_unit(measure: Measure, value: int | None) -> str:
    """A median or a 90% in words."""
    if value is None:
        return ""
    if measure.unit == "days":
        return f"{value:,} day{'' if value == 1 else 's'}"
    return f"{value:,}" if measure.unit == "times" else minutes_text(value)


def months_of(baseline: Baseline) -> str:
    """Its days by their months: "Jan to Mar 2026"."""
    first, last = baseline.first, baseline.last
    if (first.year, first.month) == (last.year, last.month):
        return f"{first:%b %Y}"
    year = "" if first.year == last.year else f" {first.year}"
    return f"{first:%b}{year} to {last:%b} {last.year}"


def baseline_note(name: str, baseline: Baseline | None) -> str:
    """What a number was before, for beside the same number of now: "before: 41% (of 1,204), Jan to Mar 2026";
    "" without a baseline. The name is that of MEASURES."""
    if baseline is None:
        return ""
    said = _said_of(name, baseline)
    return f"before: {said}, {months_of(baseline)}"


def baseline_line(names: Sequence[str], baseline: Baseline | None) -> str:
    """The same of several numbers in one line, each with its name; "" without a baseline."""
    if baseline is None:
        return ""
    parts = [f"{MEASURES[name].short} {_said_of(name, baseline)}" for name in names]
    return f"Before, {months_of(baseline)}: {' · '.join(parts)}"


def _said_of(name: str, baseline: Baseline) -> str:
    measure, number = MEASURES[name], numbers_of(baseline).get(name, Number())
    if number.unknown:
        return f"not known ({number.unknown})"
    said = figure(measure, number)
    return f"{said} (of {number.base:,})" if said else "not known (nobody counted)"
