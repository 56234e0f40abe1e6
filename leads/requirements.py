"""What must be known before sales gets a lead: by everybody, by the leads of one SLA tier, what of it must be
able to be true, and for how long a lead is held so that it may still come. Pure.

Content (parts of a criteria version, each may be left out):
    "required": [field, ...]
    "required_by_tier": {tier slug: [field, ...]}   besides `required`
    "valid": [code of leads.quality.CHECKS, ...]    a required value that one of them finds fault with counts
                                                    as missing
    "hold": {"fields": [field, ...], "minutes": 1..1440} | null
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from core.errors import FieldError, pointer
from leads.quality import CHECKS, findings, is_known, known_of, spoiled

#: What may be asked for before a handoff, with the words for it.
REQUIRED_FIELDS: Final[dict[str, str]] = {
    "email": "E-mail",
    "first_name": "First name",
    "last_name": "Last name",
    "title": "Title",
    "phone": "Phone",
    "country": "Country",
    "region": "Region",
    "postal_code": "Postal code",
    "company_name": "Company name",
    "source": "Source",
    "campaign": "Campaign",
    "score": "Score",
    "account.domain": "Company domain",
    "account.employees": "Employees",
    "account.revenue": "Revenue",
    "account.industry": "Industry",
    "account.country": "Company country",
}
MOST_TIERS: Final = 100
LONGEST_SLUG: Final = 60
MOST_HOLD_MINUTES: Final = 1_440
MISSING: Final = "missing"


def required_labels(names: Iterable[str]) -> list[str]:
    """Handoff requirements in words."""
    return [REQUIRED_FIELDS.get(name, name) for name in names]


@dataclass(frozen=True, slots=True)
class Hold:
    """Leads that lack one of `fields` are held back for at most `minutes`, so that it may still come."""

    fields: tuple[str, ...]
    minutes: int

    def lacking(self, values: Mapping[str, object]) -> list[str]:
        """What of it a lead waits for."""
        return [name for name in self.fields if not is_known(values, name)]


@dataclass(frozen=True, slots=True)
class Requirements:
    """The compiled form of these parts of a version's content."""

    required: tuple[str, ...] = ()
    by_tier: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    valid: frozenset[str] = frozenset()
    hold: Hold | None = None

    @property
    def asks_more(self) -> bool:
        """Whether anything is asked that the judgement of a lead does not say already."""
        return bool(self.by_tier) or self.hold is not None

    def lacking(self, values: Mapping[str, object], tier: str | None = None) -> list[str]:
        """What a lead lacks, by its facts: of what everybody must have, and of what its tier asks besides."""
        names = dict.fromkeys((*self.required, *self.by_tier.get(tier or "", ())))
        spoiled_fields = spoiled(findings(known_of(values)), self.valid) if self.valid and names else {}
        return [name for name in names if not is_known(values, name) or name in spoiled_fields]


@dataclass(frozen=True, slots=True)
class Lack:
    """One thing that a lead waits for. code: `missing`, or the check that found fault with the value."""

    field: str
    label: str
    code: str
    words: str

    def as_dict(self) -> dict[str, str]:
        """As the API answers it."""
        return {"field": self.field, "label": self.label, "code": self.code, "words": self.words}


def lacks_of(needs: Iterable[str], values: Mapping[str, object]) -> list[Lack]:
    """Why each of a lead's needs is one, by what is known of it now."""
    wrong = spoiled(findings(known_of(values)), CHECKS)
    found = []
    for name in needs:
        label = REQUIRED_FIELDS.get(name, name)
        if not is_known(values, name):
            found.append(Lack(name, label, MISSING, f"{label} is missing."))
        elif name in wrong:
            found.append(Lack(name, label, wrong[name].code, wrong[name].words))
    return found


