"""What is written on the pages of reviews."""

from __future__ import annotations

from typing import Any

from django import forms

from reporting.reviews.models import NOTE_LIMIT
from reporting.reviews.services import MOST_REMIND_DAYS, owners
from tenants.numbers import IntegerField

_AREA = {"rows": 2}


class NoteForm(forms.Form):
    text = forms.CharField(label="Note", max_length=NOTE_LIMIT, widget=forms.Textarea(attrs=_AREA))


class DecisionForm(forms.Form):
    text = forms.CharField(
        label="What was decided", max_length=NOTE_LIMIT, widget=forms.Textarea(attrs=_AREA)
    )
    owner = forms.ChoiceField(label="Who does it")
    due_on = forms.DateField(label="By when", widget=forms.DateInput(attrs={"type": "date"}))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["owner"]
        field.choices = [("", "Choose"), *((str(each.id), each.name) for each in owners())]


class ReviewSettingsForm(forms.Form):
    remind_days = IntegerField(
        label="Remind after (days)",
        min_value=0,
        max_value=MOST_REMIND_DAYS,
        help_text="After the end of a period whose review is not closed.",
    )
