"""What must be known before a handoff, in the draft of the criteria as a form: by everybody, by tier, what
counts as missing, and the hold for enrichment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django import forms
from django.forms import BoundField
from django.http import QueryDict

from leads.quality import CHECKS
from leads.requirements import LONGEST_SLUG, MOST_HOLD_MINUTES, REQUIRED_FIELDS, required_labels
from leads.tiers import tiers_in_force
from tenants.numbers import IntegerField

_TIER: Final = "tier:"  # and the slug: the control of a tier
_BOXES: Final = forms.CheckboxSelectMultiple
_NO_FIELDS: Final = "Choose what enrichment brings, or leave the minutes empty."
_NO_MINUTES: Final = "Say for how many minutes at most, or choose no field."


class RequirementsForm(forms.Form):
    """The requirements of a content; unbound by `of`, bound as a page sent them."""

    required = forms.MultipleChoiceField(
        label="Must be known before sales gets the lead",
        choices=list(REQUIRED_FIELDS.items()),
        required=False,
        widget=_BOXES,
        help_text="What lacks one of these waits under “Needs data”.",
    )
    valid = forms.MultipleChoiceField(
        label="Counts as missing unless",
        choices=[(code, check.label) for code, check in CHECKS.items()],
        required=False,
        widget=_BOXES,
        help_text="Of what must be known. Without a choice any value will do.",
    )
    hold_minutes = IntegerField(
        label="Hold for at most so many minutes",
        min_value=1,
        max_value=MOST_HOLD_MINUTES,
        required=False,
        help_text="Empty: nobody is held. The clocks start at the handoff, after the hold.",
    )
    hold_fields = forms.MultipleChoiceField(
        label="while one of these is missing",
        choices=list(REQUIRED_FIELDS.items()),
        required=False,
        widget=_BOXES,
    )

    def __init__(self, data: QueryDict | None = None, *, named: Sequence[str] = (), **more: Any) -> None:
        """named: slugs of tiers that the content names."""
        super().__init__(data, **more)
        self._slugs: list[str] = []
        known = dict(tiers_in_force())
        sent = [key.removeprefix(_TIER) for key in data if key.startswith(_TIER)] if data is not None else []
        gone = [slug for slug in dict.fromkeys((*named, *sent)) if slug not in known]
        for slug in (*known, *gone):
            if not 0 < len(slug) <= LONGEST_SLUG:
                continue
            self._slugs.append(slug)
            is_gone = slug not in known
            self.fields[_TIER + slug] = forms.MultipleChoiceField(
                label=f"{slug} (no policy in force has this tier)" if is_gone else known[slug],
                choices=list(REQUIRED_FIELDS.items()),
                required=False,
                widget=_BOXES,
            )

    @classmethod
    def initial_of(cls, content: Mapping[str, Any]) -> dict[str, Any]:
        """The values of a content; what a call wrote in no form at all is left out."""
        hold = content.get("hold")
        hold = hold if isinstance(hold, Mapping) else {}
        tiers = content.get("required_by_tier")
        return {
            "required": _names(content.get("required")),
            "valid": _names(content.get("valid")),
            "hold_minutes": hold.get("minutes"),
            "hold_fields": _names(hold.get("fields")),
            **{
                _TIER + str(slug): _names(names)
                for slug, names in (tiers.items() if isinstance(tiers, Mapping) else ())
            },
        }

    @property
    def tiers(self) -> list[tuple[BoundField, str]]:
        """The control of each tier, and what is chosen there in words."""
        return [
            (self[_TIER + slug], ", ".join(required_labels(self._said(_TIER + slug)))) for slug in self._slugs
        ]

    @property
    def uses(self) -> dict[str, bool]:
        """Which of the folded parts say something."""
        return {
            "valid": bool(self._said("valid")) or "valid" in self.errors,
            "tiers": any(self._said(_TIER + slug) for slug in self._slugs),
            "hold": bool(self._said("hold_minutes") or self._said("hold_fields")),
        }

    def _said(self, name: str) -> Any:
        """What a control holds, as it was sent or is shown at first."""
        if isinstance(self.data, QueryDict) and self.is_bound:
            many = isinstance(self.fields[name], forms.MultipleChoiceField)
            return self.data.getlist(name) if many else self.data.get(name, "").strip()
        return self.initial.get(name) or []

    @property
    def content(self) -> dict[str, Any]:
        """These parts of the content, as far as they are some; what says nothing is left out."""
        found: dict[str, Any] = {"required": list(self._said("required"))}
        tiers = {slug: list(names) for slug in self._slugs if (names := self._said(_TIER + slug))}
        if tiers:
            found["required_by_tier"] = tiers
        if valid := self._said("valid"):
            found["valid"] = list(valid)
        minutes, fields = self._said("hold_minutes"), self._said("hold_fields")
        if minutes or fields:
            found["hold"] = {"fields": list(fields), "minutes": _whole(minutes)}
        return found

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        minutes, fields = cleaned.get("hold_minutes"), cleaned.get("hold_fields")
        if minutes and not fields and "hold_fields" not in self.errors:
            self.add_error("hold_fields", _NO_FIELDS)
        if fields and not minutes and "hold_minutes" not in self.errors:
            self.add_error("hold_minutes", _NO_MINUTES)
        return cleaned

    def problems(self) -> list[tuple[str, str, str]]:
        """(place on the page, its name, what is wrong) of everything that is."""
        found = []
        for name, errors in self.errors.items():
            place = "tiers" if name.startswith(_TIER) else name.partition("_")[0]
            place = place if place in ("tiers", "valid", "hold") else "required"
            label = self.fields[name].label if name in self.fields else "Must be known"
            found += [(place, str(label), str(error)) for error in errors]
        return found


def _names(listed: object) -> list[str]:
    return [each for each in listed if isinstance(each, str)] if isinstance(listed, list) else []


def _whole(text: Any) -> Any:
    """The number that was typed; the text where it is none."""
    plain = str(text)
    return int(plain) if plain.isascii() and plain.isdecimal() and len(plain) < 10 else text
