"""How a file of history is to be read, as data: see docs/import.md. The shipped ones lie beside this file."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from core.errors import FieldError, ValidationFailed
from leads.lifecycle import Stage

FOLDER: Final = Path(__file__).parent
#: Characters of a mapping's name: every run keeps it.
MOST_NAME: Final = 80
#: Lead fields by their name in the API; account fields are led by "company_".
LEAD_FIELDS: Final = (
    "external_id",
    "email",
    "first_name",
    "last_name",
    "title",
    "phone",
    "country",
    "region",
    "postal_code",
    "source",
    "campaign",
    "channel",
    "score",
)
COMPANY_FIELDS: Final = (
    "company_name",
    "company_domain",
    "company_employees",
    "company_revenue",
    "company_industry",
    "company_country",
    "company_region",
)
OWNER_FIELDS: Final = ("owner_email", "owner_ref", "owner_name", "owner_team")
#: The stages that a file may date, in the order of the lifecycle; side exits stand with the ends.
DATED: Final = {
    "lead_at": Stage.LEAD,
    "mql_at": Stage.MQL,
    "sal_at": Stage.SAL,
    "sql_at": Stage.SQL,
    "opportunity_at": Stage.OPPORTUNITY,
    "won_at": Stage.WON,
    "lost_at": Stage.LOST,
    "rejected_at": Stage.REJECTED,
    "nurture_at": Stage.NURTURE,
    "disqualified_at": Stage.DISQUALIFIED,
}
#: When something was due elsewhere, and when it was decided: recorded clocks, see docs/import.md.
DUE_FIELDS: Final = ("first_touch_due_at", "decision_due_at")
DATE_FIELDS: Final = (
    "created_at",
    "first_touch_at",
    "touched_at",
    "decided_at",
    "stage_at",
    *DUE_FIELDS,
    *DATED,
)
FIELDS: Final = frozenset((*LEAD_FIELDS, *COMPANY_FIELDS, *OWNER_FIELDS, *DATE_FIELDS, "stage"))
CUSTOM: Final = "custom."
#: Parts of a strptime format that name a time of day.
_TIMES: Final = ("%H", "%I", "%X", "%c", "%T", "%R")
_KEYS: Final = frozenset(
    {
        "name",
        "external_system",
        "time_zone",
        "dates",
        "delimiter",
        "encoding",
        "columns",
        "constants",
        "values",
        "update_only",
        "only",
        "changes",
        "unknown",
        "join",
    }
)


@dataclass(frozen=True, slots=True)
class Mapping:
    """One way of reading a file.

    columns: header (lower case) to fields. dates: "iso" or formats of strptime, tried in order. values: per
    field, what is written to what is meant; a text that is not listed is an error for stages, and stays as it
    is elsewhere. update_only: rows name leads that are there already. only: by header, the texts with which a
    row counts. changes: rows are changes of stage, of which the first of each stage stands.
    leaves_out_unknown: rows about nobody who is here are no errors. join: header of a column that a second
    file has too, which says who each row is about.
    """

    name: str
    external_system: str
    columns: dict[str, tuple[str, ...]]
    time_zone: str = ""
    dates: tuple[str, ...] = ("iso",)
    delimiter: str = ""
    encoding: str = ""
    constants: dict[str, str] = field(default_factory=dict)
    values: dict[str, dict[str, str]] = field(default_factory=dict)
    update_only: bool = False
    only: dict[str, tuple[str, ...]] = field(default_factory=dict)
    changes: bool = False
    leaves_out_unknown: bool = False
    join: str = ""

    def read_date(self, text: str, zone: ZoneInfo) -> datetime:
        """The instant that a cell names; times without an offset are of `zone`, days begin at midnight.

        Raises ValueError where no format fits.
        """
        return self.read_moment(text, zone)[0]

    def read_moment(self, text: str, zone: ZoneInfo) -> tuple[datetime, bool]:
        """The same, and whether the cell names a day without a time."""
        for form in self.dates:
            try:
                if form == "iso":
                    found = datetime.fromisoformat(text)
                    is_day = not any(mark in text for mark in (":", "T", "t", " "))
                else:
                    found = datetime.strptime(text, form)  # noqa: DTZ007 - the zone follows
                    is_day = not any(part in form for part in _TIMES)
            except ValueError:
                continue
            if found.tzinfo is None:
                found = found.replace(tzinfo=zone)
            return found.astimezone(UTC), is_day
        raise ValueError(text)


def shipped() -> list[str]:
    """The names of the mappings that come with the product."""
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def load_mapping(name_or_file: str) -> Mapping:
    """A shipped mapping by name, or one from a file. Raises ValidationFailed with what is wrong and where."""
    path = Path(name_or_file)
    if name_or_file in shipped():
        path = FOLDER / f"{name_or_file}.json"
    elif not is_file(path):
        raise ValidationFailed(
            f"There is no mapping {_short(name_or_file)!r}: give a file, or one of: {', '.join(shipped())}."
        )
    if len(path.stem) > MOST_NAME:
        raise ValidationFailed(
            f"The name of a mapping has at most {MOST_NAME} characters, without .json:"
            f" {_short(path.stem)!r} has {len(path.stem)}. Rename the file."
        )
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise ValidationFailed(f"The mapping {path.name} is no JSON: {error}") from error
    return parse_mapping(content, name=path.stem)


def is_file(path: Path) -> bool:
    """Whether a file is there that may be looked at; a name may be too long for there to be one."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _short(text: str) -> str:
    return text if len(text) <= MOST_NAME else text[:MOST_NAME] + "…"


