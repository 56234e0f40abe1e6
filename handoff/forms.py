"""What people fill in when they answer for a lead. Services have the last word: their refusals land on these
fields."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django import forms

from feedback.models import Reason
from handoff import limits
from handoff.selectors import Person
from handoff.words import moment
from leads.models import Touch
from sla.models import Excuse
from sla.services import latest_end
from sla.tiers import PauseRule
from sla.words import length_words


class RejectForm(forms.Form):
    reason = forms.ChoiceField(widget=forms.RadioSelect, error_messages={"required": "Choose a reason."})
    note = forms.CharField(
        label="Note for marketing",
        required=False,
        max_length=limits.ANSWER_NOTE,
        widget=forms.Textarea(attrs={"rows": 2}),
    )

    def __init__(self, *args: Any, reasons: Sequence[Reason], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.reasons = reasons
        field: Any = self.fields["reason"]
        field.choices = [(reason.slug, reason.label) for reason in reasons]

    @property
    def options(self) -> list[dict[str, Any]]:
        """The reasons as the dialog draws them, with hint and whether it is the one chosen."""
        chosen = self["reason"].value()
        return [
            {"slug": each.slug, "label": each.label, "hint": each.hint, "chosen": each.slug == chosen}
            for each in self.reasons
        ]

    @property
    def note_hint(self) -> str:
        """For which reasons a note is needed, in words."""
        needing = [each.label for each in self.reasons if each.note_required]
        return f"required for {', '.join(needing)}" if needing else "optional"


class NurtureForm(RejectForm):
    until = forms.DateField(
        label="Look at it again on",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text="For marketing: shown with the lead. Nothing happens by itself on that day.",
    )
    field_order = ("reason", "until", "note")


class ProgressForm(forms.Form):
    """How a lead that is being worked is doing."""

    note = forms.CharField(
        label="Note for marketing",
        required=False,
        max_length=limits.ANSWER_NOTE,
        widget=forms.Textarea(attrs={"rows": 3, "autofocus": True}),
    )


class PauseForm(forms.Form):
    """Why the clocks of a lead may stand still, and until when."""

    reason = forms.ChoiceField(widget=forms.RadioSelect, error_messages={"required": "Choose a reason."})
    until = forms.DateTimeField(
        label="Until",
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"],
    )
    note = forms.CharField(
        label="Note", required=False, max_length=limits.PAUSE_NOTE, widget=forms.Textarea(attrs={"rows": 2})
    )

    def __init__(self, *args: Any, rules: Sequence[PauseRule], now: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._rules = rules
        field: Any = self.fields["reason"]
        field.choices = [(rule.reason, rule.name) for rule in rules]
        if rules:
            latest = max(latest_end(rule, now=now) for rule in rules)
            self.fields["until"].help_text = f"Empty: as long as may be. {moment(latest)} at the latest."
            if len(rules) == 1:
                self.initial.setdefault("reason", rules[0].reason)

    @property
    def options(self) -> list[dict[str, Any]]:
        """The reasons as the dialog draws them."""
        chosen = self["reason"].value()
        return [
            {
                "slug": rule.reason,
                "label": rule.name,
                "hint": f"At most {length_words(rule.at_most)}.",
                "chosen": rule.reason == chosen,
            }
            for rule in self._rules
        ]


class ExcuseForm(forms.Form):
    """Why a broken clock should be excused."""

    kind = forms.ChoiceField(
        label="What went wrong", choices=Excuse.Kind.choices, error_messages={"required": "Choose a reason."}
    )
    note = forms.CharField(
        label="What happened",
        max_length=limits.EXCUSE_NOTE,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": "Say what happened, so that somebody else can judge it."},
    )


class ExcuseAnswerForm(forms.Form):
    """What is said to an excuse."""

    note = forms.CharField(
        label="Why",
        max_length=limits.EXCUSE_NOTE,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": "Say why: whoever asked reads it."},
    )


class TouchForm(forms.Form):
    kind = forms.ChoiceField(
        label="What", choices=Touch.Kind.choices, widget=forms.Select(attrs={"autofocus": True})
    )
    at = forms.DateTimeField(
        label="When",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"],
        help_text="In your own time zone. Later is fine: what counts is when it was made.",
    )
    outcome = forms.ChoiceField(
        label="How it went",
        required=False,
        choices=[
            ("", "Not said"),
            ("Talked", "Talked"),
            ("Left a message", "Left a message"),
            ("No answer", "No answer"),
            ("Sent", "Sent"),
            ("Meeting agreed", "Meeting agreed"),
            ("Wrong number or address", "Wrong number or address"),
        ],
    )
    note = forms.CharField(
        required=False, max_length=limits.TOUCH_NOTE, widget=forms.Textarea(attrs={"rows": 2}), label="Note"
    )
    accept = forms.BooleanField(label="Accept the lead too", required=False)

    def __init__(self, *args: Any, may_accept: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not may_accept:
            del self.fields["accept"]


class MoveForm(forms.Form):
    """To whom, and why. An empty `to` is the next person of the pool. by_rules: that may be chosen, since a
    rule takes the lead."""

    to = forms.ChoiceField(label="To", required=False, widget=forms.RadioSelect)
    why = forms.CharField(
        label="Why", max_length=limits.MOVE_WHY, error_messages={"required": "Say why in a few words."}
    )

    def __init__(self, *args: Any, people: Sequence[Person], by_rules: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.people, self.by_rules = people, by_rules
        choices = [(str(person.member.id), person.member.name) for person in people]
        field: Any = self.fields["to"]
        field.choices = [("", "The next in the pool"), *choices] if by_rules else choices
        field.required = not by_rules
        field.error_messages["required"] = "Choose who gets it: no rule takes it."

    @property
    def receiver(self) -> UUID | None:
        """The person chosen; None for the next in the pool. After is_valid()."""
        chosen = self.cleaned_data["to"]
        return UUID(chosen) if chosen else None

    @property
    def options(self) -> list[dict[str, Any]]:
        """The people as the dialog draws them."""
        chosen = self["to"].value() or ""
        return [{"person": each, "chosen": str(each.member.id) == chosen} for each in self.people]


class HandOnForm(forms.Form):
    """All leads of a person, to somebody or to whom the rules choose. people: id and name."""

    to = forms.ChoiceField(label="Their leads go to", required=False)
    undecided_only = forms.BooleanField(label="Only those not accepted yet", required=False)
    why = forms.CharField(
        label="Why", max_length=limits.MOVE_WHY, error_messages={"required": "Say why in a few words."}
    )

    def __init__(self, *args: Any, people: Sequence[tuple[UUID, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.listed = [(str(key), name) for key, name in people]
        self._choose("to", "Whom the rules choose")

    def _choose(self, name: str, nothing: str) -> None:
        field: Any = self.fields[name]
        field.choices = [("", nothing), *self.listed]

    def chosen(self, name: str) -> UUID | None:
        """After is_valid()."""
        text = self.cleaned_data[name]
        return UUID(text) if text else None


class DepartForm(HandOnForm):
    """Whoever leaves for good: their leads, and who takes their places."""

    successor = forms.ChoiceField(
        label="Takes their places",
        required=False,
        help_text="As fallback person, in pools where nobody else sits, in teams, and for accounts.",
    )
    field_order = ("to", "successor", "why")

    def __init__(self, *args: Any, people: Sequence[tuple[UUID, str]], **kwargs: Any) -> None:
        super().__init__(*args, people=people, **kwargs)
        del self.fields["undecided_only"]
        self._choose("successor", "Nobody")


def minute_of(at: datetime) -> datetime:
    """The minute that a form can say."""
    return at.replace(second=0, microsecond=0)
