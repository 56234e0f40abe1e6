"""The form that starts a policy from a preset: a speed for each tier, how often somebody tries, and how far
back to look at the own history.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms

from sla import presets
from sla.own_history import FEWEST_DAYS, MOST_DAYS, USUAL_DAYS
from sla.presets import Picked
from tenants.numbers import IntegerField


class DaysForm(forms.Form):
    """How far back to look."""

    days = IntegerField(
        label="Days to look back",
        required=False,
        min_value=FEWEST_DAYS,
        max_value=MOST_DAYS,
        initial=USUAL_DAYS,
    )

    @property
    def said(self) -> int:
        """The days that were asked for, else the usual; read it after `is_valid`."""
        return self.cleaned_data.get("days") or USUAL_DAYS


class PresetForm(DaysForm):
    """After `is_valid`, `picked`. seen: which content was shown to whoever sends the form."""

    revision = IntegerField(widget=forms.HiddenInput, required=False, min_value=1)
    seen = forms.CharField(widget=forms.HiddenInput, required=False, max_length=400)
    cadence = forms.ChoiceField(label="Contact attempts", widget=forms.RadioSelect)
    outbound = forms.BooleanField(label="Outbound meetings have a tier of their own", required=False)

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        revision: int | None = None,
        base: Mapping[str, Any],
    ) -> None:
        """base: what the choices would change; a tier of outbound meetings that it has stays as it is."""
        self._has_outbound = presets.outbound_tier_of(base) is not None
        super().__init__(
            data,
            initial={
                "revision": revision,
                "cadence": presets.CADENCES[0].key,
                "outbound": self._has_outbound,
            },
        )
        for tier in presets.TIERS:
            self.fields[f"speed_{tier.slug}"] = forms.ChoiceField(
                label=tier.name,
                widget=forms.RadioSelect,
                choices=[(speed.key, speed.label) for speed in tier.speeds],
                initial=tier.usual.key,
            )
        self.fields["cadence"].choices = [  # type: ignore[attr-defined]
            (each.key, each.label) for each in presets.CADENCES
        ]

    @property
    def tiers(self) -> list[dict[str, Any]]:
        """Each tier with its field and the choices of it: tier, field, choices."""
        return [
            {
                "tier": tier,
                "field": self[f"speed_{tier.slug}"],
                "choices": self._choices(f"speed_{tier.slug}", tier.speeds),
            }
            for tier in presets.TIERS
        ]

    @property
    def cadences(self) -> list[dict[str, Any]]:
        """The choices of how often somebody tries."""
        return self._choices("cadence", presets.CADENCES)

    def _choices(
        self, name: str, choices: Sequence[presets.Speed] | Sequence[presets.Cadence]
    ) -> list[dict[str, Any]]:
        chosen = self[name].value()
        return [{"choice": choice, "chosen": choice.key == chosen} for choice in choices]

    @property
    def picked(self) -> Picked:
        speeds = {tier.slug: self.cleaned_data[f"speed_{tier.slug}"] for tier in presets.TIERS}
        outbound = self.cleaned_data["outbound"]
        keeps = outbound and self._has_outbound
        return presets.pick(speeds, self.cleaned_data["cadence"], outbound=None if keeps else outbound)
