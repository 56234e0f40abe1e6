"""The criteria as a plain form knows them, and as content of a version; there and back where the content has
that form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from leads.criteria import ENGAGEMENT_KINDS, KEPT_PARTS
from leads.defaults import EXCLUSIONS, engaged, flag
from leads.list_use import FIELD as LISTS
from leads.requirements import REQUIRED_FIELDS

DOMAINS_NAME = "Excluded domains"


@dataclass(frozen=True)
class PlainCriteria:
    """intent: kinds of engagement of which one within `days` is asked. employees: from and to, None for open.
    countries: of the account or the lead. exclude_flags: fields of EXCLUSIONS. exclude_domains: of the
               e-mail. exclude_lists: slugs of named lists."""

    intent: tuple[str, ...]
    days: int = 30
    employees_from: int | None = None
    employees_to: int | None = None
    countries: tuple[str, ...] = ()
    exclude_flags: tuple[str, ...] = ()
    exclude_domains: tuple[str, ...] = ()
    exclude_lists: tuple[str, ...] = ()
    required: tuple[str, ...] = field(default_factory=tuple)

    def content(self) -> dict[str, Any]:
        """The content of a version that says the same."""
        exclude = [
            {"name": EXCLUSIONS[name], "when": flag(name)}
            for name in EXCLUSIONS
            if name in self.exclude_flags
        ]
        if self.exclude_domains:
            domains = {"field": "lead.email_domain", "op": "one_of", "value": list(self.exclude_domains)}
            exclude.append({"name": DOMAINS_NAME, "when": domains})
        exclude += [
            {"name": f"On list {slug}", "when": {"field": LISTS, "op": "contains", "value": [slug]}}
            for slug in self.exclude_lists
        ]
        return {
            "rule": {"any": [engaged(kind, days=self.days) for kind in self.intent]},
            "fit": self._fit(),
            "exclude": exclude,
            "required": list(self.required),
        }

    def _fit(self) -> dict[str, Any] | None:
        parts: list[dict[str, Any]] = []
        low, high = self.employees_from, self.employees_to
        if low is not None and high is not None:
            parts.append({"field": "account.employees", "op": "between", "value": [low, high]})
        elif low is not None:
            parts.append({"field": "account.employees", "op": "at_least", "value": low})
        elif high is not None:
            parts.append({"field": "account.employees", "op": "at_most", "value": high})
        if self.countries:
            parts.append(
                {
                    "any": [
                        {"field": name, "op": "one_of", "value": list(self.countries)}
                        for name in ("account.country", "lead.country")
                    ]
                }
            )
        return {"all": parts} if parts else None


def plain_form_of(content: Mapping[str, Any]) -> PlainCriteria | None:
    """The form's values for a content, or None where the form could not say all of it. The parts that it
    does not show (`KEPT_PARTS`) are no hindrance: whoever saves it keeps them."""
    try:
        guess = _guess(content)
    except (KeyError, TypeError, IndexError, ValueError):
        return None
    # A kind or field that the form does not list would be lost as soon as somebody saves it.
    listed = set(guess.intent) <= set(ENGAGEMENT_KINDS) and set(guess.required) <= set(REQUIRED_FIELDS)
    shown = {name: part for name, part in content.items() if name not in KEPT_PARTS}
    same = guess.content() == {"fit": None, "exclude": [], "required": [], **shown}
    return guess if listed and same else None


def _guess(content: Mapping[str, Any]) -> PlainCriteria:
    tests = [leaf["engagements"] for leaf in content["rule"]["any"]]
    low = high = None
    countries: tuple[str, ...] = ()
    for part in (content.get("fit") or {"all": []})["all"]:
        if "any" in part:
            countries = tuple(part["any"][0]["value"])
        elif part["op"] == "between":
            low, high = part["value"]
        elif part["op"] == "at_least":
            low = part["value"]
        else:
            high = part["value"]
    flags: list[str] = []
    domains: tuple[str, ...] = ()
    lists: list[str] = []
    for entry in content.get("exclude", []):
        if entry["name"] == DOMAINS_NAME:
            domains = tuple(entry["when"]["value"])
        elif entry["when"]["field"] == LISTS:
            lists += entry["when"]["value"]
        else:
            flags.append(entry["when"]["field"])
    return PlainCriteria(
        intent=tuple(test["kind"] for test in tests),
        days=tests[0]["within_days"],
        employees_from=low,
        employees_to=high,
        countries=countries,
        exclude_flags=tuple(flags),
        exclude_domains=domains,
        exclude_lists=tuple(lists),
        required=tuple(content.get("required", [])),
    )