def parse_mapping(content: Any, *, name: str) -> Mapping:
    """Check a mapping's content. Raises ValidationFailed listing every mistake by its place."""
    if not isinstance(content, dict):
        raise ValidationFailed("A mapping is one JSON object.")
    errors = [FieldError(f"/{key}", "No such setting.", "unknown") for key in sorted(set(content) - _KEYS)]
    columns: dict[str, tuple[str, ...]] = {}
    told = content.get("columns")
    if not isinstance(told, dict) or not told:
        errors.append(FieldError("/columns", "Say which column is which field.", "required"))
        told = {}
    for header, fields in told.items():
        named = (fields,) if isinstance(fields, str) else tuple(fields) if isinstance(fields, list) else ()
        if not named:
            errors.append(FieldError(f"/columns/{header}", "Name a field, or a list of them."))
        errors += [
            FieldError(f"/columns/{header}", f"There is no field {each!r}.", "unknown")
            for each in named
            if not _is_field(each)
        ]
        columns[header.strip().casefold()] = named
    for group in ("constants", "values"):
        inner = content.get(group, {})
        if not isinstance(inner, dict):
            errors.append(FieldError(f"/{group}", "Give an object."))
            continue
        errors += [
            FieldError(f"/{group}/{each}", "There is no such field.", "unknown")
            for each in inner
            if not _is_field(each)
        ]
    errors += _value_errors(content) + _stage_errors(content) + _zone_errors(content)
    known = {each for fields in columns.values() for each in fields}
    if not {"external_id", "email"} & known:
        errors.append(
            FieldError("/columns", "Map external_id or email: a row must say who it is.", "required")
        )
    if "external_id" in known and not content.get("external_system"):
        errors.append(FieldError("/external_system", "Name the system whose ids these are.", "required"))
    errors += _row_errors(content, known)
    if errors:
        raise ValidationFailed(f"The mapping {name} cannot be used: {errors[0].message}", field_errors=errors)
    return Mapping(
        name=name,
        external_system=str(content.get("external_system", "")),
        columns=columns,
        time_zone=content.get("time_zone", ""),
        dates=tuple(content.get("dates", ("iso",))),
        delimiter=content.get("delimiter", ""),
        encoding=content.get("encoding", ""),
        constants={key: str(value) for key, value in content.get("constants", {}).items()},
        values={
            key: {str(told).strip().casefold(): str(meant) for told, meant in pairs.items()}
            for key, pairs in content.get("values", {}).items()
        },
        update_only=bool(content.get("update_only", False)),
        only={
            str(header).strip().casefold(): tuple(str(text).casefold() for text in texts)
            for header, texts in content.get("only", {}).items()
        },
        changes=bool(content.get("changes", False)),
        leaves_out_unknown=content.get("unknown") == "leave_out",
        join=str(content.get("join", "")).strip().casefold(),
    )


def _value_errors(content: dict[str, Any]) -> list[FieldError]:
    values = content.get("values")
    return [
        FieldError(f"/values/{name}", "Give an object.")
        for name, pairs in (values.items() if isinstance(values, dict) else ())
        if name != "stage" and not isinstance(pairs, dict)
    ]


def _row_errors(content: dict[str, Any], known: set[str]) -> list[FieldError]:
    """What is wrong with the settings that say which rows count, and as what."""
    errors = []
    only = content.get("only", {})
    if not isinstance(only, dict) or not all(isinstance(texts, list) and texts for texts in only.values()):
        errors.append(FieldError("/only", "Give a list of texts for each column."))
    if content.get("unknown", "error") not in ("error", "leave_out"):
        errors.append(FieldError("/unknown", 'Rows about nobody who is here: "error" or "leave_out".'))
    if content.get("changes") and not {"stage", "stage_at"} <= known:
        errors.append(FieldError("/changes", "Changes need a column for stage and one for stage_at."))
    if not isinstance(content.get("join", ""), str):
        errors.append(FieldError("/join", "Name one column."))
    return errors


def _is_field(name: Any) -> bool:
    if not isinstance(name, str):
        return False
    return name in FIELDS or (name.startswith(CUSTOM) and len(name) > len(CUSTOM))


def _stage_errors(content: dict[str, Any]) -> list[FieldError]:
    values = content.get("values")
    stages = values.get("stage", {}) if isinstance(values, dict) else {}
    if not isinstance(stages, dict):
        return [FieldError("/values/stage", "Give an object.")]
    return [
        FieldError(f"/values/stage/{told}", f"{meant!r} is no stage: use {', '.join(Stage.values)}.")
        for told, meant in stages.items()
        if meant and meant not in Stage.values
    ]


def _zone_errors(content: dict[str, Any]) -> list[FieldError]:
    zone = content.get("time_zone", "")
    try:
        if zone:
            ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):  # a name may be too long for a file
        return [FieldError("/time_zone", "This is no IANA time zone, such as Europe/Berlin.")]
    dates = content.get("dates", ["iso"])
    if not isinstance(dates, list) or not dates or not all(isinstance(each, str) for each in dates):
        return [FieldError("/dates", 'List date formats: "iso", or such as "%d/%m/%Y".')]
    delimiter = content.get("delimiter", "")
    if not isinstance(delimiter, str) or len(delimiter) > 1:
        return [FieldError("/delimiter", "A delimiter is one character.")]
    if not isinstance(content.get("encoding", ""), str):
        return [FieldError("/encoding", "Name one encoding, such as cp1252.")]
    return []
