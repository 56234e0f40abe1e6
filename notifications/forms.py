"""Forms of the webhook pages."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.conf import settings

from notifications.addresses import MAX_LENGTH
from notifications.outbox import KINDS

PUBLIC_ONLY: Final = "Begins with https:// and can be reached from the internet."
WITH_EXEMPT: Final = (
    "Begins with https:// and can be reached from the internet. Only hosts that the operator of this server"
    " listed in WEBHOOK_ALLOW may be internal, or begin with http://."
)


class EndpointForm(forms.Form):
    url = forms.CharField(
        label="Address",
        max_length=MAX_LENGTH,
        widget=forms.URLInput(
            attrs={"placeholder": "https://example.com/hooks/slaportal", "inputmode": "url"}
        ),
    )
    events = forms.MultipleChoiceField(
        label="Events",
        choices=list(KINDS.items()),
        widget=forms.CheckboxSelectMultiple,
        required=False,
        help_text="None chosen means all of them.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["url"].help_text = WITH_EXEMPT if settings.WEBHOOK_ALLOW else PUBLIC_ONLY
