"""What a pack says: sections of tables and sentences. The same when it is shown, printed and kept.

Numbers are kept as numbers and are written out only where they are read, so that a frozen pack can be
compared with what is counted later.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from web.templatetags.sp import DASH, minutes_text, pct

Cell = str | int | float | None
#: How the cells of a column are read: as they are, numbers, per cent, seconds, or a standing.
TEXT: Final = "text"
COUNT: Final = "count"
PERCENT: Final = "percent"
SECONDS: Final = "seconds"
STANDING: Final = "standing"
STANDINGS: Final = {"on_target": "On target", "watch": "Watch", "off_target": "Off target"}


@dataclass(frozen=True, slots=True)
class Column:
    head: str
    form: str = TEXT

    @property
    def is_right(self) -> bool:
        return self.form not in (TEXT, STANDING)


@dataclass(frozen=True, slots=True)
class Table:
    """The first cell of a row says what it is about. link: the report with these numbers; "" for none."""

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    link: str = ""
    empty: str = "Nothing in this period."


@dataclass(frozen=True, slots=True)
class Section:
    """lines: sentences, after the tables."""

    slug: str
    title: str
    tables: Sequence[Table] = ()
    lines: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Pack:
    sections: Sequence[Section]

    def as_document(self) -> dict[str, Any]:
        """JSON, to be kept."""
        return {"sections": [asdict(section) for section in self.sections]}


def from_document(document: Mapping[str, Any]) -> Pack:
    """A pack as it was kept."""
    return Pack(
        [
            Section(
                slug=section["slug"],
                title=section["title"],
                tables=[
                    Table(
                        title=table["title"],
                        columns=[Column(**column) for column in table["columns"]],
                        rows=table["rows"],
                        link=table["link"],
                        empty=table["empty"],
                    )
                    for table in section["tables"]
                ],
                lines=section["lines"],
            )
            for section in document["sections"]
        ]
    )


def written(cell: Cell, form: str) -> str:
    """A cell as people read it."""
    if cell is None or cell == "":
        return DASH
    if isinstance(cell, str):
        return STANDINGS.get(cell, cell) if form == STANDING else cell
    if form == PERCENT:
        return pct(cell)
    if form == SECONDS:
        return "0 min" if cell == 0 else minutes_text(cell)
    return f"{cell:,}"


def written_rows(table: Table) -> list[list[str]]:
    return [
        [written(cell, column.form) for cell, column in zip(row, table.columns, strict=True)]
        for row in table.rows
    ]


@dataclass(frozen=True, slots=True)
class Correction:
    """A number that is another one by now; "" where its row was not there."""

    section: str
    what: str
    column: str
    then: str
    now: str


def corrections(frozen: Pack, live: Pack, *, without: Sequence[str] = ()) -> Iterator[Correction]:
    """Where the numbers of today differ from the frozen ones. without: sections that are not compared."""
    present = {(s.slug, table.title): table for s in live.sections for table in s.tables}
    for section in frozen.sections:
        if section.slug in without:
            continue
        for table in section.tables:
            other = present.get((section.slug, table.title))
            yield from _differences(section.title, table, other)


def _differences(section: str, then: Table, now: Table | None) -> Iterator[Correction]:
    rows_then, rows_now = _by_name(then), _by_name(now) if now is not None else {}
    for name in [*rows_then, *(each for each in rows_now if each not in rows_then)]:
        for column in then.columns[1:]:
            was = rows_then.get(name, {}).get(column.head, "")
            is_now = rows_now.get(name, {}).get(column.head, "")
            if was != is_now:
                yield Correction(section, f"{then.title}: {name}", column.head, was, is_now)


def _by_name(table: Table) -> dict[str, dict[str, str]]:
    heads = [column.head for column in table.columns]
    return {row[0]: dict(zip(heads, row, strict=True)) for row in written_rows(table)}
