"""Territories: who gets a lead by where its company is, how large it is, and what it does. Pure.

A territory as written, in "territories" of a rule set's content; whatever is left out takes any value:

    {"name": "Bavaria", "countries": ["Germany"], "regions": ["Bavaria"], "postal": ["80", "81"],
     "employees": [1, 200], "industries": ["Software"], "pool": "south"}

The row `{"name": "Territories", "territories": true, "overlaps": "refuse" | "first_wins"}` among the pools
says when they are tried. There they stand as rules of their own, so that a decision names the territory, and
every part of routing that knows rules knows territories.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from core import countries
from core.rules.text import fold

Content = Mapping[str, Any]

ROW_NAME: Final = "Territories"
FIRST_WINS: Final = "first_wins"
REFUSE: Final = "refuse"
#: The parts that are lists of texts, with the field that each asks about.
LISTS: Final[Mapping[str, str]] = {
    "countries": "place.country",
    "regions": "place.region",
    "postal": "lead.postal_code",
    "industries": "account.industry",
}
_MOST_DOUBTS: Final = 5
PARTS: Final = ("name", "countries", "regions", "postal", "employees", "industries", "pool")
#: Where an error or a rule stands in the content: ("pools", 2), ("territories", 0).
Spot = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Territory:
    """A territory as it is compared: texts as rules compare them; an empty set takes any value.

    sizes: employees from and to, both belonging to it; None for any number, or where it is not known.
    """

    name: str
    countries: frozenset[str]
    regions: frozenset[str]
    postal: tuple[str, ...]
    sizes: tuple[int, int | None] | None
    industries: frozenset[str]


def is_row(rule: object) -> bool:
    """Whether a rule among the pools is the row at which territories are tried."""
    return isinstance(rule, Mapping) and bool(rule.get("territories"))


def rows_of(content: Content) -> list[Any]:
    """The territories as written; of a draft they may be anything."""
    written = content.get("territories")
    return list(written) if isinstance(written, list) else []


def row_of(content: Content) -> Mapping[str, Any] | None:
    """The row at which territories are tried; None where there is none."""
    rules = content.get("pools")
    return next(filter(is_row, rules), None) if isinstance(rules, list) else None


def first_wins(content: Content) -> bool:
    """Whether territories may overlap: then the one that stands first takes the lead."""
    return (row_of(content) or {}).get("overlaps") == FIRST_WINS


def tried(content: Content) -> list[tuple[Spot, Any]]:
    """The pool rules as they are tried one after the other, each with where it is written."""
    rules = content.get("pools")
    found: list[tuple[Spot, Any]] = []
    for index, rule in enumerate(rules if isinstance(rules, list) else ()):
        if is_row(rule):
            found += [(("territories", at), rule_of(each)) for at, each in enumerate(rows_of(content))]
        else:
            found.append((("pools", index), rule))
    return found


def rule_of(written: object) -> dict[str, Any]:
    """A territory as a rule that chooses a pool. One that asks nothing is met by no lead, not by all."""
    row: Mapping[str, Any] = written if isinstance(written, Mapping) else {}
    when: list[dict[str, Any]] = [
        {
            "field": field,
            "op": "starts_with" if part == "postal" else "one_of",
            "value": list(dict.fromkeys(texts_of(row, part))),
        }
        for part, field in LISTS.items()
        if texts_of(row, part)
    ]
    sizes = sizes_of(row)
    if sizes is not None:
        low, high = sizes
        when.insert(
            min(len(when), 3), {"field": "account.employees", "op": "between", "value": [low or 0, high]}
        )
    tree: dict[str, Any] = {"all": when} if when else {"not": {"all": []}}
    return {"name": row.get("name", ""), "when": tree, "pool": row.get("pool", "")}


def texts_of(row: Mapping[str, Any], part: str) -> list[str]:
    """The texts of a part that say something."""
    written = row.get(part)
    if not isinstance(written, list):
        return []
    return [each.strip() for each in written if isinstance(each, str) and fold(each)]


def compared(part: str, text: str) -> str:
    """A text of a part as rules compare it: a country by any of its names."""
    return fold(countries.spell(text) if part == "countries" else text)


def sizes_of(row: Mapping[str, Any]) -> tuple[int | None, int | None] | None:
    """Employees from and to as written; None where nothing is said of them."""
    written = row.get("employees")
    if not isinstance(written, Sequence) or isinstance(written, str) or len(written) != 2:
        return None
    low, high = written
    return None if low is None and high is None else (low, high)


def read(written: Mapping[str, Any]) -> Territory:
    """A territory that was checked, ready to be compared."""
    sizes = sizes_of(written)
    sets = {part: frozenset(compared(part, text) for text in texts_of(written, part)) for part in LISTS}
    return Territory(
        name=str(written.get("name", "")).strip(),
        countries=sets["countries"],
        regions=sets["regions"],
        postal=_shortest(sets["postal"]),
        sizes=None if sizes is None else (sizes[0] or 0, sizes[1]),
        industries=sets["industries"],
    )


def _shortest(prefixes: Iterable[str]) -> tuple[str, ...]:
    """Prefixes without those that a shorter one takes in already."""
    found: list[str] = []
    for each in sorted(prefixes):
        if not found or not each.startswith(found[-1]):
            found.append(each)
    return tuple(found)


def doubtful(written: object) -> list[str]:
    """What to look at twice in a territory: countries that are none, the first of them."""
    row: Mapping[str, Any] = written if isinstance(written, Mapping) else {}
    found = (countries.doubt(text) for text in texts_of(row, "countries"))
    return list(islice(filter(None, found), _MOST_DOUBTS))


def asks_nothing(written: Mapping[str, Any]) -> bool:
    """Whether a territory would take every lead."""
    return sizes_of(written) is None and not any(texts_of(written, part) for part in LISTS)


def words(written: object) -> str:
    """A territory's leads in words: "Germany, Austria; postal codes 80…; 1 to 200 employees"."""
    if not isinstance(written, Mapping) or asks_nothing(written):
        return "Nothing said yet"
    said = [", ".join(map(countries.shown, texts_of(written, "countries")))]
    said.append(", ".join(texts_of(written, "regions")))
    postal = ", ".join(f"{each}…" for each in texts_of(written, "postal"))
    said.append(f"postal codes {postal}" if postal else "")
    sizes = sizes_of(written)
    said.append(size_words(*sizes) if sizes else "")
    said.append(", ".join(texts_of(written, "industries")))
    return "; ".join(each for each in said if each)


