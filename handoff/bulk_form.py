"""Where chosen leads are to go, and why."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django import forms

from handoff import limits
from handoff.bulk import Wish

_CLAIM: Final = "claim"


class BulkForm(forms.Form):
    """people: id and name of everybody who may be given leads."""

    to = forms.ChoiceField(label="They go to", required=False)
    why = forms.CharField(
        label="Why", max_length=limits.MOVE_WHY, error_messages={"required": "Say why in a few words."}
    )
    untouched_only = forms.BooleanField(
        label="Only those that nobody has accepted or got in touch with", required=False
    )
    #: When the leads were looked at: what changed since is left alone.
    seen_at = forms.CharField(widget=forms.HiddenInput, max_length=40)

    def __init__(self, *args: Any, people: Sequence[tuple[UUID, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["to"]
        listed = [(str(key), name) for key, name in people]
        field.choices = [
            ("", "Whom the rules choose"),
            (_CLAIM, "Whoever of their pool claims them"),
            *listed,
        ]

    def clean_seen_at(self) -> datetime:
        try:
            seen_at = datetime.fromisoformat(self.cleaned_data["seen_at"])
        except ValueError as error:
            raise forms.ValidationError("Choose the leads again, and send it from there.") from error
        if seen_at.tzinfo is None:
            raise forms.ValidationError("Choose the leads again, and send it from there.")
        return seen_at

    def wish(self) -> Wish:
        """What was asked for. After is_valid()."""
        to = self.cleaned_data["to"]
        return Wish(
            why=self.cleaned_data["why"],
            to=UUID(to) if to and to != _CLAIM else None,
            offer=to == _CLAIM,
            untouched_only=self.cleaned_data["untouched_only"],
            seen_at=self.cleaned_data["seen_at"],
        )
