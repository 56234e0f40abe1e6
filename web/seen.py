"""A form that remembers what its reader saw, so that only what they changed is written.

A page that stood open for an hour sends every field back. What somebody else changed meanwhile must not be
taken for a change back: it is told from what the page was filled with, which travels in a hidden field.
"""

from __future__ import annotations

import json
from typing import Any, Final

from django import forms

#: What one form's values come to at most, as JSON.
MAX_SEEN: Final = 20_000


class SeenField(forms.CharField):
    """Carries the values as JSON. What it holds decides only which fields count as changed."""

    widget = forms.HiddenInput

    def __init__(self) -> None:
        super().__init__(required=False, max_length=MAX_SEEN)


class RemembersSeen(forms.Form):
    """Mixin of a form with initial values that JSON can say: `changed_data` is what the author changed.

    Call `remember()` at the end of `__init__`.
    """

    seen = SeenField()

    def remember(self) -> None:
        """Fill the hidden field; where the form was sent, take the values that its reader saw for its initial
        ones. What is no JSON of ours counts as nothing seen: then the present values stand."""
        names = [name for name in self.fields if name != "seen"]
        present = {name: self.get_initial_for_field(self.fields[name], name) for name in names}
        self.initial["seen"] = json.dumps(present, default=str)
        if self.is_bound:
            self.initial.update(self.values_seen())

    def values_seen(self) -> dict[str, Any]:
        """By field, what the reader saw; empty where the form does not say."""
        sent = self.data.get(self.add_prefix("seen"), "")
        try:
            found = json.loads(sent) if len(sent) <= MAX_SEEN else None
        except (ValueError, RecursionError):
            return {}
        if not isinstance(found, dict):
            return {}
        return {
            name: value
            for name, value in found.items()
            if name in self.fields and name != "seen" and isinstance(value, str | int | None)
        }

    @property
    def changes(self) -> list[str]:
        """Names of the fields that the author changed."""
        return [name for name in self.changed_data if name != "seen"]
