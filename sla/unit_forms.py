"""The form of a business unit: its name, and whose leads are its as a sentence or as a rule."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from django import forms

from core.errors import DomainError
from core.rules import doubts
from sla.models import BusinessUnit
from sla.units import LONGEST_NAME, LONGEST_SLUG, UNIT_SCHEMA

_SIMPLE: Final = [
    (each.name, each.label) for each in UNIT_SCHEMA.by_name.values() if each.type in ("text", "choice")
]


class UnitForm(forms.Form):
    """After `is_valid`, `when` is the rule as written: the JSON where it was changed, else the sentence."""

    name = forms.CharField(label="Name", max_length=LONGEST_NAME)
    field = forms.ChoiceField(label="Leads whose", required=False)
    values = forms.CharField(
        label="is one of",
        required=False,
        max_length=4_000,
        help_text="As the leads say it; a country by any of its names or codes: DE is Germany. Several with"
        " commas between them. Case and accents do not matter.",
    )
    rule = forms.CharField(
        label="Condition as a rule",
        required=False,
        max_length=40_000,
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false"}),
        help_text="JSON, as the rules of the API are written. Changed here, it goes before the sentence.",
    )
    rule_was = forms.CharField(widget=forms.HiddenInput, required=False, max_length=40_000)
    slug = forms.CharField(
        label="Slug",
        required=False,
        max_length=LONGEST_SLUG,
        help_text="Names it in addresses and over the API. Made from the name where it is left out; it stays"
        " for good.",
    )

    def __init__(self, data: Mapping[str, Any] | None = None, *, unit: BusinessUnit | None = None) -> None:
        self._before = unit.when if unit else None
        initial: dict[str, Any] = {}
        if unit is not None:
            field, values = _sentence_of(unit.when)
            rule = json.dumps(unit.when, indent=2, ensure_ascii=False)
            initial = {"name": unit.name, "field": field, "values": values, "rule": rule, "rule_was": rule}
        super().__init__(data, initial=initial)
        if unit is not None:
            del self.fields["slug"]
        nothing = "as the rule below" if initial and not initial["field"] else "choose"
        self.fields["field"].choices = [("", nothing), *_SIMPLE]  # type: ignore[attr-defined]
        self.when: Any = None

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        text, shown = str(data.get("rule") or "").strip(), str(data.get("rule_was") or "").strip()
        field = data.get("field")
        values = [each.strip() for each in str(data.get("values") or "").split(",") if each.strip()]
        if text.split() != shown.split():
            try:
                self.when = json.loads(text)
            except (ValueError, RecursionError) as error:
                self.add_error("rule", f"This is no JSON: {error}.")
        elif field and values:
            self.when = {"field": field, "op": "one_of", "value": values}
        elif field:
            self.add_error("values", "Which? Write at least one.")
        elif values:
            self.add_error("field", "Of which field are these?")
        elif self._before is not None:
            self.when = self._before
        else:
            self.add_error("field", "Whose leads are its? Choose a field, or write a rule.")
        return data

    @property
    def doubts(self) -> list[str]:
        """What to look at twice in the rule that was read."""
        return [each.message for each in doubts(self.when, UNIT_SCHEMA)]

    def take(self, refusal: DomainError) -> None:
        """Put each error of a refusal where it is put right."""
        for each in refusal.field_errors:
            first, _, rest = each.path.strip("/").partition("/")
            if first == "when":
                by_rule = str(self.data.get("rule", "")).split() != str(self.data.get("rule_was", "")).split()
                where = f"/{rest}: " if rest and by_rule else ""
                self.add_error("rule" if by_rule else "values", where + each.message)
            else:
                self.add_error(first if first in self.fields else None, each.message)
        if not refusal.field_errors:
            self.add_error(None, refusal.message)


def _sentence_of(when: object) -> tuple[str, str]:
    """(field, values with commas) of a rule that the sentence can say; two blanks for any other."""
    if not isinstance(when, Mapping) or set(when) != {"field", "op", "value"}:
        return "", ""
    values = when["value"] if when["op"] == "one_of" else [when["value"]] if when["op"] == "equals" else None
    field = when["field"]
    if not isinstance(values, list) or field not in dict(_SIMPLE):
        return "", ""
    texts = [each for each in values if isinstance(each, str) and "," not in each]
    return (field, ", ".join(texts)) if len(texts) == len(values) else ("", "")
