"""The forms of the KPIs' pages."""

from __future__ import annotations

from datetime import date
from typing import Any

from django import forms

from leads.csv_form import CsvFileForm
from reporting.commitments.targets import months_from
from reporting.kpis.catalog import Kind, Unit
from reporting.kpis.cost_csv import Table, read_table
from reporting.kpis.services import MONTHS_AHEAD, MOST_WHY
from tenants.models import Member
from tenants.numbers import DecimalField


class TargetForm(forms.Form):
    """What is to be reached from a month on."""

    target = DecimalField(label="Target", required=False, help_text="Empty: none.")
    valid_from = forms.TypedChoiceField(label="Holds from", coerce=date.fromisoformat)
    why = forms.CharField(label="Why", max_length=MOST_WHY, widget=forms.Textarea(attrs={"rows": 2}))
    instead_of = forms.UUIDField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, kind: Kind, present: date, currency: str, **kwargs: Any) -> None:
        """present: the first month that it may hold from."""
        super().__init__(*args, **kwargs)
        months = [months_from(present, place) for place in range(min(MONTHS_AHEAD, 12) + 1)]
        field: Any = self.fields["valid_from"]
        field.choices = [(month.isoformat(), f"{month:%B %Y}") for month in months]
        units = {Unit.PERCENT: "per cent", Unit.DAYS: "days", Unit.MONEY: currency, Unit.COUNT: kind.label}
        self.fields["target"].label = f"Target, in {units[kind.unit]}"


class OwnerForm(forms.Form):
    """Who answers for it."""

    member = forms.TypedChoiceField(label="Owner", required=False, empty_value=None)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        people = Member.objects.filter(is_active=True).order_by("name", "id").values_list("id", "name")
        field: Any = self.fields["member"]
        field.choices = [("", "Nobody"), *((str(member_id), name) for member_id, name in people)]


class CostForm(forms.Form):
    """One cost: a new one, or what one of the same month, source and campaign is corrected to."""

    month = forms.CharField(label="Month", max_length=20, help_text="2026-09")
    source = forms.CharField(label="Source", max_length=80, help_text="As leads name it.")
    campaign = forms.CharField(label="Campaign", max_length=120, required=False)
    amount = forms.CharField(
        label="Amount", max_length=30, widget=forms.TextInput(attrs={"inputmode": "decimal"})
    )


class CostFileForm(CsvFileForm):
    """A CSV file of costs; after `is_valid`, `table` is what is in it."""

    table: Table

    def parse(self, text: str, encoding: str) -> None:
        self.table = read_table(text, encoding)
