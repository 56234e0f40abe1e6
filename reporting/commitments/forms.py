"""The forms of the commitments' pages."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from django import forms

from reporting.commitments.catalog import Kind, Unit
from reporting.commitments.services import MONTHS_AHEAD, MOST_NOTE, MOST_WHY
from reporting.commitments.targets import months_from
from tenants.numbers import DecimalField, IntegerField


class TargetForm(forms.Form):
    """What is promised from a month on. The floor and whether rejected ones count are asked of volume."""

    target = IntegerField(
        label="Target", required=False, min_value=1, help_text="Empty: nothing is promised."
    )
    weekly_floor = IntegerField(
        label="Weekly floor", required=False, min_value=1, help_text="MQLs of each week, Monday to Sunday."
    )
    counts_rejected = forms.BooleanField(
        label="MQLs that sales rejects count too",
        required=False,
        help_text="Rejections for a reason of routing count in any case.",
    )
    valid_from = forms.TypedChoiceField(label="Holds from", coerce=date.fromisoformat)
    why = forms.CharField(label="Why", max_length=MOST_WHY, widget=forms.Textarea(attrs={"rows": 2}))
    instead_of = forms.UUIDField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, kind: Kind, present: date, **kwargs: Any) -> None:
        """present: the first month that it may hold from."""
        super().__init__(*args, **kwargs)
        months = [months_from(present, place) for place in range(min(MONTHS_AHEAD, 12) + 1)]
        field: Any = self.fields["valid_from"]
        field.choices = [(month.isoformat(), f"{month:%B %Y}") for month in months]
        if kind.unit == Unit.PERCENT:
            del self.fields["weekly_floor"], self.fields["counts_rejected"]
            self.fields["target"].label = "Target, in per cent"
        else:
            self.fields["target"].label = "MQLs a month"


class NoteForm(forms.Form):
    """A note on a commitment in the month of the page."""

    commitment = forms.ChoiceField(label="On")
    text = forms.CharField(label="Note", max_length=MOST_NOTE, widget=forms.Textarea(attrs={"rows": 2}))

    def __init__(self, *args: Any, kinds: list[Kind], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["commitment"]
        field.choices = [(kind.key, kind.label) for kind in kinds]


class CalculatorForm(forms.Form):
    """What MQLs a month follow from. What is left empty comes from the organisation's own data."""

    pipeline = DecimalField(
        label="Pipeline target, a month",
        min_value=Decimal("0.01"),
        max_digits=14,
        decimal_places=2,
    )
    value = DecimalField(
        label="Average value of an opportunity",
        required=False,
        min_value=Decimal("0.01"),
        max_digits=14,
        decimal_places=2,
    )
    conversion = DecimalField(
        label="MQLs that become an opportunity, in per cent",
        required=False,
        min_value=Decimal("0.01"),
        max_value=Decimal(100),
        decimal_places=2,
    )
