"""Forms of the routing page. Choices are handed in: one read of people serves every form on the page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django import forms

from routing.settings import FEWEST_BREACHES, LEAST_WEIGHT, MOST_BREACHES, MOST_HOPS, MOST_WEIGHT
from tenants.numbers import IntegerField

NOT_POSSIBLE = {"invalid_choice": "Choose an active person who owns leads."}


def _weight() -> IntegerField:
    return IntegerField(label="Weight", min_value=LEAST_WEIGHT, max_value=MOST_WEIGHT, initial=1)


class WeightForm(forms.Form):
    """The weight of one seat."""

    weight = _weight()


class SeatForm(forms.Form):
    """A new seat in a pool."""

    member = forms.ChoiceField(label="Person", error_messages=NOT_POSSIBLE)
    weight = _weight()

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        people: Iterable[tuple[UUID, str]],
        auto_id: str = "id_%s",
    ) -> None:
        super().__init__(data, auto_id=auto_id)
        self.fields["member"].choices = _choices(people)  # type: ignore[attr-defined]

    def member_id(self) -> UUID:
        return UUID(self.cleaned_data["member"])


class SettingsForm(forms.Form):
    """Who catches the rest, and when."""

    fallback = forms.ChoiceField(
        label="Fallback person",
        error_messages=NOT_POSSIBLE,
        help_text="Hears of every lead that nobody can take, and gets those that moved too often.",
    )
    max_hops = IntegerField(
        label="Moves at most",
        min_value=0,
        max_value=MOST_HOPS,
        help_text="How often a lead may move on before the fallback person gets it. 0: at once.",
    )

    breaches_in_a_row = IntegerField(
        label="Broken promises in a row",
        required=False,
        min_value=FEWEST_BREACHES,
        max_value=MOST_BREACHES,
        help_text="After so many a person is taken off the rotation, until their manager puts them back."
        " Empty: never.",
    )

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        people: Iterable[tuple[UUID, str]],
        initial: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(data, initial=initial)
        self.fields["fallback"].choices = _choices(people)  # type: ignore[attr-defined]

    def fallback_id(self) -> UUID:
        return UUID(self.cleaned_data["fallback"])


def _choices(people: Iterable[tuple[UUID, str]]) -> list[tuple[str, str]]:
    return [("", "Choose a person"), *((str(member_id), name) for member_id, name in people)]
