"""What a step of a lead asks for, as fields of a form: each question of the SQL criteria, each field that is
owed. The service has the last word; its refusals land on these fields.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, Final

from django import forms
from django.forms import BoundField

from feedback.models import Reason
from handoff import limits
from handoff.opportunity_form import AmountField, currency_field, day_field
from handoff.services import ANSWERS, Step
from leads.incoming import MAX_BIG_INTEGER, MAX_INTEGER
from leads.lifecycle import Stage
from leads.owed import CUSTOM_TEXT, OwedField
from leads.sql_bar import TEXT, Question
from tenants.numbers import FloatField, IntegerField

ANSWER, _FIELD, _DEAL = "answers_", "fields_", "opportunity_"  # as refusals name their places
_MOST: Final = {"account.revenue": MAX_BIG_INTEGER}


class StepForm(forms.Form):
    """The part of a form that says what a step asks for. asked: the stage whose questions were shown, so that
    an answer that was not given can be told from a question that was not there."""

    asked = forms.CharField(required=False, widget=forms.HiddenInput, max_length=12)

    def __init__(self, *args: Any, step: Step | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.step = step
        self.was_asked = self.data.get("asked", "") if self.is_bound else ""
        for question in step.questions if step else ():
            field: Any = question_field(question)
            field.note = "needed" if step and (question.must or question.key in step.needed) else ""
            self.fields[ANSWER + question.key] = field
        for each in step.fields if step else ():
            self.fields[_FIELD + each.name] = _owed_field(each)

    @property
    def asks(self) -> str:
        """The stage whose questions it shows."""
        return str(self.step.to) if self.step else ""

    @property
    def question_fields(self) -> Sequence[BoundField]:
        return [self[ANSWER + each.key] for each in (self.step.questions if self.step else ())]

    @property
    def owed_fields(self) -> Sequence[BoundField]:
        return [self[_FIELD + each.name] for each in (self.step.fields if self.step else ())]

    def said_answers(self) -> dict[str, Any]:
        """After is_valid(): answers by key, as the service takes them."""
        if self.step is None or self.was_asked != str(self.step.to):
            return {}
        found = {}
        for question in self.step.questions:
            value = self.cleaned_data[ANSWER + question.key]
            found[question.key] = value.isoformat() if isinstance(value, date) else value
        return found

    def said_fields(self) -> dict[str, Any]:
        """After is_valid(): what is owed, by name."""
        fields = self.step.fields if self.step else ()
        return {each.name: self.cleaned_data[_FIELD + each.name] for each in fields}


def question_field(question: Question) -> forms.Field:
    note = f"Must be {question.wanted}." if question.must and question.wanted else ""
    if question.must and not question.wanted:
        note = "Must be answered."
    shared: dict[str, Any] = {
        "label": question.label,
        "help_text": " ".join(filter(None, (question.hint, note))),
        "required": False,
    }
    if question.answer == "yes_no":
        return forms.TypedChoiceField(
            choices=[("yes", "Yes"), ("no", "No"), ("", "Not answered")],
            coerce=_is_yes,
            empty_value=None,
            widget=forms.RadioSelect,
            **shared,
        )
    if question.answer == "choice":
        return forms.ChoiceField(
            choices=[("", "Not answered"), *((each, each) for each in question.choices)], **shared
        )
    if question.answer == "number":
        return FloatField(**shared)
    if question.answer == "date":
        return forms.DateField(widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"), **shared)
    return forms.CharField(max_length=TEXT, **shared)


def _is_yes(value: str) -> bool:
    return value == "yes"


def _owed_field(each: OwedField) -> forms.Field:
    if each.number:
        least = -MAX_INTEGER if each.name == "score" else 0
        return IntegerField(
            label=each.label, required=False, min_value=least, max_value=_MOST.get(each.name, MAX_INTEGER)
        )
    return forms.CharField(label=each.label, required=False, max_length=CUSTOM_TEXT)


class AcceptForm(StepForm):
    """To take a lead, with what must be known by then."""


class StageForm(StepForm):
    """How it went on after acceptance, with what the step asks for."""

    to = forms.ChoiceField(label="New stage")
    reason = forms.ChoiceField(label="Reason", required=False)
    why = forms.CharField(
        label="Why",
        required=False,
        max_length=limits.STAGE_WHY,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Needed for won, and where the reason asks for a note.",
    )
    field_order = ("to", "reason", "why")

    def __init__(
        self,
        *args: Any,
        stages: Sequence[Stage],
        step: Step | None = None,
        reload: str = "",
        reasons: Sequence[Reason] = (),
        currency: str = "",
        **kwargs: Any,
    ) -> None:
        """reload: where a dialog asks for the form of another stage as soon as one is chosen. reasons: of the
        stages that need one; without a script the form has those of each. currency: the organisation's."""
        super().__init__(*args, step=step, **kwargs)
        needing = [stage for stage in stages if stage in ANSWERS and (not reload or stage == _to(step))]
        if needing:
            reason_field: Any = self.fields["reason"]
            reason_field.choices = [("", "Choose a reason"), *(_group(each, reasons) for each in needing)]
            reason_field.help_text = "Needed for lost and disqualified."
        else:
            del self.fields["reason"]
        field: Any = self.fields["to"]
        field.choices = [(str(stage), stage.label) for stage in stages]
        if reload:
            field.widget.attrs.update({"hx-get": reload, "hx-target": "#sp-modal", "hx-trigger": "change"})
        if step is not None:
            self.initial["to"] = str(step.to)
        if step is not None and step.to in (Stage.OPPORTUNITY, Stage.WON):
            self.fields[f"{_DEAL}amount"] = AmountField()
            self.fields[f"{_DEAL}currency"] = currency_field()
            label = "Close date" if step.to == Stage.OPPORTUNITY else "Won on"
            self.fields[f"{_DEAL}close_date"] = day_field(label)
            self.initial[f"{_DEAL}currency"] = currency
            self.fields[f"{_DEAL}currency"].required = False

    @property
    def reason_note(self) -> str:
        """ "needed" where the stage that is asked for needs one; without a script it is there for others."""
        return "needed" if _to(self.step) in ANSWERS else ""

    @property
    def deal_fields(self) -> Sequence[BoundField]:
        """What may be said of the deal, where the stage has one."""
        return [self[name] for name in self.fields if name.startswith(_DEAL)]

    def said_deal(self) -> dict[str, Any]:
        """After is_valid(): the deal as the service takes it; empty where no amount and no day was said."""
        said = {
            field.name.removeprefix(_DEAL): value
            for field in self.deal_fields
            if (value := self.cleaned_data[field.name]) not in (None, "")
        }
        to = self.cleaned_data["to"]
        is_said = to in (Stage.OPPORTUNITY, Stage.WON) and ("amount" in said or "close_date" in said)
        return said if is_said else {}

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        stage = cleaned.get("to", "")
        if stage in ANSWERS and not self.said_reason():
            text = f"Choose a reason for {Stage(stage).label.lower()}."
            self.add_error("reason" if "reason" in self.fields else None, text)
        return cleaned

    def said_reason(self) -> str:
        """The slug of the reason, where the stage has reasons and one of them was chosen."""
        kind, _, slug = self.cleaned_data.get("reason", "").partition(":")
        return slug if kind == self.cleaned_data.get("to") else ""


