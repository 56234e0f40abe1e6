"""The plan of drills as a form: a row for each lead, when, and how long the promises run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django import forms
from django.forms import BaseFormSet, formset_factory

from integrations.drill.plan import LONGEST, MOST_LEADS, SHORTEST
from leads.incoming import COMPANY_LIMITS, ENGAGEMENT_LIMITS, LEAD_LIMITS, MAX_INTEGER
from tenants.numbers import IntegerField

_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_SPARE: Final = 2  # empty rows for more leads


class DrillPlanForm(forms.Form):
    """weekday: "" is on demand only."""

    seconds = IntegerField(
        label="Seconds until a breach",
        min_value=SHORTEST,
        max_value=LONGEST,
        help_text="What the first touch of a drill's lead is promised in, by the wall clock.",
    )
    weekday = forms.TypedChoiceField(
        label="By itself",
        choices=[("", "On demand only"), *((str(at), f"Every {day}") for at, day in enumerate(_DAYS))],
        coerce=int,
        empty_value=None,
        required=False,
    )
    at = forms.TimeField(label="At", widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"))

    @property
    def minute(self) -> int:
        """Of the day, of a valid form."""
        at = self.cleaned_data["at"]
        return int(at.hour) * 60 + int(at.minute)


class DrillLeadForm(forms.Form):
    """One lead; a row without a name and without a kind is none."""

    name = forms.CharField(label="Name", max_length=60, required=False)
    kind = forms.CharField(
        label="What it does",
        max_length=ENGAGEMENT_LIMITS["kind"],
        required=False,
        widget=forms.Select(),
    )
    country = forms.CharField(label="Country", max_length=COMPANY_LIMITS["country"], required=False)
    employees = IntegerField(label="Employees", min_value=0, max_value=MAX_INTEGER, required=False)
    title = forms.CharField(label="Title", max_length=LEAD_LIMITS["title"], required=False)
    source = forms.CharField(label="Source", max_length=LEAD_LIMITS["source"], required=False)

    def __init__(self, *args: Any, kinds: Mapping[str, str], **more: Any) -> None:
        super().__init__(*args, **more)
        # One that was saved, and that nothing asks about any more, is shown as it is, and refused when saved.
        kept = self["kind"].value()
        offered = {"": "", **kinds, **({kept: kept} if kept and kept not in kinds else {})}
        self.fields["kind"].widget.choices = list(offered.items())

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if self.is_empty:
            return data
        for name in ("name", "kind"):
            if not data.get(name) and name not in self.errors:
                self.add_error(name, "This is required.")
        return data

    @property
    def is_empty(self) -> bool:
        """Whether nothing is written in the row."""
        data = getattr(self, "cleaned_data", {})
        return not self.errors and all(data.get(name) in (None, "") for name in self.fields)


class _Leads(BaseFormSet):  # type: ignore[type-arg]
    def said(self) -> list[dict[str, Any]]:
        """The leads of a valid set, in their order."""
        return [dict(form.cleaned_data) for form in self.forms if not form.is_empty]


DrillLeadFormSet = formset_factory(
    DrillLeadForm,
    formset=_Leads,
    extra=_SPARE,
    max_num=MOST_LEADS,
    absolute_max=MOST_LEADS,
    validate_max=True,
)
