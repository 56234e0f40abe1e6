"""What people fill in about meetings."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from django import forms

from feedback.models import Meeting
from handoff import meetings
from handoff.forms import RejectForm
from handoff.selectors import Person
from handoff.step_form import ANSWER, question_field
from leads.sql_bar import Question
from tenants.numbers import IntegerField


def _moment_field(label: str) -> forms.DateTimeField:
    return forms.DateTimeField(
        label=label,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"],
        error_messages={"required": "Say when it begins."},
    )


def _day_field(label: str, help_text: str) -> forms.DateField:
    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    return forms.DateField(label=label, required=False, widget=widget, help_text=help_text)


def _note_field(label: str = "Note", *, required: bool = False) -> forms.CharField:
    return forms.CharField(
        label=label,
        required=required,
        max_length=meetings.NOTE,
        widget=forms.Textarea(attrs={"rows": 2}),
        error_messages={"required": "Say why in a few words."},
    )


class WhenForm(forms.Form):
    """When a meeting is, and with whom."""

    at = _moment_field("Begins")
    minutes = IntegerField(
        label="Minutes", min_value=meetings.SHORTEST, max_value=meetings.LONGEST, initial=30
    )
    ae = forms.ChoiceField(label="AE", required=False)
    anyway = forms.BooleanField(label="Book it though the AE is away or busy then", required=False)

    def __init__(self, *args: Any, people: Sequence[Person], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["ae"]
        named = [(str(each.member.id), each.member.name) for each in people]
        field.choices = [("", "Account owner, else by the routing rules"), *named]

    @property
    def ae_id(self) -> UUID | None:
        return UUID(self.cleaned_data["ae"]) if self.cleaned_data["ae"] else None


class BookForm(WhenForm):
    """A meeting with a lead. by_email: the lead is not known yet, and is named by its address."""

    email = forms.EmailField(label="E-mail of the lead", error_messages={"required": "Say whom you meet."})
    attendee_title = forms.CharField(label="Title of the attendee", required=False, max_length=meetings.TITLE)
    seniority = forms.ChoiceField(
        label="Seniority", required=False, choices=[("", "Not known"), *Meeting.Seniority.choices]
    )
    next_step = forms.CharField(label="Next step", required=False, max_length=meetings.NEXT_STEP)
    checks = forms.MultipleChoiceField(
        label="Qualified because",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="What does not hold may stay open, but for what is marked: it is kept with the meeting.",
    )

    def __init__(self, *args: Any, by_email: bool, questions: Sequence[Question], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not by_email:
            del self.fields["email"]
        self._ticked = [each for each in questions if each.answer == "yes_no"]
        self._written = [each for each in questions if each.answer != "yes_no"]
        ticks: Any = self.fields["checks"]
        ticks.choices = [(each.key, _tick_words(each)) for each in self._ticked]
        if not self._ticked:
            del self.fields["checks"]
        for question in self._written:
            self.fields[ANSWER + question.key] = question_field(question)

    @property
    def question_fields(self) -> list[forms.BoundField]:
        """The criteria that are not answered by a tick."""
        return [self[ANSWER + each.key] for each in self._written]

    def booking(self) -> meetings.Booking:
        """After is_valid(). A criterion that is not ticked does not hold."""
        said = self.cleaned_data
        return meetings.Booking(
            starts_at=said["at"],
            minutes=said["minutes"],
            ae_id=self.ae_id,
            attendee_title=said["attendee_title"],
            seniority=said["seniority"],
            next_step=said["next_step"],
            checks=self._answers(),
            anyway=said["anyway"],
        )

    def _answers(self) -> dict[str, Any]:
        said = self.cleaned_data
        found: dict[str, Any] = {each.key: each.key in said["checks"] for each in self._ticked}
        for question in self._written:
            value = said[ANSWER + question.key]
            found[question.key] = value.isoformat() if isinstance(value, date) else value
        return found


def _tick_words(question: Question) -> str:
    return f"{question.label} (must be {question.wanted or 'answered'})" if question.must else question.label


class RescheduleForm(WhenForm):
    note = _note_field()


class AcceptMeetingForm(forms.Form):
    note = _note_field()


class NoShowForm(forms.Form):
    who = forms.ChoiceField(
        label="Who was not there",
        choices=Meeting.Absent.choices,
        widget=forms.RadioSelect,
        error_messages={"required": "Say who was not there."},
    )
    follow_up = _day_field("Follow-up", "When the SDR tries again; needed where the prospect was not there.")
    note = _note_field()


class DisqualifyMeetingForm(RejectForm):
    pass


class CancelForm(forms.Form):
    note = _note_field("Why", required=True)
    follow_up = _day_field("Follow-up", "When the SDR tries again, if so.")
