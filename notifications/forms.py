"""Forms of the webhook pages."""

from __future__ import annotations

from django import forms

from notifications.addresses import MAX_LENGTH
from notifications.outbox import KINDS


class EndpointForm(forms.Form):
    url = forms.CharField(
        label="Address",
        max_length=MAX_LENGTH,
        widget=forms.URLInput(
            attrs={"placeholder": "https://example.com/hooks/slaportal", "inputmode": "url"}
        ),
        help_text="https only. Private addresses are refused.",
    )
    events = forms.MultipleChoiceField(
        label="Events",
        choices=list(KINDS.items()),
        widget=forms.CheckboxSelectMultiple,
        required=False,
        help_text="None chosen means all of them.",
    )
