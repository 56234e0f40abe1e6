"""What is wrong with the territories of a draft, each with its place. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from core.errors import FieldError, pointer
from core.rules.text import storable
from routing.territories import (
    FIRST_WINS,
    LISTS,
    PARTS,
    REFUSE,
    asks_nothing,
    first_wins,
    is_row,
    row_of,
    rows_of,
)
from routing.territory_cover import example_words, first_overlaps

MOST_TERRITORIES: Final = 500
MOST_TEXTS: Final = 500  # of a part of one territory
MOST_TEXTS_IN_ALL: Final = 20_000
LONGEST_TEXT: Final = 80
LONGEST_NAME: Final = 80
MOST_EMPLOYEES: Final = 2**31 - 1
OVERLAPS: Final = "overlaps"
NEVER_REACHED: Final = "never_reached"
_JOINTS: Final = re.compile(r"[,;|\r\n]")  # what divides the texts of a field or a cell
_ROW_PARTS: Final = ("name", "territories", "overlaps")


def broken_territories(content: Mapping[str, Any], pools: Mapping[str, Any]) -> list[FieldError]:
    """What makes territories unusable. pools: routing.rules_check.PoolState by slug."""
    written = content.get("territories", [])
    if not isinstance(written, list):
        return [FieldError("/territories", "A list of territories is wanted.", "type")]
    if len(written) > MOST_TERRITORIES:
        return [FieldError("/territories", f"There are at most {MOST_TERRITORIES} territories.", "too_many")]
    errors = [error for at, row in enumerate(written) for error in _broken(at, row, pools)]
    if (
        sum(
            len(row.get(part) or ())
            for row in written
            if isinstance(row, Mapping)
            for part in LISTS
            if isinstance(row.get(part), list)
        )
        > MOST_TEXTS_IN_ALL
    ):
        message = (
            f"All territories together have at most {MOST_TEXTS_IN_ALL:,} countries, regions, and so on."
        )
        errors.append(FieldError("/territories", message, "too_many"))
    return errors


def _broken(at: int, row: object, pools: Mapping[str, Any]) -> Iterable[FieldError]:
    where = pointer("territories", at)
    if not isinstance(row, Mapping):
        yield FieldError(where, f"A territory is an object with {', '.join(PARTS)}.", "type")
        return
    name = row.get("name")
    if not isinstance(name, str) or not name.strip():
        yield FieldError(f"{where}/name", "Give the territory a name.", "required")
    elif len(name) > LONGEST_NAME:
        yield FieldError(f"{where}/name", f"A name has at most {LONGEST_NAME} characters.", "max_length")
    errors = [error for part in LISTS for error in _broken_list(f"{where}/{part}", row.get(part))]
    errors += _broken_sizes(f"{where}/employees", row.get("employees"))
    yield from errors
    if not errors and asks_nothing(row):
        message = (
            "This territory would take every lead: name a country, region, postal prefix, size or industry. "
            "For all leads that are left there is the row for everyone else."
        )
        yield FieldError(where, message, "empty")
    gives = row.get("pool")
    if not isinstance(gives, str) or not gives:
        yield FieldError(f"{where}/pool", "To which pool? Choose one.", "required")
    elif gives not in pools:
        yield FieldError(f"{where}/pool", f'There is no pool "{gives[:60]}": choose one.', "unknown")
    elif pools[gives].problem:
        yield FieldError(f"{where}/pool", pools[gives].problem, "pool_unusable")


def _broken_list(where: str, written: object) -> Iterable[FieldError]:
    if written is None:
        return
    if not isinstance(written, list):
        yield FieldError(where, "A list of texts is wanted.", "type")
        return
    if len(written) > MOST_TEXTS:
        yield FieldError(where, f"At most {MOST_TEXTS} of them.", "too_many")
        return
    for at, text in enumerate(written):
        if not isinstance(text, str) or not text.strip():
            yield FieldError(f"{where}/{at}", "A text is wanted.", "type")
        elif len(text) > LONGEST_TEXT:
            yield FieldError(f"{where}/{at}", f"At most {LONGEST_TEXT} characters.", "max_length")
        elif not storable(text):
            yield FieldError(f"{where}/{at}", "This text cannot be stored.", "bad_text")


def _broken_sizes(where: str, written: object) -> Iterable[FieldError]:
    if written is None:
        return
    if not isinstance(written, list) or len(written) != 2:
        yield FieldError(where, "Two numbers are wanted, from and to; null leaves one open.", "type")
        return
    for at, number in enumerate(written):
        is_whole = isinstance(number, int) and not isinstance(number, bool)
        if number is not None and not (is_whole and 0 <= number <= MOST_EMPLOYEES):
            message = f"A whole number from 0 to {MOST_EMPLOYEES:,}, or null."
            yield FieldError(f"{where}/{at}", message, "range")
            return
    low, high = written
    if low is not None and high is not None and low > high:
        yield FieldError(where, f"From {low:,} to {high:,}: the first is the larger one.", "order")


def slips_of_territories(content: Mapping[str, Any]) -> list[FieldError]:
    """What is written of territories to no effect, or so that two of them claim one lead."""
    rules = content.get("pools")
    rules = rules if isinstance(rules, list) else []
    at = [index for index, rule in enumerate(rules) if is_row(rule)]
    rows = rows_of(content)
    errors = [_unknown(pointer("territories", index), row, PARTS) for index, row in enumerate(rows)]
    errors += [_unknown(pointer("pools", index), rules[index], _ROW_PARTS) for index in at]
    found = [error for group in errors for error in group]
    found += [error for index, row in enumerate(rows) for error in _joined_postal(index, row)]
    if rows and not at:
        message = (
            "No row says when the territories are tried: add "
            '{"name": "Territories", "territories": true} among the pools, before everyone else.'
        )
        found.append(FieldError("/territories", message, "required"))
    if at and not rows:
        found.append(FieldError(pointer("pools", at[0]), "There is no territory: add one.", "empty"))
    found += [FieldError(pointer("pools", each), "Territories are tried once.", "taken") for each in at[1:]]
    for each in at:
        if rules[each].get("overlaps", REFUSE) not in (REFUSE, FIRST_WINS):
            message = f'What if two overlap? "{REFUSE}" or "{FIRST_WINS}".'
            found.append(FieldError(pointer("pools", each, "overlaps"), message, "choice"))
    return found


def _joined_postal(at: int, row: object) -> Iterable[FieldError]:
    """Several beginnings of postal codes in one text. Forms and files divide it; here nothing is guessed."""
    written = row.get("postal") if isinstance(row, Mapping) else None
    for index, text in enumerate(written if isinstance(written, list) else ()):
        if isinstance(text, str) and _JOINTS.search(text):
            each = [f'"{part}"' for found in _JOINTS.split(text) if (part := found.strip())]
            apart = f": {', '.join(each)}" if each else ""
            message = f'No postal code begins with "{text.strip()}". Write each as a text of its own{apart}.'
            yield FieldError(pointer("territories", at, "postal", index), message, "joined")


def _unknown(where: str, row: object, known: Iterable[str]) -> list[FieldError]:
    if not isinstance(row, Mapping):
        return []
    known = tuple(known)
    message = f"There is no such part; there are {', '.join(known)}."
    return [FieldError(where + pointer(str(part)), message, "unknown") for part in row if part not in known]


def overlapping(content: Mapping[str, Any]) -> list[FieldError]:
    """Territories that take a lead which an earlier one takes: any such lead, or where the first one may
    simply win, all of theirs.

    Asked only of territories that are otherwise as they should be.
    """
    if row_of(content) is None:
        return []
    may_overlap = first_wins(content)
    found: list[FieldError] = []
    for pair in first_overlaps(rows_of(content), whole=may_overlap):
        first, second = pair.names
        where = pointer("territories", pair.second)
        if may_overlap:
            message = f"Never reached: {first} takes every lead of this one. Move this one up, or remove it."
            found.append(FieldError(where, message, NEVER_REACHED))
        else:
            message = (
                f"{first} takes leads of {second} too, such as: {example_words(pair.example)}. Change one of "
                "them, or let the one that stands first win."
            )
            found.append(FieldError(where, message, OVERLAPS))
    return found
