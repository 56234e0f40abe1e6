"""What territories have in common and what they leave out, found by their sets, prefixes and ranges, not by
trying leads. Pure.

An overlap is a pair of territories that both take some lead. A gap is a lead of a country that is named (of
any country, where none is or a territory takes all), with every value known, that no territory takes. Within
a country the regions, prefixes, sizes and industries that matter are those of the territories that take it,
so that nobody is told of Bavaria in France. Which values a lead may lack, so that nobody takes it, is found
apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from core.rules.text import fold
from routing.territories import LISTS, Territory, read, size_words, texts_of

#: As many overlaps and gaps are shown; how many there are besides is counted of overlaps alone.
MOST_SHOWN: Final = 100
#: Groups of values that are looked at for gaps; more are not, and the answer says so.
MOST_STEPS: Final = 50_000
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
    pairs = list(search.overlaps())
    gaps = search.gaps()
    return Cover(
        overlaps=pairs[:MOST_SHOWN],
        overlaps_found=len(pairs),
        gaps=sorted(gaps, key=lambda gap: not gap.is_named)[:MOST_SHOWN],
        unknown=search.unknown(),
        all_looked_at=search.steps <= MOST_STEPS and len(gaps) <= MOST_SHOWN,
    )


def all_overlaps(written: Sequence[Mapping[str, Any]]) -> Iterator[Overlap]:
    """Every pair of territories that take the same lead, however many there are."""
    return _Search(written).overlaps()


def example_words(example: Example) -> str:
    """A lead in words: "Germany, postal code 80, 120 employees"."""
    said = []
    for name, value in example.items():
        if name == "employees":
            said.append(f"{value:,} employee{'' if value == 1 else 's'}")
        else:
            said.append(f"postal code {value}" if name == "postal_code" else str(value))
    return ", ".join(said) or "any lead"


@dataclass(frozen=True, slots=True)
class _Atom:
    """Values of a dimension that the same territories take, or would: one of them, words for it, and who.

    is_other: a value that nobody names.
    """

    value: str | int
    words: str
    takers: int
    is_other: bool = False


class _Search:
    """Territories as bits of a number: bit 3 is the fourth territory."""

    def __init__(self, written: Sequence[Mapping[str, Any]]) -> None:
        self.rows: list[Territory] = [read(each) for each in written]
        self.everybody = (1 << len(self.rows)) - 1
        self.spelt = {
            part: {fold(text): text for each in written for text in texts_of(each, part)} for part in LISTS
        }
        self.steps = 0
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

    def _mask(self, fits: Callable[[Territory], bool]) -> int:
        return sum(1 << at for at, row in enumerate(self.rows) if fits(row))

    # --- Overlaps ---

    def overlaps(self) -> Iterator[Overlap]:
        """Every pair that has a lead in common, by place."""
        for at, row in enumerate(self.rows):
            others = self.everybody >> (at + 1) << (at + 1)
            for name, found in self._by_value.items():
                mine = getattr(row, _PART[name])
                if mine:
                    others &= self.free[name] | _union(found[value] for value in mine)
            for second in _bits(others):
                example = self._common(row, self.rows[second])
                if example is not None:
                    names = (row.name, self.rows[second].name)
                    yield Overlap(at, second, names, example, _takes_all(row, self.rows[second]))

    def _common(self, one: Territory, two: Territory) -> dict[str, str | int] | None:
        """A lead that both take, given that their sets meet; None where there is none."""
        postal = _common_prefix(one.postal, two.postal)
        low, high = _common_sizes(one, two)
        if postal is None or (high is not None and low > high):
            return None
        lead: dict[str, str | int] = {}
        for name in _DIMENSIONS:
            if name == "postal_code":
                if postal:
                    lead[name] = self._spell("postal", postal)
            elif name == "employees":
                if one.sizes or two.sizes:
                    lead[name] = low
            else:
                mine, theirs = getattr(one, _PART[name]), getattr(two, _PART[name])
                values = mine & theirs if mine and theirs else mine | theirs
                if values:
                    lead[name] = self._spell(_PART[name], min(values))
        return lead

    def _spell(self, part: str, folded: str) -> str:
        return self.spelt[part].get(folded, folded)

    # --- Gaps ---

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
        words: Mapping[str, str],
        lead: Example,
        *,
        is_named: bool,
        skip: str = "",
    ) -> Iterator[Gap]:
        """Gaps of the dimensions from `depth` on.

        relevant: whose values are looked at; takers: who take the values so far (words, lead).
        """
        self.steps += 1
        if takers & self.free_from[depth] or self.steps > MOST_STEPS:
            return
        if not takers:
            yield Gap(words, lead, is_named)
            return
        name = _DIMENSIONS[depth]
        rest: dict[str, Any] = {"skip": skip}
        if name == skip or not relevant & ~self.free[name]:
            yield from self._gaps(depth + 1, relevant, takers, words, lead, is_named=is_named, **rest)
            return
        groups: dict[int, list[_Atom]] = {}
        for atom in self._atoms(name, relevant):
            groups.setdefault(atom.takers, []).append(atom)
        for mask, atoms in groups.items():
            named = [atom for atom in atoms if not atom.is_other]
            one = (named or atoms)[0]
            yield from self._gaps(
                depth + 1,
                relevant & mask,
                takers & mask,
                {**words, name: _group_words(name, atoms)},
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
        named: dict[str, int] = {}
        for at in _bits(relevant):
            for prefix in self.rows[at].postal:
                named[prefix] = named.get(prefix, 0) | 1 << at
        free = self.free["postal_code"] & relevant
        ordered = sorted(named)
        for at, prefix in enumerate(ordered):
            # Of the codes that begin so, this one begins with no longer prefix.
            takers = _union(named.get(prefix[:end], 0) for end in range(1, len(prefix) + 1))
            spelt = self._spell("postal", prefix)
            longer = [each for each in ordered[at + 1 : at + 7] if each.startswith(prefix)]
            words = f"{spelt}…"
            if longer:
                but = ", ".join(self._spell("postal", each) + "…" for each in longer[:5])
                words += f" but not {but}" + (" …" if len(longer) > 5 else "")
            yield _Atom(spelt, words, takers | free)
        other = next((each for each in "0123456789abcdefghijklmnopqrstuvwxyz-" if each not in named), None)
        if other is not None:
            yield _Atom(other.upper(), "another postal code", free, is_other=True)

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


def _union(masks: Iterator[int]) -> int:
    found = 0
    for mask in masks:
        found |= mask
    return found


def _bits(mask: int) -> Iterator[int]:
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest


def _common_prefix(one: Sequence[str], two: Sequence[str]) -> str | None:
    """A prefix of codes that both take; "" where neither asks, None where no code fits both."""
    if not one or not two:
        return min((*one, *two), default="")
    return next(
        (max(a, b, key=len) for a in one for b in two if a.startswith(b) or b.startswith(a)),
        None,
    )


def _common_sizes(one: Territory, two: Territory) -> tuple[int, int | None]:
    ranges = [sizes for sizes in (one.sizes, two.sizes) if sizes is not None]
    low = max((sizes[0] for sizes in ranges), default=0)
    highs = [sizes[1] for sizes in ranges if sizes[1] is not None]
    return low, min(highs, default=None)


def _takes_all(wide: Territory, narrow: Territory) -> bool:
    """Whether every lead of one territory is one of another."""
    for part in ("countries", "regions", "industries"):
        mine, theirs = getattr(wide, part), getattr(narrow, part)
        if mine and not (theirs and theirs <= mine):
            return False
    if wide.postal and not (narrow.postal and all(each.startswith(wide.postal) for each in narrow.postal)):
        return False
    if wide.sizes is None:
        return True
    if narrow.sizes is None:
        return False
    (low, high), (least, most) = wide.sizes, narrow.sizes
    return low <= least and (high is None or (most is not None and most <= high))


def _unlike(text: str, taken: Mapping[str, int]) -> str:
    """The text, or with a number behind it, so that it is none of those."""
    found, number = text, 1
    while fold(found) in taken:
        number += 1
        found = f"{text} {number}"
    return found


def _group_words(name: str, atoms: Sequence[_Atom]) -> str:
    if name == "employees":
        return " or ".join(atom.words for atom in atoms[:4]) + (" …" if len(atoms) > 4 else "")
    said = [atom.words for atom in atoms[:6]]
    return ", ".join(said) + (f" and {len(atoms) - 6} more" if len(atoms) > 6 else "")
