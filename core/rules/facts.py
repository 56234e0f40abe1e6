"""What a rule is asked about: the values of one lead and account, and what the lead did."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import lru_cache
from itertools import islice
from types import MappingProxyType
from typing import NamedTuple, TypeAlias
from unicodedata import normalize

from core.rules.text import as_number, as_text, fold, words

ANY_KIND = ""  # the key of the timeline under which every engagement stands

MAX_ITEMS = 1_000  # entries of a list that are looked at
MAX_SEARCHED = 2_000  # bytes of one field that a pattern searches; keeps the worst pattern well under 50 ms

#: Ages in seconds, ascending, by folded subject: under None those of all, under "" those without a subject.
Ages: TypeAlias = Mapping[str | None, Sequence[float]]
_REMEMBERED_LENGTH = 100  # characters
_READINGS = ("_folded", "_spelled", "_words", "_encoded", "_items", "_numbers", "_flags", "_days")
_NO_AGES: Ages = MappingProxyType({})


class EngagementFact(NamedTuple):
    """One thing the lead did: `kind` ("page_view"), `subject` ("pricing"; may be empty), `at` (aware)."""

    kind: str
    subject: str | None
    at: datetime


class Facts:
    """The facts of one lead at one moment, read by any number of rules.

    values:      by field name; None, blank text, an empty list and an absent key all mean "not known".
    engagements: `EngagementFact`s or plain (kind, subject, at) triples, in any order.  Those after `now` are
                 not counted.
    now:         aware; its zone decides on which calendar day a moment falls when it is compared with a date.

    A value may also be a function without arguments, for what costs a look-up: it is called when a rule asks.
    A value is read as its field's type when that needs no guessing ("250" is a number, "2025-03-01" a date);
    otherwise it counts as not known.  Each reading is made once and kept, so treat the facts as frozen.
    Raises ValueError for naive times.
    """

    __slots__ = (
        "_days",
        "_encoded",
        "_flags",
        "_folded",
        "_items",
        "_numbers",
        "_spelled",
        "_timeline",
        "_words",
        "engagements",
        "now",
        "values",
    )

    def __init__(
        self,
        values: Mapping[str, object],
        engagements: Sequence[EngagementFact | tuple[str, str | None, datetime]],
        now: datetime,
    ) -> None:
        if now.utcoffset() is None:
            raise ValueError("Facts need an aware `now`.")
        if any(at.utcoffset() is None for _, _, at in engagements):
            raise ValueError("Every engagement needs an aware time.")
        self.values = values
        self.engagements = engagements
        self.now = now
        self._folded: dict[str, str | None] = {}
        self._spelled: dict[str, str | None] = {}
        self._words: dict[str, str | None] = {}
        self._encoded: dict[str, tuple[bytes, ...] | None] = {}
        self._items: dict[str, tuple[str, ...] | None] = {}
        self._numbers: dict[str, float | int | None] = {}
        self._flags: dict[str, bool | None] = {}
        self._days: dict[str, date | None] = {}
        self._timeline: Mapping[str, Ages] | None = None

    def having(self, name: str, value: object) -> Facts:
        """The same facts with another value of one field. What was read already of the others, and of what
        the lead did, is shared."""
        if self._timeline is None:
            self._timeline = self._read_timeline()
        found = Facts.__new__(Facts)
        found.values = {**self.values, name: value}
        found.engagements, found.now, found._timeline = self.engagements, self.now, self._timeline
        for slot in _READINGS:
            read = dict(getattr(self, slot))
            read.pop(name, None)
            setattr(found, slot, read)
        return found

    def value(self, name: str) -> object:
        """The value of a field as it was given."""
        value = self.values.get(name)
        return value() if callable(value) else value

    def folded(self, name: str) -> str | None:
        """The text of a field without case and accents."""
        try:
            return self._folded[name]
        except KeyError:
            text = as_text(self.value(name))
            self._folded[name] = result = (fold(text) or None) if text is not None else None
            return result

    def spelled(self, name: str, spell: Callable[[str], str]) -> str | None:
        """The text of a field in the one way in which its vocabulary spells it, folded."""
        try:
            return self._spelled[name]
        except KeyError:
            text = as_text(self.value(name))
            self._spelled[name] = result = (fold(spell(text)) or None) if text is not None else None
            return result

    def words(self, name: str) -> str | None:
        """The words of a text field, as `text.words` gives them."""
        try:
            return self._words[name]
        except KeyError:
            folded = self.folded(name)
            self._words[name] = result = None if folded is None else words(folded)
            return result

    def items(self, name: str) -> tuple[str, ...] | None:
        """The folded entries of a list field; a single text is a list of one."""
        try:
            return self._items[name]
        except KeyError:
            folded = (fold(text) for text in self._texts(name))
            self._items[name] = result = tuple(text for text in folded if text) or None
            return result

    def encoded(self, name: str) -> tuple[bytes, ...] | None:
        """The texts of a text or list field as written, in UTF-8: what patterns search."""
        try:
            return self._encoded[name]
        except KeyError:
            self._encoded[name] = result = _searched(self._texts(name)) or None
            return result

    def number(self, name: str) -> float | int | None:
        """The value of a number field."""
        try:
            return self._numbers[name]
        except KeyError:
            self._numbers[name] = result = _read_number(self.value(name))
            return result

    def flag(self, name: str) -> bool | None:
        """The value of a boolean field."""
        try:
            return self._flags[name]
        except KeyError:
            value = self.value(name)
            if isinstance(value, str):
                value = {"true": True, "false": False}.get(value.strip().lower())
            self._flags[name] = result = value if isinstance(value, bool) else None
            return result

    def day(self, name: str) -> date | None:
        """The calendar day of a date field, in the zone of `now`."""
        try:
            return self._days[name]
        except KeyError:
            self._days[name] = result = self._read_day(self.value(name))
            return result

    def ages(self, kind: str) -> Ages:
        """How long ago the engagements of a folded kind were, up to `now`; `ANY_KIND` for all of them."""
        timeline = self._timeline
        if timeline is None:
            self._timeline = timeline = self._read_timeline()
        return timeline.get(kind, _NO_AGES)

    def _texts(self, name: str) -> list[str]:
        value = self.value(name)
        entries = value if isinstance(value, list | tuple | set | frozenset) else (value,)
        return [text for entry in islice(entries, MAX_ITEMS) if (text := as_text(entry)) is not None]

    def _read_day(self, value: object) -> date | None:
        if isinstance(value, str):
            value = _parse_day(value.strip())
        if isinstance(value, datetime):
            return _day_in(value, self.now)
        return value if isinstance(value, date) else None

    def _read_timeline(self) -> Mapping[str, Ages]:
        # Two datetimes of one zone are subtracted by their wall clocks; in UTC the ages are true.
        now = _utc(self.now)
        past = []
        for kind, subject, at in self.engagements:
            age = (now - _utc(at)).total_seconds()
            if age >= 0:
                past.append((age, _slug(kind), _slug(subject)))
        past.sort()
        timeline: dict[str, dict[str | None, list[float]]] = {}
        for age, kind, folded_subject in past:
            for key in {ANY_KIND, kind}:
                ages = timeline.setdefault(key, {})
                ages.setdefault(None, []).append(age)
                ages.setdefault(folded_subject, []).append(age)
        return timeline


def _slug(name: str | None) -> str:
    """A kind or subject folded.  Few short ones come up again and again, so those are remembered."""
    if not name:
        return ""
    return _remembered(name) if len(name) <= _REMEMBERED_LENGTH else fold(as_text(name) or "")


@lru_cache(maxsize=4_096)
def _remembered(name: str) -> str:
    return fold(as_text(name) or "")


def _searched(texts: list[str]) -> tuple[bytes, ...]:
    """`texts` in UTF-8, `MAX_SEARCHED` bytes of them in all, cut between two characters."""
    result: list[bytes] = []
    room = MAX_SEARCHED
    for text in texts:
        encoded = normalize("NFC", text).encode()
        if len(encoded) > room:
            encoded = encoded[:room].decode(errors="ignore").encode()
        if not encoded:
            break
        result.append(encoded)
        room -= len(encoded)
    return tuple(result)


def _read_number(value: object) -> float | int | None:
    """A number, or a text that is nothing but one."""
    if isinstance(value, str):
        if len(value) > 40 or "_" in value:  # Python reads 1_000 as a number; people do not write it
            return None
        try:
            value = float(value)
        except ValueError:
            return None
    return as_number(value)


def _parse_day(text: str) -> date | datetime | None:
    """An ISO 8601 date or moment; None for anything else."""
    if len(text) > 40:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        pass
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _day_in(moment: datetime, now: datetime) -> date:
    """The day of `moment` in the zone of `now`; a naive one is taken as it stands."""
    if moment.utcoffset() is None:
        return moment.date()
    try:
        return moment.astimezone(now.tzinfo).date()
    except OverflowError:  # within a day of the first or last moment that Python knows
        return moment.date()


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is UTC:
        return moment
    try:
        return moment.astimezone(UTC)
    except OverflowError:  # as above: the offset does not matter there
        return moment.replace(tzinfo=UTC)