def size_words(low: int | None, high: int | None) -> str:
    """ "1 to 200 employees"."""
    if high is None:
        return f"{low or 0} employees or more"
    if low == high:
        return f"{low} employees"
    return f"{low} to {high} employees" if low else f"up to {high} employees"


# --- Changes of a draft ---


def with_row(content: Content) -> dict[str, Any]:
    """The content with the row at which territories are tried: before everyone else, unless it is there."""
    if row_of(content) is not None:
        return dict(content)
    rules = content.get("pools")
    rules = list(rules) if isinstance(rules, list) else []
    last_is_rest = bool(rules) and isinstance(rules[-1], Mapping) and rules[-1].get("when") is None
    at = len(rules) - 1 if last_is_rest else len(rules)
    taken = {rule.get("name") for rule in rules if isinstance(rule, Mapping)}
    name, number = ROW_NAME, 1
    while name in taken:
        number += 1
        name = f"{ROW_NAME} {number}"
    row = {"name": name, "territories": True, "overlaps": REFUSE}
    return {**content, "pools": [*rules[:at], row, *rules[at:]]}


def with_territories(content: Content, rows: Iterable[Any]) -> dict[str, Any]:
    """The content with these territories, and the row for them where there are any and else without it."""
    found = list(rows)
    if found:
        return with_row({**content, "territories": found})
    rest = {part: value for part, value in content.items() if part != "territories"}
    return {**rest, "pools": [rule for rule in content.get("pools", ()) if not is_row(rule)]}


def with_overlaps(content: Content, overlaps: str) -> dict[str, Any]:
    """The content with what is to happen where territories overlap: REFUSE or FIRST_WINS."""
    rules = [{**rule, "overlaps": overlaps} if is_row(rule) else rule for rule in content.get("pools", ())]
    return {**content, "pools": rules}
