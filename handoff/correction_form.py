"""The data of a lead as a form, filled with what is known; what the handoff waits for stands first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.forms import BoundField

from leads.corrections import Correction, current_values, said_of
from leads.incoming import COMPANY_LIMITS, LEAD_LIMITS, MAX_BIG_INTEGER, MAX_INTEGER
from leads.models import Lead
from tenants.models import Role
from tenants.numbers import IntegerField
from web.seen import RemembersSeen

#: The fields of the form by the name that a correction has for each.
_NAMES: Final = {
    "first_name": "first_name",
    "last_name": "last_name",
    "email": "email",
    "phone": "phone",
    "title": "title",
    "postal_code": "postal_code",
    "company_name": "company.name",
    "company_domain": "company.domain",
    "company_employees": "company.employees",
    "company_revenue": "company.revenue",
    "company_industry": "company.industry",
    "company_country": "company.country",
    "company_region": "company.region",
    "source": "source",
    "campaign": "campaign",
    "channel": "channel",
    "score": "score",
}
#: Where a requirement of the handoff is filled in, when it is not the field of the same name.
_REQUIRED_AT: Final = {
    "country": "company_country",
    "region": "company_region",
    "account.domain": "company_domain",
    "account.employees": "company_employees",
    "account.revenue": "company_revenue",
    "account.industry": "company_industry",
    "account.country": "company_country",
}
#: What reports count by: not for the person who is counted.
_NOT_FOR_REPS: Final = ("source", "campaign", "channel", "score")


def _text(label: str, limit: int, **more: Any) -> forms.CharField:
    return forms.CharField(label=label, max_length=limit, required=False, **more)


class CorrectionForm(RemembersSeen):
    """What is known of a lead. Everything is optional: an empty field means "not known"."""

    first_name = _text("First name", LEAD_LIMITS["first_name"])
    last_name = _text("Last name", LEAD_LIMITS["last_name"])
    email = _text("E-mail", LEAD_LIMITS["email"], widget=forms.EmailInput)
    phone = _text("Phone", LEAD_LIMITS["phone"], widget=forms.TextInput(attrs={"type": "tel"}))
    title = _text("Title", LEAD_LIMITS["title"])
    postal_code = _text("Postal code", LEAD_LIMITS["postal_code"])
    company_name = _text("Company name", COMPANY_LIMITS["name"])
    company_domain = _text(
        "Company domain", COMPANY_LIMITS["domain"], help_text="Another domain moves the lead to that company."
    )
    company_employees = IntegerField(label="Employees", min_value=0, max_value=MAX_INTEGER, required=False)
    company_revenue = IntegerField(
        label="Revenue a year", min_value=0, max_value=MAX_BIG_INTEGER, required=False
    )
    company_industry = _text("Industry", COMPANY_LIMITS["industry"])
    company_country = _text("Country", COMPANY_LIMITS["country"])
    company_region = _text("Region", COMPANY_LIMITS["region"])
    source = _text("Source", LEAD_LIMITS["source"])
    campaign = _text("Campaign", LEAD_LIMITS["campaign"])
    channel = _text("Channel", LEAD_LIMITS["channel"])
    score = IntegerField(label="Score", min_value=-MAX_INTEGER, max_value=MAX_INTEGER, required=False)
    #: The lead's `updated_at` as the reader saw it, so that two people do not overwrite each other.
    seen_at = forms.CharField(widget=forms.HiddenInput, max_length=40)

    def __init__(self, data: Any = None, *, lead: Lead, role: str) -> None:
        known = current_values(lead)
        initial = {name: known[said] for name, said in _NAMES.items()}
        super().__init__(data, initial={**initial, "seen_at": lead.updated_at.isoformat()})
        if role == Role.REP:
            for name in _NOT_FOR_REPS:
                del self.fields[name]
        self.remember()
        self._needs = {_REQUIRED_AT.get(name, name) for name in lead.needs}

    @property
    def needed(self) -> Sequence[BoundField]:
        """What the handoff waits for."""
        return [self[name] for name in self._shown() if name in self._needs]

    @property
    def others(self) -> Sequence[BoundField]:
        return [self[name] for name in self._shown() if name not in self._needs]

    def _shown(self) -> Iterator[str]:
        return (name for name in self.fields if name in _NAMES)

    def clean_seen_at(self) -> datetime:
        try:
            seen_at = datetime.fromisoformat(self.cleaned_data["seen_at"])
        except ValueError as error:
            raise ValidationError("Open the form again, and send it from there.") from error
        if seen_at.tzinfo is None:
            raise ValidationError("Open the form again, and send it from there.")
        return seen_at

    def correction(self) -> Correction:
        """What the author changed; the form is valid."""
        values = {_NAMES[name]: self.cleaned_data[name] for name in self.changes if name in _NAMES}
        return said_of(values, seen_at=self.cleaned_data["seen_at"])
