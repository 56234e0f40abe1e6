"""A CSV file of a named list as rows with their lines. Pure: nothing here reads a database."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from core.errors import ValidationFailed
from core.rules.text import fold
from web.csv_files import plain_cell
from web.csv_text import NotText, text_of

Parsed = TypeVar("Parsed")

MOST_BYTES: Final = 1_000_000
MOST_ROWS: Final = 5_000
MOST_COLUMNS: Final = 100

#: What a column may be called, by what it holds.
COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "entry": ("entry", "list entry"),
    "kind": ("kind",),
    "domain": ("domain", "company domain", "website", "email domain", "e-mail domain"),
    "email": ("email", "e-mail", "email address", "e-mail address", "mail"),
    "company": ("company", "company name", "account", "account name", "name", "organisation", "organization"),
    "owner": ("owner", "owner email", "owner e-mail", "account owner"),
    "tier": ("tier", "account tier"),
    "parent": ("parent", "parent account", "subsidiary of"),
    "employees": ("employees",),
    "industry": ("industry", "sector"),
    "country": ("country", "office location"),
    "region": ("region",),
    "is_customer": ("customer", "is customer"),
    "is_partner": ("partner", "is partner"),
    "is_competitor": ("competitor", "is competitor"),
    "has_open_opportunity": ("open opportunity", "has open opportunity"),
    "is_named": ("named", "is named", "named account"),
}
#: Columns that say something of the account and not which it is.
ABOUT_ACCOUNTS: Final = frozenset(COLUMNS) - {"entry", "kind", "domain", "email", "company"}
_BY_NAME: Final = {name: column for column, names in COLUMNS.items() for name in names}


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its line in the file, and its cells by column, blank ones left out."""

    line: int
    cells: dict[str, str]


@dataclass(frozen=True, slots=True)
class Table:
    """What a file holds. ignored: headings of columns that say nothing to us. encoding: as it was read."""

    rows: list[Row]
    columns: frozenset[str]
    ignored: list[str] = field(default_factory=list)
    encoding: str = "UTF-8"

    @property
    def sets_accounts(self) -> bool:
        """Does it say anything of the accounts themselves?"""
        return bool(self.columns & ABOUT_ACCOUNTS)


def decode(data: bytes) -> tuple[str, str]:
    """(text, encoding) of a file, as `web.csv_text` reads it. Raises ValidationFailed at /file for what is
    too large, empty, or no text."""
    if len(data) > MOST_BYTES:
        raise ValidationFailed.at(
            "/file", "The file is larger than 1 MB. Bring it in two parts.", "too_large"
        )
    if not data.strip():
        raise ValidationFailed.at("/file", "The file is empty.", "empty")
    try:
        return text_of(data)
    except NotText as error:
        raise ValidationFailed.at("/file", error.message, "encoding", line=error.line) from error


def table_of_call(text: str, read: Callable[[str, str], Parsed]) -> Parsed:
    """What `read` makes of the file that a call of the API carries in `csv`, given its text and encoding.

    Raises ValidationFailed at /csv, where `read` and a form say /file.
    """
    try:
        return read(*decode(text.encode()))
    except ValidationFailed as refusal:
        raise ValidationFailed.at("/csv", refusal.message, refusal.field_errors[0].code) from refusal


def read_table(text: str, encoding: str = "UTF-8") -> Table:
    """The rows of a file. Its first row names the columns; a file of one column needs no headings. Raises
    ValidationFailed at /file."""
    rows = csv_rows(text)
    known = columns_of(rows[0][1], _BY_NAME)
    if not any(column in ("entry", "domain", "email", "company") for column in known):
        if len(known) > 1:
            raise ValidationFailed.at(
                "/file",
                "The first row must name the columns: at least one of domain, email or company. It says: "
                f"{', '.join(cell[:30] or '(blank)' for cell in rows[0][1][:8])}.",
                "columns",
            )
        known, body = ["entry"], rows
    else:
        body = rows[1:]
    return Table(
        rows=rows_under(known, body),
        columns=frozenset(column for column in known if column),
        ignored=[
            cell for cell, column in zip(rows[0][1], known, strict=False) if not column and body is not rows
        ],
        encoding=encoding,
    )


def columns_of(heads: Sequence[str], by_name: Mapping[str, str]) -> list[str]:
    """What each heading stands for, whatever its case and blanks; "" for those that say nothing to us. Raises
    ValidationFailed at /file where two stand for the same."""
    names = [" ".join(re.split(r"[\s_]+", fold(cell))) for cell in heads]
    known = [by_name.get(name, "") for name in names]
    twice = sorted({column for column in known if column and known.count(column) > 1})
    if twice:
        raise ValidationFailed.at("/file", f"Two columns say {', '.join(twice)}: leave one.", "columns")
    return known


def rows_under(columns: Sequence[str], body: Sequence[tuple[int, list[str]]]) -> list[Row]:
    """The rows below the headings. Raises ValidationFailed at /file for none, and for too many."""
    if not body:
        raise ValidationFailed.at("/file", "The file has headings and no rows.", "empty")
    if len(body) > MOST_ROWS:
        text = f"At most {MOST_ROWS:,} rows at once; this file has {len(body):,}. Bring it in parts."
        raise ValidationFailed.at("/file", text, "too_many")
    return [
        Row(line, {column: cell for column, cell in zip(columns, cells, strict=False) if column and cell})
        for line, cells in body
    ]


def csv_rows(text: str) -> list[tuple[int, list[str]]]:
    """(line, cells) of each row that is not blank; cells are trimmed. Raises ValidationFailed at /file."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(",;\t|", key=first.count) if any(mark in first for mark in ",;\t|") else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    found: list[tuple[int, list[str]]] = []
    line = 1
    try:
        for cells in reader:
            trimmed = [plain_cell(" ".join(cell.split())) for cell in cells]
            if len(trimmed) > MOST_COLUMNS:
                raise ValidationFailed.at("/file", f"Line {line}: at most {MOST_COLUMNS} columns.", "columns")
            if any(trimmed):
                found.append((line, trimmed))
            line = reader.line_num + 1
    except csv.Error as error:
        text = f"Line {line} cannot be read: {error}. Is a quotation mark left open?"
        raise ValidationFailed.at("/file", text, "csv", line=line) from error
    if not found:
        raise ValidationFailed.at("/file", "The file is empty.", "empty")
    return found
