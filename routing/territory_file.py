"""Territories from a CSV file, and what is wrong with one, by line. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from core.errors import FieldError, ValidationFailed
from core.rules.text import fold
from routing.territory_check import MOST_TERRITORIES, broken_territories
from web.csv_files import plain_cell, safe_cell
from web.csv_text import NotText, text_of, undivided

MOST_BYTES: Final = 1024 * 1024
COLUMNS: Final = (
    "name",
    "countries",
    "regions",
    "postal",
    "employees_from",
    "employees_to",
    "industries",
    "pool",
)
_LISTS: Final = ("countries", "regions", "postal", "industries")
_ALSO: Final = {
    "territory": "name",
    "country": "countries",
    "region": "regions",
    "state": "regions",
    "states": "regions",
    "postal_code": "postal",
    "postal_codes": "postal",
    "postal_prefix": "postal",
    "postal_prefixes": "postal",
    "zip": "postal",
    "industry": "industries",
}


def read_file(data: bytes, pools: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The territories of a file, in its order. pools: routing.rules_check.PoolState by slug.

    Raises ValidationFailed with every line that is wrong, and nothing is taken then: field_errors have
    "/lines/7" for the seventh line.
    """
    lines = _lines(_text(data))
    if not lines:
        raise _refused([FieldError("/file", "The file is empty. Export it again.", "empty")])
    places, errors = _columns(lines[0][1])
    if errors:
        raise _refused(errors)
    if len(lines) > MOST_TERRITORIES + 1:
        message = f"There are at most {MOST_TERRITORIES} territories; the file has {len(lines) - 1:,}."
        raise _refused([FieldError("/file", message, "too_many")])
    if len(lines) == 1:
        raise _refused([FieldError("/file", "The file has no line below its headings.", "empty")])
    by_name = {fold(pool.name): slug for slug, pool in pools.items()}
    rows: list[dict[str, Any]] = []
    seen: dict[str, int] = {}
    for number, cells in lines[1:]:
        cells = [plain_cell(cell) for cell in cells]
        row, wrong = _row(dict(zip(places, cells, strict=False)), pools, by_name)
        if len(cells) > len(places) and any(cell.strip() for cell in cells[len(places) :]):
            wrong.append("There are more cells than headings: put a cell with the delimiter in quotes.")
        name = fold(row["name"])
        if name and name in seen:
            wrong.append(f"Line {seen[name]} has a territory of this name already.")
        seen.setdefault(name, number)
        if not wrong:
            said = broken_territories({"territories": [row]}, usable(pools))
            wrong = [error.message for error in said]
        errors += [FieldError(f"/lines/{number}", f"Line {number}: {text}", "line") for text in wrong]
        rows.append(row)
    if errors:
        raise _refused(errors)
    return rows


class _Usable:
    problem = ""


def usable(pools: Mapping[str, Any]) -> dict[str, Any]:
    """The same pools for a draft: they may be off or empty as yet, which is looked at before publication."""
    return dict.fromkeys(pools, _Usable())


def merged(present: Iterable[Any], sent: Iterable[Mapping[str, Any]], *, replace: bool) -> list[Any]:
    """The territories after a file: those sent, or those that are there with them put in or behind."""
    if replace:
        return list(sent)
    by_name = {_key(row): dict(row) for row in sent}
    found = [by_name.pop(_key(row), row) for row in present]
    return [*found, *by_name.values()]


def _key(row: Any) -> str:
    """By what a territory is found again: as names are compared elsewhere."""
    return fold(str(row.get("name") or "")) if isinstance(row, Mapping) else ""


def _refused(errors: Sequence[FieldError]) -> ValidationFailed:
    more = f" And {len(errors) - 1} more." if len(errors) > 1 else ""
    return ValidationFailed(f"Nothing is taken over. {errors[0].message}{more}", field_errors=errors[:100])