def _to(step: Step | None) -> Stage | None:
    return step.to if step else None


def _group(stage: Stage, reasons: Sequence[Reason]) -> tuple[str, list[tuple[str, str]]]:
    """The reasons of a stage as a group of options, named with their stage: slugs are one a kind."""
    kind = ANSWERS[stage][0]
    named = [(f"{stage}:{each.slug}", each.label) for each in reasons if each.kind == kind]
    return str(stage.label), named


class AnswersForm(StepForm):
    """The SQL criteria of a lead that is an SQL already, with what was answered last."""

    def __init__(self, *args: Any, step: Step, last: Sequence[Mapping[str, Any]] = (), **kwargs: Any) -> None:
        """last: as `SqlAnswers.answers`. What a step owes beside the questions is not asked here."""
        super().__init__(*args, step=replace(step, fields=()), **kwargs)
        self.given = {row["key"]: row["value"] for row in last if row["value"] is not None}
        for question in step.questions:
            value = self.given.get(question.key)
            shown = ("yes" if value else "no") if isinstance(value, bool) else value
            self.initial[ANSWER + question.key] = shown

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        for key in self.given:
            name = ANSWER + key
            if name in self.fields and name not in self.errors and cleaned.get(name) in (None, ""):
                self.add_error(name, "It was answered before: change the answer, it cannot be taken back.")
        return cleaned
