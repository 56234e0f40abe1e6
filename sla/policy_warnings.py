"""What a policy will not do as it seems to: tiers that no lead reaches, promises that the hours cannot keep,
messages that say one thing twice, steps that tell nobody. One sentence a cause, whatever the number of tiers
and calendars that it is true of.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice, pairwise
from typing import Any, Final

from core.rules import doubts
from leads.criteria import SCHEMA
from sla import words
from sla.ladder import MESSAGES
from sla.policy_edit import tiers_of
from sla.recipients import Heard
from sla.tiers import Policy, TargetSpec
from tenants import selectors
from tenants.models import Tenant
from web.templatetags.sp import minutes_text

_WEEK: Final = 7 * 86_400
#: Hours under which a promise of minutes says little: most leads arrive when nobody is there.
_FEW_HOURS: Final = 10 * 3_600
_DAY: Final = 86_400
_MOST_DOUBTS: Final = 20
#: Two messages about one clock within this are one too many.
_CROWDED: Final = 60
_TELLING: Final = frozenset(MESSAGES) - {"call_webhook"}


def policy_warnings(
    content: Mapping[str, Any], policy: Policy, tenant: Tenant, told: Sequence[Heard]
) -> list[str]:
    """What to look at twice before this valid content is put in force."""
    return [
        *_unreached(content),
        *_doubtful(content),
        *_unmeetable(policy, tenant),
        *_crowded(policy),
        *_unheard(told),
    ]


def _listed(parts: Iterable[str]) -> str:
    """ "a", "a and b", "a, b and c"; each once."""
    once = list(dict.fromkeys(parts))
    return " and ".join(part for part in (", ".join(once[:-1]), *once[-1:]) if part)


# --- Tiers that no lead reaches ---


def _unreached(content: Mapping[str, Any]) -> list[str]:
    tiers = tiers_of(content)
    empty: list[str] = []
    shadowed: defaultdict[str, list[str]] = defaultdict(list)
    for index, tier in enumerate(tiers):
        if contradicts(tier.get("when")):
            empty.append(tier["name"])
            continue
        for earlier in tiers[:index]:
            if covers(earlier.get("when"), tier.get("when")):
                shadowed[earlier["name"]].append(tier["name"])
                break
    said = [
        f"No lead ever gets {_listed(names)}: whoever {'it is' if len(names) == 1 else 'they are'} for is "
        f"caught by {earlier} before."
        for earlier, names in shadowed.items()
    ]
    if empty:
        what = "its conditions contradict" if len(empty) == 1 else "their conditions contradict"
        said.append(f"No lead ever gets {_listed(empty)}: {what} each other.")
    return said


def _doubtful(content: Mapping[str, Any]) -> list[str]:
    """Values that are not what their field asks for."""
    said = (
        f"{tier['name']}: {each.message}"
        for tier in tiers_of(content)
        if tier.get("when") is not None
        for each in doubts(tier["when"], SCHEMA)
    )
    return list(islice(said, _MOST_DOUBTS))


def contradicts(when: Any) -> bool:
    """Whether surely nobody meets a condition: it wants a thing and its opposite, or two values of one field.
    False where that takes thought.
    """
    if not isinstance(when, Mapping):
        return False
    if "any" in when:
        return all(contradicts(each) for each in when["any"])
    if "all" not in when:
        return False
    parts = when["all"]
    written = {json.dumps(part, sort_keys=True) for part in parts}
    if any(
        isinstance(part, Mapping) and json.dumps(part.get("not"), sort_keys=True) in written for part in parts
    ):
        return True
    return any(contradicts(part) for part in parts) or _two_values(parts)


def _two_values(parts: Sequence[Any]) -> bool:
    """Whether conditions on one field leave no value for it."""
    allowed: dict[str, set[str]] = {}
    least: dict[str, float] = {}
    most: dict[str, float] = {}
    for part in parts:
        if not isinstance(part, Mapping) or "field" not in part:
            continue
        field, op, value = part["field"], part.get("op"), part.get("value")
        if op in ("equals", "one_of"):
            values = {_compared(field, each) for each in (value if isinstance(value, list) else [value])}
            allowed[field] = allowed.get(field, values) & values
        low, high = value if op == "between" and isinstance(value, list) else (value, value)
        if op in ("at_least", "between") and isinstance(low, int | float):
            least[field] = max(low, least.get(field, low))
        if op in ("at_most", "between") and isinstance(high, int | float):
            most[field] = min(high, most.get(field, high))
    return not all(allowed.values()) or any(most[name] < low for name, low in least.items() if name in most)


def _compared(field: str, value: Any) -> str:
    """A value as rules compare it."""
    known = SCHEMA.by_name[field].vocabulary if field in SCHEMA.by_name else None
    return (known.spell(value) if known and isinstance(value, str) else str(value)).casefold()


def covers(wide: Any, narrow: Any) -> bool:
    """Whether all whom `narrow` is for are surely among those of `wide`; False where that takes thought."""
    if wide is None or json.dumps(wide, sort_keys=True) == json.dumps(narrow, sort_keys=True):
        return True
    if not isinstance(narrow, Mapping):
        return False
    if "any" in narrow:
        return all(covers(wide, each) for each in narrow["any"])
    if "any" in wide:
        return any(covers(each, narrow) for each in wide["any"])
    if "all" in wide:
        return all(covers(each, narrow) for each in wide["all"])
    if "all" in narrow:
        return any(covers(wide, each) for each in narrow["all"])
    return _counts_more(wide.get("engagements"), narrow.get("engagements"))


def _counts_more(wide: Any, narrow: Any) -> bool:
    """The same engagement, asked for as often or less, in as long a time or longer."""
    if not isinstance(wide, Mapping) or not isinstance(narrow, Mapping):
        return False
    loose = ("value", "within_days")
    if {name: value for name, value in wide.items() if name not in loose} != {
        name: value for name, value in narrow.items() if name not in loose
    }:
        return False
    if wide.get("op", "at_least") != "at_least" or wide.get("measure", "count") != "count":
        return False
    often = wide.get("value", 1) <= narrow.get("value", 1)
    long = "within_days" not in wide or wide["within_days"] >= narrow.get("within_days", float("inf"))
    return often and long


# --- Promises that the hours cannot keep ---


def _unmeetable(policy: Policy, tenant: Tenant) -> list[str]:
    """A sentence for each way in which hours make promises empty or hopeless, with all that it is true of."""
    users = selectors.calendar_users(tenant=tenant)
    night, long, rare = (_Pairs() for _ in range(3))
    for calendar, version in selectors.calendars(tenant=tenant):
        if calendar.id not in users:
            continue
        week = open_seconds_a_week(version.spec["weekly"])
        if week >= _WEEK:
            continue
        hours = f"{calendar.name} ({', '.join(users[calendar.id])}), open {_hours(week)} a week"
        for tier in policy.tiers:
            for spec in tier.targets:
                seconds = _seconds(spec)
                promise = f"{tier.name}, {words.target_words(spec)}"
                if seconds is None:
                    continue
                if spec.wall:
                    if seconds < _DAY:
                        night.add(promise, hours)
                elif seconds > week:
                    long.add(promise, hours)
                elif week < _FEW_HOURS and seconds < _DAY:
                    rare.add(promise, hours)
    said = []
    if night:
        said.append(
            "These clocks run at night too, and a lead that arrives outside working hours is overdue before "
            f"anybody is at work: {night}."
        )
    if long:
        said.append(f"These promises take more than a week of working time: {long}.")
    if rare:
        said.append(f"Most leads wait for days until the time of these promises begins: {rare}.")
    return said


class _Pairs:
    """Promises and the calendars that something is true of; those with the same calendars are told
    together.
    """

    def __init__(self) -> None:
        self._by_promise: defaultdict[str, list[str]] = defaultdict(list)

    def add(self, promise: str, hours: str) -> None:
        self._by_promise[promise].append(hours)

    def __bool__(self) -> bool:
        return bool(self._by_promise)

    def __str__(self) -> str:
        groups: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
        for promise, hours in self._by_promise.items():
            groups[tuple(hours)].append(promise)
        return ". ".join(
            f"{'; '.join(promises)}: on {'; '.join(hours)}" for hours, promises in groups.items()
        )


def _seconds(spec: TargetSpec) -> int | None:
    """The time of a promise that is counted in hours, minutes or seconds; None for days."""
    return {"seconds": 1, "minutes": 60, "hours": 3_600}.get(
        spec.duration.unit, 0
    ) * spec.duration.amount or None


def open_seconds_a_week(weekly: Mapping[str, Sequence[Sequence[str]]]) -> int:
    """Opening hours of a usual week, holidays aside."""
    return sum(_length(start, end) for spans in weekly.values() for start, end in spans)


def _length(start: str, end: str) -> int:
    opens, closes = (int(clock[:2]) * 3_600 + int(clock[3:5]) * 60 for clock in (start, end))
    return closes - opens if closes > opens else closes - opens + _DAY


def _hours(seconds: int) -> str:
    hours = round(seconds / 3_600, 1)
    return f"{hours:g} hour{'' if hours == 1 else 's'}"


# --- Steps ---


def _crowded(policy: Policy) -> list[str]:
    """Steps so close to each other that people hear twice of one thing."""
    said = []
    for first, second in pairwise(policy.ladder):
        both = {act.do for act in first.actions} & {act.do for act in second.actions} & _TELLING
        if not both or first.after or second.after:
            continue
        close = []
        for tier in policy.tiers:
            seconds = min((_seconds(spec) or _DAY for spec in tier.targets), default=_DAY)
            apart = seconds * (second.at - first.at) // 100
            if apart < _CROWDED:
                close.append(f"{tier.name} ({minutes_text(apart)})")
        if close:
            said.append(
                f"The steps at {first.at}% and {second.at}% both {words.order_words(sorted(both)[0])}, and "
                f"are less than a minute apart in {_listed(close)}."
            )
    return said


def _unheard(rows: Sequence[Heard]) -> list[str]:
    """Steps that tell nobody, by the teams of whose leads nobody hears."""
    by_teams: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
    for row in rows:
        if row.nobody:
            by_teams[tuple(row.nobody)].append(words.lower_first(row.step))
    said = []
    for teams, steps in by_teams.items():
        step = _listed(steps)
        said.append(
            f"{step[:1].upper()}{step[1:]} nobody hears of the leads of {_listed(teams)}: there is no active "
            "manager or director, and no fallback person."
        )
    return said
