"""A deal of a lead as a form: alone, and as a part of reporting a stage."""

from __future__ import annotations

from typing import Any, Final

from django import forms

from core.currencies import known_currencies
from leads.models import Opportunity
from leads.opportunities import LONGEST_NAME, read_amount

#: Those that most organisations use stand on top of the list.
_USUAL: Final = ("EUR", "USD", "GBP", "CHF")
OPEN: Final = "open"


class AmountField(forms.CharField):
    """An amount as people type it; None where there is none. Its size is the service's to check."""

    def __init__(self, **more: Any) -> None:
        widget = forms.TextInput(attrs={"inputmode": "decimal"})
        super().__init__(label="Amount", required=False, max_length=40, widget=widget, **more)

    def clean(self, value: Any) -> Any:
        try:
            return read_amount(super().clean(value))
        except ValueError as error:
            raise forms.ValidationError("An amount is a number: 12,500 or 12500.50.") from error


def currency_field(label: str = "Currency") -> forms.ChoiceField:
    names = known_currencies()
    usual = [(code, f"{code}, {names[code]}") for code in _USUAL]
    others = [(code, f"{code}, {name}") for code, name in names.items() if code not in _USUAL]
    return forms.ChoiceField(label=label, choices=[*usual, *others])


def day_field(label: str, help_text: str = "") -> forms.DateField:
    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    return forms.DateField(label=label, required=False, widget=widget, help_text=help_text)


class OpportunityForm(forms.Form):
    """What is known of a deal, and how it ended."""

    name = forms.CharField(label="Name", required=False, max_length=LONGEST_NAME)
    amount = AmountField()
    currency = currency_field()
    close_date = day_field("Close date", "Expected; of a won or lost one, the day on which it closed.")
    outcome = forms.ChoiceField(
        label="How it stands",
        choices=[(OPEN, "Open"), *Opportunity.Outcome.choices],
        widget=forms.RadioSelect,
        initial=OPEN,
    )

    def said(self) -> dict[str, Any]:
        """After is_valid(), as the service takes it."""
        found = dict(self.cleaned_data)
        found["outcome"] = "" if found["outcome"] == OPEN else found["outcome"]
        return found

    @classmethod
    def shown(cls, found: Opportunity) -> dict[str, Any]:
        """What the form begins with."""
        return {
            "name": found.name,
            "amount": found.amount,
            "currency": found.currency,
            "close_date": found.close_date,
            "outcome": found.outcome or OPEN,
        }