def _text(data: bytes) -> str:
    if len(data) > MOST_BYTES:
        raise _refused([FieldError("/file", f"The file has more than {MOST_BYTES:,} bytes.", "too_large")])
    try:
        return text_of(data)[0]
    except NotText as error:
        raise _refused([FieldError(f"/lines/{error.line}", error.message, "encoding")]) from error


def _lines(text: str) -> list[tuple[int, list[str]]]:
    """The lines that are not blank, with their numbers. The heading says by what cells are divided."""
    head = text.lstrip("\ufeff \r\n").partition("\n")[0]
    delimiter = max(",;\t", key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        found = [(reader.line_num, cells) for cells in reader]
    except csv.Error as error:
        why = "a quotation mark is not closed, or stands alone"
        if "field limit" in str(error):
            why = "a cell is too long, or a quotation mark is not closed"
        message = f"Line {reader.line_num} cannot be read: {why}."
        raise _refused([FieldError(f"/lines/{reader.line_num}", message, "csv")]) from error
    return [(number, cells) for number, cells in found if any(cell.strip() for cell in cells)]


def _columns(cells: Sequence[str]) -> tuple[list[str], list[FieldError]]:
    named = [fold(cell.lstrip("\ufeff")).replace(" ", "_").replace("-", "_") for cell in cells]
    places = [_ALSO.get(name, name) for name in named]
    known = ", ".join(COLUMNS)
    errors = [
        FieldError("/lines/1", f'There is no column "{cells[at][:40]}"; there are {known}.', "unknown")
        for at, name in enumerate(places)
        if name and name not in COLUMNS
    ]
    errors += [
        FieldError("/lines/1", f"The column {name} is there twice.", "taken")
        for name in COLUMNS
        if places.count(name) > 1
    ]
    errors += [
        FieldError("/lines/1", f"The column {name} is missing; there are {known}.", "required")
        for name in ("name", "pool")
        if name not in places
    ]
    return places, errors


def _row(
    cells: Mapping[str, str], pools: Mapping[str, Any], by_name: Mapping[str, str]
) -> tuple[dict[str, Any], list[str]]:
    """A territory, and what is wrong with its line."""
    wrong: list[str] = []
    row: dict[str, Any] = {"name": cells.get("name", "").strip()}
    for part in _LISTS:
        texts = split_texts(part, cells.get(part, ""))
        if texts:
            row[part] = texts
    sizes = [_number(cells.get(name, ""), name, wrong) for name in ("employees_from", "employees_to")]
    if sizes != [None, None]:
        row["employees"] = sizes
    said = cells.get("pool", "").strip()
    row["pool"] = said if said in pools else by_name.get(fold(said), said)
    if not said:
        wrong.append("To which pool? Name one.")
    elif row["pool"] not in pools:
        wrong.append(f'There is no pool "{said[:60]}".')
    return row, wrong


def split_texts(part: str, cell: str) -> list[str]:
    """The texts of a cell or a field: divided by semicolons, bars or new lines, postal codes by commas too.

    No postal code has a comma in it, so "80, 81" left whole would begin none, and its territory take no lead.
    Names of countries, regions and industries may have one ("Korea, Republic of").
    """
    for mark in "|\r\n," if part == "postal" else "|\r\n":
        cell = cell.replace(mark, ";")
    return list(dict.fromkeys(text for part in cell.split(";") if (text := part.strip())))


def _number(cell: str, name: str, wrong: list[str]) -> int | None:
    text = undivided(cell)
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 12):
        wrong.append(f'{name} is no whole number: "{cell.strip()[:30]}".')
        return None
    return int(text)


def write_rows(rows: Iterable[Mapping[str, Any]]) -> str:
    """Territories as a file that `read_file` reads."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for row in rows:
        low, high = row.get("employees") or (None, None)
        lists = {part: "; ".join(row.get(part) or ()) for part in _LISTS}
        cells = {**lists, "name": row.get("name", ""), "pool": row.get("pool", "")}
        cells |= {"employees_from": low, "employees_to": high}
        writer.writerow([safe_cell(cells[name]) for name in COLUMNS])
    return out.getvalue()
