"""The editor of a draft of the rules: how soon is at work, and one rule that is open."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms

from routing.rules_check import LARGEST_PRIORITY, LONGEST_NAME, MOST_HORIZON, PoolState
from routing.rules_edit import GIVES, Content, Place, horizon_of, is_rest, replace_rule, rule_at
from tenants.numbers import IntegerField

_LARGEST = 2**31 - 1


class DraftForm(forms.Form):
    """A draft with at most one of its rules open. After `is_valid`, `content` is the draft as it was written.

    content: the draft as it stands; place: of the rule that is open; pools: which a rule can choose.
    """

    revision = IntegerField(widget=forms.HiddenInput, min_value=1, max_value=_LARGEST)
    horizon = IntegerField(
        label="Minutes until which somebody counts as at work", min_value=0, max_value=MOST_HORIZON
    )

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        content: Content,
        place: Place | None,
        revision: int,
        pools: Iterable[PoolState],
    ) -> None:
        self.before, self.place = content, place
        self.content: dict[str, Any] = dict(content)
        self.rule = rule_at(content, place) if place else None
        horizon = horizon_of(content)
        super().__init__(data, initial={"revision": revision, "horizon": horizon})
        if place is not None and self.rule is not None:
            self._open(place, self.rule, pools)

    def _open(self, place: Place, rule: Mapping[str, Any], pools: Iterable[PoolState]) -> None:
        self.fields["name"] = forms.CharField(label="Name", max_length=LONGEST_NAME)
        self.initial["name"] = rule.get("name")
        if place.layer == "pools":
            written = str(rule.get("pool") or "")
            self.fields["gives"] = forms.ChoiceField(
                label="Goes to",
                choices=pool_choices(pools, written),
                error_messages={"required": "To which pool? Choose one."},
            )
        else:
            self.fields["gives"] = IntegerField(
                label="Priority",
                min_value=-LARGEST_PRIORITY,
                max_value=LARGEST_PRIORITY,
                help_text="A higher number goes first in Unrouted.",
            )
        self.initial["gives"] = rule.get(GIVES[place.layer])

    @property
    def is_rest(self) -> bool:
        """Whether the open rule is for everyone else."""
        return is_rest(self.rule)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if self.errors:
            return data
        content = dict(self.before)
        if data["horizon"] != horizon_of(content):
            content["horizon_minutes"] = data["horizon"]
        if self.place is not None and self.rule is not None:
            rule = {**self.rule, "name": data["name"], GIVES[self.place.layer]: data["gives"]}
            content = replace_rule(content, self.place, rule)
        self.content = content
        return data


def pool_choices(pools: Iterable[PoolState], written: str) -> list[tuple[str, str]]:
    """Pools by name. One that is off or empty says so; one that is not there stays as it is written."""
    rows = list(pools)
    choices = [("", "Choose a pool"), *((pool.slug, _label(pool)) for pool in rows)]
    if written and written not in {pool.slug for pool in rows}:
        choices.append((written, f"{written} (there is no such pool)"))
    return choices


def _label(pool: PoolState) -> str:
    if not pool.is_active:
        return f"{pool.name} (off)"
    return pool.name if pool.people else f"{pool.name} (nobody in it)"
