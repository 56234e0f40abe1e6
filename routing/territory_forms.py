"""The forms of territories: one that is open, and the file that many come from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django import forms

from routing.rule_forms import pool_choices
from routing.rules_check import PoolState
from routing.territories import LISTS, sizes_of, texts_of
from routing.territory_check import LONGEST_NAME, MOST_EMPLOYEES, broken_territories
from routing.territory_file import MOST_BYTES, split_texts, usable
from tenants.numbers import IntegerField

_LONGEST: Final = 20_000
_LARGEST: Final = 2**31 - 1


def _lines(label: str, help_text: str = "") -> forms.CharField:
    return forms.CharField(
        label=label,
        required=False,
        max_length=_LONGEST,
        help_text=help_text,
        widget=forms.Textarea(attrs={"rows": 2}),
    )


class TerritoryForm(forms.Form):
    """One territory. After `is_valid`, `row` is it as written."""

    revision = IntegerField(widget=forms.HiddenInput, min_value=1, max_value=_LARGEST)
    name = forms.CharField(label="Name", max_length=LONGEST_NAME)
    pool = forms.ChoiceField(
        label="Goes to", choices=[], error_messages={"required": "To which pool? Choose one."}
    )
    countries = _lines(
        "Countries", "By code or name, such as DE or Germany; divided by semicolons or lines. Empty: any."
    )
    regions = _lines("Regions or states", "Divided by semicolons or lines.")
    postal = _lines("Postal codes that begin with", "Divided by commas, semicolons or lines.")
    employees_from = IntegerField(
        label="Employees from", min_value=0, max_value=MOST_EMPLOYEES, required=False
    )
    employees_to = IntegerField(label="Employees to", min_value=0, max_value=MOST_EMPLOYEES, required=False)
    industries = _lines("Industries", "Divided by semicolons or lines.")

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        row: Mapping[str, Any] | None,
        revision: int,
        pools: Mapping[str, PoolState],
    ) -> None:
        self.before = row or {}
        self.pools = pools
        self.row: dict[str, Any] = {}
        low, high = sizes_of(self.before) or (None, None)
        initial: dict[str, Any] = {
            "revision": revision,
            "name": self.before.get("name", ""),
            "pool": self.before.get("pool", ""),
            "employees_from": low,
            "employees_to": high,
            **{part: "; ".join(texts_of(self.before, part)) for part in LISTS},
        }
        super().__init__(data, initial=initial)
        field = self.fields["pool"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = pool_choices(pools.values(), str(self.before.get("pool") or ""))

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if self.errors:
            return data
        row: dict[str, Any] = {"name": data["name"], "pool": data["pool"]}
        for part in LISTS:
            texts = split_texts(part, data[part])
            if texts:
                row[part] = texts
        sizes = [data["employees_from"], data["employees_to"]]
        if sizes != [None, None]:
            row["employees"] = sizes
        for error in broken_territories({"territories": [row]}, usable(self.pools)):
            part = [*error.path.split("/"), "", "", ""][3]
            name = {"employees": "employees_to"}.get(part, part)
            self.add_error(name if name in self.fields else None, error.message)
        self.row = row
        return data


class TerritoryFileForm(forms.Form):
    """A CSV file. After `is_valid`, `data_read` is what is in it."""

    revision = IntegerField(widget=forms.HiddenInput, min_value=1, max_value=_LARGEST)
    file = forms.FileField(
        label="CSV file",
        help_text="Columns: name, countries, regions, postal, employees_from, employees_to, industries, pool."
        " Several values in a cell are divided by semicolons, postal codes by commas too. At most 500 lines,"
        " 1 MB, UTF-8.",
        widget=forms.FileInput(attrs={"accept": ".csv,text/csv"}),
        error_messages={"required": "Choose a file.", "empty": "The file is empty. Export it again."},
    )
    replace = forms.BooleanField(
        label="In place of those that are there; else they are added, and one of the same name is replaced",
        required=False,
    )

    data_read: bytes

    def clean_file(self) -> Any:
        found = self.cleaned_data["file"]
        if found.size > MOST_BYTES:
            raise forms.ValidationError("The file has more than 1 MB. Send fewer territories.")
        self.data_read = found.read()
        return found
