"""How complete the leads of each source are: of those that came in a period, how many have each field, and a
value in it that can be true. Two statements, whatever the number of leads.

Real leads only: test leads and imported history are left out. What can be true was looked at when the lead
came last or was corrected (`Lead.invalid`); leads from before that was looked at count as known, and for
validity not at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any, Final

from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from leads.degradation import Tally
from leads.models import Handoff, Lead
from leads.quality import CHECKS, COMPLETE, INSTEAD

#: Leads of a period that are counted at most, the newest.
MOST_LEADS: Final = 50_000
#: Sources that are told apart, those with most leads.
MOST_SOURCES: Final = 200
#: Codes that make a value worthless, by field.
SPOILING: Final[Mapping[str, tuple[str, ...]]] = {
    name: codes
    for name in COMPLETE
    if (codes := tuple(code for code, check in CHECKS.items() if check.field == name and check.spoils))
}


@dataclass(frozen=True, slots=True)
class SourceData:
    """The leads of one source: how many; of those, by field, how many have a value, how many values were
    looked at, and how many of these can be true.
    """

    source: str
    leads: int
    known: Mapping[str, int] = field(default_factory=dict)
    checked: Mapping[str, int] = field(default_factory=dict)
    valid: Mapping[str, int] = field(default_factory=dict)

    def good(self, name: str) -> int:
        """Leads with a value that nothing is found wrong with."""
        return self.known[name] - (self.checked.get(name, 0) - self.valid.get(name, 0))

    def tally(self, name: str) -> Tally:
        """How many have a field; of "<field>:valid", how many of its values can be true."""
        name, _, of_what = name.partition(":")
        if of_what:
            return Tally(self.valid.get(name, 0), self.checked.get(name, 0))
        return Tally(self.known.get(name, 0), self.leads)

    @property
    def share(self) -> float:
        """Of everything that complete leads would have, how much these have."""
        return sum(self.good(name) for name in COMPLETE) / (self.leads * len(COMPLETE)) if self.leads else 0.0


#: Everything that is compared: whether a field is known, and of some whether it can be true.
MEASURES: Final = (*COMPLETE, *(f"{name}:valid" for name in SPOILING))


def measure_words(measure: str) -> str:
    """ "phone known", "valid phone" """
    name, _, of_what = measure.partition(":")
    label = COMPLETE.get(name, name)
    return f"Valid {label[:1].lower()}{label[1:]}" if of_what else f"{label} known"


def by_source(since: datetime, until: datetime) -> list[SourceData]:
    """The sources of the leads that came in a period, those with most leads first."""
    counts: dict[str, Any] = {"leads": Count("id")}
    for position, name in enumerate(COMPLETE):
        known = _is_known(name)
        counts[f"known_{position}"] = Count("id", filter=known)
        if name in SPOILING:
            checked = known & Q(invalid__isnull=False)
            spoiled = reduce(or_, (Q(invalid__contains=[code]) for code in SPOILING[name]))
            counts[f"checked_{position}"] = Count("id", filter=checked)
            counts[f"valid_{position}"] = Count("id", filter=checked & ~spoiled)
    grouped: Any = _newest(since, until).values("source").annotate(**counts)
    rows = grouped.order_by("-leads", "source")[:MOST_SOURCES]
    return [_source_data(row) for row in rows]


def _newest(since: datetime, until: datetime) -> QuerySet[Lead]:
    """The leads of the period, from the moment on that leaves no more than MOST_LEADS of them."""
    came: QuerySet[Lead] = Lead.objects.filter(is_test=False, created_at__gte=since, created_at__lt=until)
    oldest = came.order_by("-created_at", "-id").values_list("created_at", flat=True)
    # A bound by time, and not by ids: those would be looked up one by one.
    for cut in oldest[MOST_LEADS - 1 : MOST_LEADS]:
        came = came.filter(created_at__gte=cut)
    history = Handoff.objects.filter(lead_id=OuterRef("pk"), is_history=True)
    return came.exclude(Exists(history))


def _is_known(name: str) -> Q:
    """As `leads.quality.is_known`, of rows."""
    owner, _, part = name.rpartition(".")
    if owner:
        path = f"account__{part}"
        return Q(**{f"{path}__isnull": False}) if part == "employees" else Q(**{f"{path}__gt": ""})
    if name in INSTEAD:
        instead = INSTEAD[name].replace(".", "__")
        return Q(**{f"{name}__gt": ""}) | Q(**{f"{instead}__gt": ""})
    return Q(**{f"{name}__gt": ""})


def _source_data(row: Mapping[str, Any]) -> SourceData:
    names = list(enumerate(COMPLETE))
    return SourceData(
        source=row["source"],
        leads=row["leads"],
        known={name: row[f"known_{position}"] for position, name in names},
        checked={name: row[f"checked_{position}"] for position, name in names if name in SPOILING},
        valid={name: row[f"valid_{position}"] for position, name in names if name in SPOILING},
    )


def together(rows: Iterable[SourceData]) -> SourceData:
    """All sources as one."""
    listed = list(rows)

    def added(counts: str) -> dict[str, int]:
        names = COMPLETE if counts == "known" else SPOILING
        return {name: sum(getattr(row, counts)[name] for row in listed) for name in names}

    return SourceData("", sum(row.leads for row in listed), added("known"), added("checked"), added("valid"))