def compile_requirements(content: Mapping[str, Any]) -> Requirements:
    """The requirements of a checked content."""
    hold = content.get("hold")
    return Requirements(
        required=tuple(content.get("required", ())),
        by_tier={
            slug: tuple(names) for slug, names in (content.get("required_by_tier") or {}).items() if names
        },
        valid=frozenset(content.get("valid", ())),
        hold=Hold(tuple(dict.fromkeys(hold["fields"])), hold["minutes"]) if hold else None,
    )


def check_requirements(content: Mapping[str, Any]) -> list[FieldError]:
    """Everything wrong with these parts, with paths into the content."""
    errors = list(_names_errors(content.get("required", []), "/required", "Required fields are"))
    if "required_by_tier" in content:
        errors += _tier_errors(content["required_by_tier"])
    if "valid" in content:
        errors += _valid_errors(content["valid"])
    if content.get("hold") is not None:
        errors += _hold_errors(content["hold"])
    return errors


def _names_errors(names: object, path: str, what: str) -> Iterator[FieldError]:
    if not isinstance(names, list):
        yield FieldError(path, f"{what} a list.", "wrong_type")
        return
    for position, name in enumerate(names[:200]):
        if not isinstance(name, str) or name not in REQUIRED_FIELDS:
            text = f"There is no field {str(name)[:80]!r}."
            yield FieldError(path + pointer(position), text, "unknown_field")


def _tier_errors(by_tier: object) -> Iterator[FieldError]:
    path = "/required_by_tier"
    if not isinstance(by_tier, Mapping):
        yield FieldError(path, "Say it by tier: {slug of the tier: [field, ...]}.", "wrong_type")
        return
    if len(by_tier) > MOST_TIERS:
        yield FieldError(path, f"At most {MOST_TIERS} tiers.", "too_many")
    for slug, names in list(by_tier.items())[:MOST_TIERS]:
        place = path + pointer(str(slug))
        if not isinstance(slug, str) or not 0 < len(slug) <= LONGEST_SLUG:
            yield FieldError(place, f"A tier's slug has 1 to {LONGEST_SLUG} characters.", "too_long")
        yield from _names_errors(names, place, "The fields of a tier are")


def _valid_errors(codes: object) -> Iterator[FieldError]:
    if not isinstance(codes, list):
        yield FieldError("/valid", "Checks are a list.", "wrong_type")
        return
    for position, code in enumerate(codes[:200]):
        if not isinstance(code, str) or code not in CHECKS:
            text = f"There is no check {str(code)[:80]!r}. There are: {', '.join(CHECKS)}."
            yield FieldError("/valid" + pointer(position), text, "unknown_choice")


def _hold_errors(hold: object) -> Iterator[FieldError]:
    if not isinstance(hold, Mapping) or set(hold) != {"fields", "minutes"}:
        text = "A hold has fields and minutes; null for none."
        yield FieldError("/hold", text, "wrong_type")
        return
    yield from _names_errors(hold["fields"], "/hold/fields", "The fields are")
    if hold["fields"] == []:
        yield FieldError("/hold/fields", "Name what enrichment brings, or hold nothing.", "required")
    minutes = hold["minutes"]
    if isinstance(minutes, bool) or not isinstance(minutes, int) or not 1 <= minutes <= MOST_HOLD_MINUTES:
        text = f"A hold lasts 1 to {MOST_HOLD_MINUTES:,} minutes."
        yield FieldError("/hold/minutes", text, "out_of_range")


def check_tiers(content: Mapping[str, Any], known: Iterable[tuple[str, str]]) -> list[FieldError]:
    """The tiers of a valid content that no policy has. known: (slug, name); nothing is asked where there is
    none."""
    slugs = [slug for slug, _ in known]
    if not slugs:
        return []
    return [
        FieldError(
            pointer("required_by_tier", slug),
            f"No policy in force has a tier {slug!r}. There are: {', '.join(slugs[:20])}.",
            "unknown_choice",
        )
        for slug in content.get("required_by_tier") or {}
        if slug not in slugs
    ]
