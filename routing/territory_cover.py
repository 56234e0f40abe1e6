"""What territories have in common and what they leave out, found by their sets, prefixes and ranges, not by
trying leads. Pure.

An overlap is a pair of territories that both take some lead. A gap is a lead of a country that is named (of
any country, where none is or a territory takes all), with every value known, that no territory takes. Within
a country the regions, prefixes, sizes and industries that matter are those of the territories that take it,
so that nobody is told of Bavaria in France. Which values a lead may lack, so that nobody takes it, is found
apart.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, islice
from math import inf
from operator import or_
from typing import Any, Final, NamedTuple

from core.rules.text import fold
from routing.territories import LISTS, Territory, compared, read, size_words, texts_of

#: As many overlaps and gaps are shown; how many there are besides is counted of overlaps alone.
MOST_SHOWN: Final = 100
#: Groups of values that are looked at for gaps, and values in all; more are not, and the answer says so.
MOST_STEPS: Final = 50_000
MOST_VALUES: Final = 500_000
_DIMENSIONS: Final = ("country", "region", "postal_code", "employees", "industry")
_PART: Final = {
    "country": "countries",
    "region": "regions",
    "industry": "industries",
    "postal_code": "postal",
}
_OTHER: Final = "Elsewhere"
#: Of a company of nobody no gap is told.
_LEAST_SIZE: Final = 1
_LABELS: Final = {
    "country": "country",
    "region": "region",
    "postal_code": "postal code",
    "employees": "number of employees",
    "industry": "industry",
}

Example = Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Overlap:
    """Two territories, by their places and names, and a lead that both take."""

    first: int
    second: int
    names: tuple[str, str]
    example: Example
    is_whole: bool  # whatever the second takes, the first takes


@dataclass(frozen=True, slots=True)
class Gap:
    """Leads that nobody takes: what they are, in words by dimension, and one of them.

    is_named: they have values that the territories name; else some value is one that none of them names.
    """

    values: Mapping[str, str]
    example: Example
    is_named: bool


@dataclass(frozen=True, slots=True)
class Cover:
    """What a set of territories covers twice and not at all.

    overlaps, gaps: the first hundred. unknown: for each value that leads may lack, a gap of leads without it.
    all_looked_at: False where there were too many combinations to look at all of them.
    """

    overlaps: Sequence[Overlap]
    overlaps_found: int
    gaps: Sequence[Gap]
    unknown: Mapping[str, Gap]
    all_looked_at: bool


def cover(written: Sequence[Mapping[str, Any]]) -> Cover:
    """Look at territories that are written as they should be (routing.territory_check)."""
    search = _Search(written)
    gaps = search.gaps()
    return Cover(
        overlaps=list(islice(search.overlaps(), MOST_SHOWN)),
        overlaps_found=search.overlaps_found(),
        gaps=sorted(gaps, key=lambda gap: not gap.is_named)[:MOST_SHOWN],
        unknown=search.unknown(),
        all_looked_at=not search.is_too_much and len(gaps) <= MOST_SHOWN,
    )


def first_overlaps(written: Sequence[Mapping[str, Any]], *, whole: bool = False) -> Iterator[Overlap]:
    """For each territory, the first of the earlier ones that takes a lead of it (whole: every lead of it)."""
    return _Search(written).first_overlaps(whole=whole)


def example_words(example: Example) -> str:
    """A lead in words: "Germany, postal code 80, 120 employees"."""
    said = []
    for name, value in example.items():
        if name == "employees":
            said.append(f"{value:,} employee{'' if value == 1 else 's'}")
        else:
            said.append(f"postal code {value}" if name == "postal_code" else str(value))
    return ", ".join(said) or "any lead"


class _Atom(NamedTuple):
    """Values of a dimension that the same territories take, or would: one of them, words for it, and who.

    is_other: a value that nobody names. following: of a prefix, those that may begin with it.
    """

    value: str | int
    words: str
    takers: int
    is_other: bool = False
    following: Sequence[str] = ()


class _Search:
    """Territories as bits of a number: bit 3 is the fourth territory."""

    def __init__(self, written: Sequence[Mapping[str, Any]]) -> None:
        self.rows: list[Territory] = [read(each) for each in written]
        self.everybody = (1 << len(self.rows)) - 1
        self.spelt = {
            part: {compared(part, text): text for each in written for text in texts_of(each, part)}
            for part in LISTS
        }
        self.steps = self.values = 0
        #: Who takes any value of a dimension.
        self.free = {name: self._mask(_is_free(name)) for name in _DIMENSIONS}
        # Who takes any value of a dimension and of all after it.
        self.free_from = [self.everybody]
        for name in reversed(_DIMENSIONS):
            self.free_from.insert(0, self.free_from[0] & self.free[name])
        self._by_value: dict[str, dict[str, int]] = {name: {} for name in ("country", "region", "industry")}
        for name, found in self._by_value.items():
            for at, row in enumerate(self.rows):
                for value in getattr(row, _PART[name]):
                    found[value] = found.get(value, 0) | 1 << at
        self._prefixes_of = _prefixes_of(self.rows)
        self._over, self._under = _prefix_masks(self._prefixes_of)
        sized = [(each.sizes, 1 << at) for at, each in enumerate(self.rows) if each.sizes is not None]
        self._lows = _Ladder([(low, bit) for (low, _), bit in sized])
        self._highs = _Ladder([(inf if high is None else high, bit) for (_, high), bit in sized])

    def _mask(self, fits: Callable[[Territory], bool]) -> int:
        return sum(1 << at for at, row in enumerate(self.rows) if fits(row))

    # --- Overlaps ---

    def overlaps(self) -> Iterator[Overlap]:
        """Every pair that has a lead in common, by place."""
        for at, row in enumerate(self.rows):
            for second in _bits(self._meeting(row) >> (at + 1)):
                yield self._pair(at, at + 1 + second)

    def overlaps_found(self) -> int:
        """How many pairs there are: each is counted from both sides, and each territory meets itself."""
        return sum(self._meeting(row).bit_count() - 1 for row in self.rows) // 2

    def first_overlaps(self, *, whole: bool) -> Iterator[Overlap]:
        for at, row in enumerate(self.rows):
            earlier = (self._takers_of_all(row) if whole else self._meeting(row)) & ((1 << at) - 1)
            if earlier:
                yield self._pair(next(_bits(earlier)), at)

    def _meeting(self, row: Territory) -> int:
        """Who takes a lead of this territory, itself included: whose sets, prefixes and sizes meet its."""
        found = self.everybody
        for name, takers in self._by_value.items():
            mine = getattr(row, _PART[name])
            if mine:
                found &= self.free[name] | _union(takers[value] for value in mine)
        if row.postal:
            met = _union(self._over[each] | self._under[each] for each in row.postal)
            found &= self.free["postal_code"] | met
        if row.sizes is not None:
            low, high = row.sizes
            met = self._lows.at_most(inf if high is None else high) & ~self._highs.below(low)
            found &= self.free["employees"] | met
        return found

    def _takers_of_all(self, row: Territory) -> int:
        """Who takes every lead of this territory, itself included."""
        found = self.everybody
        for name, takers in self._by_value.items():
            found &= self.free[name] | _shared(takers[value] for value in getattr(row, _PART[name]))
        found &= self.free["postal_code"] | _shared(self._over[each] for each in row.postal)
        if row.sizes is None:
            return found & self.free["employees"]
        low, high = row.sizes
        wide = self._lows.at_most(low) & ~self._highs.below(inf if high is None else high)
        return found & (self.free["employees"] | wide)

    def _pair(self, first: int, second: int) -> Overlap:
        one, two = self.rows[first], self.rows[second]
        is_whole = bool(self._takers_of_all(two) >> first & 1)
        return Overlap(first, second, (one.name, two.name), self._common(one, two), is_whole)

    def _common(self, one: Territory, two: Territory) -> dict[str, str | int]:
        """A lead that both take, given that there is one."""
        lead: dict[str, str | int] = {}
        for name in _DIMENSIONS:
            if name == "postal_code":
                if one.postal or two.postal:
                    lead[name] = self._spell("postal", _common_prefix(one.postal, two.postal))
            elif name == "employees":
                ranges = [sizes for sizes in (one.sizes, two.sizes) if sizes is not None]
                if ranges:
                    lead[name] = max(low for low, _ in ranges)
            else:
                mine, theirs = getattr(one, _PART[name]), getattr(two, _PART[name])
                values = mine & theirs if mine and theirs else mine | theirs
                if values:
                    lead[name] = self._spell(_PART[name], min(values))
        return lead

    def _spell(self, part: str, as_compared: str) -> str:
        return self.spelt[part].get(as_compared, as_compared)

    # --- Gaps ---

    @property
    def is_too_much(self) -> bool:
        return self.steps > MOST_STEPS or self.values > MOST_VALUES

    def gaps(self) -> list[Gap]:
        """Leads with every value known that nobody takes; one more than are shown, at most."""
        found: list[Gap] = []
        if self.rows:
            for gap in self._gaps(0, self.everybody, self.everybody, {}, {}, is_named=True):
                found.append(gap)
                if len(found) > MOST_SHOWN:
                    break
        return found

    def unknown(self) -> dict[str, Gap]:
        """For each dimension that leads may lack: a gap of those who lack it, where there is one."""
        found: dict[str, Gap] = {}
        for name in _DIMENSIONS:
            free = self.free[name]
            if free != self.everybody:
                words = {name: f"{_LABELS[name]} not known"}
                gaps = self._gaps(0, self.everybody, free, words, {}, is_named=True, skip=name)
                first = next(gaps, None)
                if first is not None:
                    found[name] = first
        return found

    def _gaps(
        self,
        depth: int,
        relevant: int,
        takers: int,
        words: Mapping[str, str | Sequence[_Atom]],
        lead: Example,
        *,
        is_named: bool,
        skip: str = "",
    ) -> Iterator[Gap]:
        """Gaps of the dimensions from `depth` on.

        relevant: whose values are looked at; takers: who take the values so far (words, lead).
        """
        self.steps += 1
        if takers & self.free_from[depth] or self.is_too_much:
            return
        if not takers:
            said = {name: each if isinstance(each, str) else self._said(each) for name, each in words.items()}
            yield Gap(said, lead, is_named)
            return
        name = _DIMENSIONS[depth]
        rest: dict[str, Any] = {"skip": skip}
        if name == skip or not relevant & ~self.free[name]:
            yield from self._gaps(depth + 1, relevant, takers, words, lead, is_named=is_named, **rest)
            return
        groups: dict[int, list[_Atom]] = {}
        for atom in self._atoms(name, relevant):
            groups.setdefault(atom.takers, []).append(atom)
            self.values += 1
        for mask, atoms in groups.items():
            named = [atom for atom in atoms if not atom.is_other]
            one = (named or atoms)[0]
            yield from self._gaps(
                depth + 1,
                relevant & mask,
                takers & mask,
                {**words, name: atoms},
                {**lead, name: one.value},
                is_named=is_named and bool(named),
                **rest,
            )

    def _atoms(self, name: str, relevant: int) -> Iterator[_Atom]:
        """Values of a dimension, each with who of `relevant` takes it: together they are all there are."""
        if name == "employees":
            yield from self._sizes(relevant)
        elif name == "postal_code":
            yield from self._prefixes(relevant)
        else:
            free = self.free[name] & relevant
            part = _PART[name]
            values = {value: takers & relevant for value, takers in self._by_value[name].items()}
            for value, takers in values.items():
                if takers:
                    spelt = self._spell(part, value)
                    yield _Atom(spelt, spelt, takers | free)
            if name != "country" or free:
                yield _Atom(_unlike(_OTHER, values), f"another {_LABELS[name]}", free, is_other=True)

    def _prefixes(self, relevant: int) -> Iterator[_Atom]:
        free = self.free["postal_code"] & relevant
        ordered = [prefix for prefix, who in self._prefixes_of.items() if who & relevant]
        for at, prefix in enumerate(ordered):
            # Of the codes that begin so, this one begins with no longer prefix.
            takers = self._over[prefix] & relevant | free
            yield _Atom(self._spell("postal", prefix), "", takers, following=ordered[at + 1 : at + 7])
        named = frozenset(ordered)
        other = next((each for each in "0123456789abcdefghijklmnopqrstuvwxyz-" if each not in named), None)
        if other is not None:
            yield _Atom(other.upper(), "another postal code", free, is_other=True)

    def _said(self, atoms: Sequence[_Atom]) -> str:
        """A group of values in words, the first of them."""
        if isinstance(atoms[0].value, int):
            return " or ".join(atom.words for atom in atoms[:4]) + (" …" if len(atoms) > 4 else "")
        said = [atom.words or self._prefix_words(atom) for atom in atoms[:6]]
        return ", ".join(said) + (f" and {len(atoms) - 6} more" if len(atoms) > 6 else "")

    def _prefix_words(self, atom: _Atom) -> str:
        prefix = fold(str(atom.value))
        longer = [self._spell("postal", each) + "…" for each in atom.following if each.startswith(prefix)]
        but = f" but not {', '.join(longer[:5])}" if longer else ""
        return f"{atom.value}…{but}{' …' if len(longer) > 5 else ''}"

    def _sizes(self, relevant: int) -> Iterator[_Atom]:
        marks = {_LEAST_SIZE}
        ranges = [(at, self.rows[at].sizes) for at in _bits(relevant & ~self.free["employees"])]
        changes: dict[int, int] = {}
        for at, sizes in ranges:
            assert sizes is not None
            low, high = sizes
            for mark in (max(low, _LEAST_SIZE), None if high is None else max(high + 1, _LEAST_SIZE)):
                if mark is not None:
                    marks.add(mark)
                    changes[mark] = changes.get(mark, 0) ^ 1 << at
        takers = self.free["employees"] & relevant
        ordered = sorted(marks)
        for low, above in zip(ordered, [*ordered[1:], None], strict=True):
            takers ^= changes.get(low, 0)
            yield _Atom(low, size_words(low, None if above is None else above - 1), takers)


def _is_free(name: str) -> Callable[[Territory], bool]:
    if name == "employees":
        return lambda row: row.sizes is None
    return lambda row: not getattr(row, _PART[name])


def _union(masks: Iterable[int]) -> int:
    found = 0
    for mask in masks:
        found |= mask
    return found


def _shared(masks: Iterable[int]) -> int:
    """Who is in all of these; nobody where there are none."""
    found: int | None = None
    for mask in masks:
        found = mask if found is None else found & mask
    return found or 0


def _bits(mask: int) -> Iterator[int]:
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest


class _Ladder:
    """Who stands at which number: asked for all up to one without looking at each."""

    def __init__(self, stands: Iterable[tuple[float, int]]) -> None:
        ordered = sorted(stands)
        self._numbers = [number for number, _ in ordered]
        self._masks = [0, *accumulate((bit for _, bit in ordered), or_)]

    def at_most(self, number: float) -> int:
        return self._masks[bisect_right(self._numbers, number)]

    def below(self, number: float) -> int:
        return self._masks[bisect_left(self._numbers, number)]


def _prefixes_of(rows: Sequence[Territory]) -> dict[str, int]:
    """Who names each prefix; the prefixes are sorted, so that each stands behind those it begins with."""
    named: dict[str, int] = {}
    for at, row in enumerate(rows):
        for prefix in row.postal:
            named[prefix] = named.get(prefix, 0) | 1 << at
    return dict(sorted(named.items()))


def _prefix_masks(named: Mapping[str, int]) -> tuple[dict[str, int], dict[str, int]]:
    """By prefix: who names it or one that it begins with, and who names it or one that begins with it."""
    over, under = dict(named), dict(named)
    path: list[str] = []  # prefixes of the one at hand, each the start of the next
    for prefix in [*named, ""]:
        while path and not (prefix and prefix.startswith(path[-1])):
            done = path.pop()
            if path:
                under[path[-1]] |= under[done]
        if path:
            over[prefix] |= over[path[-1]]
        path.append(prefix)
    return over, under


def _common_prefix(one: Sequence[str], two: Sequence[str]) -> str:
    """A prefix of codes that both take, given that there is one. Both are sorted, and within each no prefix
    begins with another, so that only the neighbours of a prefix can fit it."""
    if not one or not two:
        return min((*one, *two))
    for each in one:
        at = bisect_right(two, each)
        if at and each.startswith(two[at - 1]):
            return each
        if at < len(two) and two[at].startswith(each):
            return two[at]
    raise AssertionError("No code fits both.")


def _unlike(text: str, taken: Mapping[str, int]) -> str:
    """The text, or with a number behind it, so that it is none of those."""
    found, number = text, 1
    while fold(found) in taken:
        number += 1
        found = f"{text} {number}"
    return found
