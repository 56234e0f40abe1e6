"""The form of a pool's settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django import forms

from routing.models import OFF_HOURS, STRATEGIES
from routing.pools import LONGEST_NAME, MOST_ABSENCE_TURNS, PoolSettings
from tenants.numbers import IntegerField

Choices = Sequence[tuple[UUID, str]]


class PoolForm(forms.Form):
    """After `is_valid`, `settings` says what was chosen. pools: the others; calendars: all; by id and
    name."""

    name = forms.CharField(label="Name", max_length=LONGEST_NAME)
    strategy = forms.ChoiceField(
        label="Choose by",
        choices=STRATEGIES,
        help_text="Ties go to whoever had fewest turns, then to who has waited longest.",
    )
    owner_first = forms.BooleanField(
        label="Ask the account's owner first",
        required=False,
        help_text="Where they can answer as soon as anybody of the pool. It takes none of their turns.",
    )
    off_hours = forms.ChoiceField(label="While nobody is at work", choices=OFF_HOURS)
    overflow = forms.ChoiceField(
        label="The other pool", required=False, help_text="Asked too where everybody here is full."
    )
    calendar = forms.ChoiceField(
        label="Hours",
        required=False,
        help_text="For an on-call rota: its people count as at work in these hours, and clocks run by them.",
    )
    absence_turns = IntegerField(
        label="Turns that absence saves up",
        min_value=0,
        max_value=MOST_ABSENCE_TURNS,
        help_text="At most this many in a row for somebody who comes back. 0: none.",
    )
    is_active = forms.BooleanField(label="In use", required=False)

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        pools: Choices,
        calendars: Choices,
        settings: PoolSettings | None = None,
    ) -> None:
        settings = settings or PoolSettings()
        super().__init__(data, initial={name: getattr(settings, name) for name in self.base_fields})
        self._choose("overflow", "None", pools)
        self._choose("calendar", "Each person's own", calendars)

    def _choose(self, name: str, nothing: str, choices: Choices) -> None:
        listed = [("", nothing), *((str(key), label) for key, label in choices)]
        self.fields[name].choices = listed  # type: ignore[attr-defined]

    @property
    def settings(self) -> PoolSettings:
        said = dict(self.cleaned_data)
        for name in ("overflow", "calendar"):
            said[name] = UUID(said[name]) if said[name] else None
        return PoolSettings(**said)
