"""What is written about mails on a schedule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django import forms

from reporting.mailings.models import MailSettings, Subscription
from reporting.mailings.services import PEOPLE
from tenants.models import Member
from tenants.numbers import IntegerField

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class MailSettingsForm(forms.Form):
    """When the weekly mails leave, and to whom."""

    digest_on = forms.BooleanField(label="Send the digest", required=False)
    team_on = forms.BooleanField(label="Send each manager their team's week", required=False)
    weekday = forms.TypedChoiceField(label="Day", coerce=int, choices=list(enumerate(WEEKDAYS)))
    at = forms.TimeField(
        label="Time",
        help_text="In the organisation's time zone.",
        widget=forms.TimeInput(format="%H:%M", attrs={"type": "time"}),
    )
    recipients = forms.MultipleChoiceField(
        label="Who gets the digest",
        required=False,
        help_text="Nobody chosen: everybody of marketing.",
        error_messages={"invalid_choice": "Choose active people of the organisation."},
        widget=forms.CheckboxSelectMultiple,
    )
    sends_empty = forms.BooleanField(
        label="Send it also when there is nothing to tell",
        required=False,
        help_text="Otherwise a week without leads and without open disputes sends nothing.",
    )

    escalation_percent = IntegerField(
        label="Bring before the executives below (per cent)",
        min_value=1,
        max_value=100,
        help_text="First touches of a team on time, two weeks running.",
    )
    escalation_clocks = IntegerField(
        label="Least clocks of a week",
        min_value=1,
        max_value=10_000,
        help_text="A week of a team with fewer says nothing.",
    )
    escalation_people = forms.MultipleChoiceField(
        label="Who hears of it",
        required=False,
        help_text="Nobody chosen: the executives.",
        error_messages={"invalid_choice": "Choose active people of the organisation."},
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, data: Any, *, setting: MailSettings, people: list[Member]) -> None:
        initial = {
            "digest_on": setting.digest_on,
            "team_on": setting.team_on,
            "weekday": setting.weekday,
            "at": setting.at,
            "recipients": [str(each) for each in setting.recipients],
            "sends_empty": setting.sends_empty,
            "escalation_percent": setting.escalation_percent,
            "escalation_clocks": setting.escalation_clocks,
            "escalation_people": [str(each) for each in setting.escalation_people],
        }
        super().__init__(data, initial=initial)
        known = {str(each.id): each.name for each in people}
        for name in PEOPLE:
            field: Any = self.fields[name]
            named = [str(each) for each in getattr(setting, name)]
            gone = {each: "Somebody who left" for each in named if each not in known}
            field.choices = list({**known, **gone}.items())

    @property
    def said(self) -> dict[str, Any]:
        """What the service takes."""
        named = {name: [UUID(each) for each in self.cleaned_data[name]] for name in PEOPLE}
        return {**self.cleaned_data, **named}


class MyMailsForm(forms.Form):
    """Which weekly mails somebody wants."""

    digest = forms.BooleanField(label="The weekly digest", required=False)
    team = forms.BooleanField(label="My team's week", required=False)


class SubscribeForm(forms.Form):
    """A report that somebody wants by mail."""

    report = forms.ChoiceField(label="Report")
    frequency = forms.ChoiceField(label="How often", choices=Subscription.Frequency.choices)
    weekday = forms.TypedChoiceField(
        label="On (every week)", coerce=int, choices=list(enumerate(WEEKDAYS)), initial=0
    )
    day = IntegerField(label="On day (every month)", min_value=1, max_value=28, initial=1)
    at = forms.TimeField(
        label="Time",
        initial="08:00",
        help_text="In your own time zone.",
        widget=forms.TimeInput(format="%H:%M", attrs={"type": "time"}),
    )
    filters = forms.MultipleChoiceField(
        label="Filters that it keeps",
        required=False,
        help_text="Untick those that it is not to go by.",
        widget=forms.CheckboxSelectMultiple,
    )
    # The last one: between two fields that are seen it would take the gap between them.
    query = forms.CharField(widget=forms.HiddenInput, required=False, max_length=2000)

    def __init__(
        self, data: Any, *, reports: list[tuple[str, str]], filters: Mapping[str, str], **kwargs: Any
    ) -> None:
        """filters: those that its query has. Without any there is nothing to untick."""
        super().__init__(data, **kwargs)
        field: Any = self.fields["report"]
        field.choices = reports
        self._filters = filters
        if filters:
            field = self.fields["filters"]
            field.choices = [(name, f"{name}: {value}") for name, value in filters.items()]
            field.initial = list(filters)
        else:
            del self.fields["filters"]

    @property
    def said(self) -> dict[str, Any]:
        """After is_valid(): what the service takes."""
        ticked = self.cleaned_data.get("filters", [])
        kept = {name: value for name, value in self._filters.items() if name in ticked}
        return {
            **{name: value for name, value in self.cleaned_data.items() if name != "filters"},
            "query": urlencode(kept),
        }
