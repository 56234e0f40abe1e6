"""What is chosen when a version is put in force: at once, or from when on."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.utils import timezone

from tenants.numbers import IntegerField

_FORM = "%Y-%m-%dT%H:%M"
_LARGEST = 2**31 - 1


class _HouseTimeField(forms.DateTimeField):
    """A local time of the organisation, whatever zone its reader lives in. An hour that the clock change
    leaves out, or gives twice, is refused.
    """

    zone = ZoneInfo("UTC")

    def to_python(self, value: Any) -> datetime | None:
        with timezone.override(self.zone):
            return super().to_python(value)


class PublishForm(forms.Form):
    """`revision` and `against` are what the reader was shown; `beside` says that they know of the scheduled
    version of that number.
    """

    revision = IntegerField(required=False, max_value=_LARGEST, widget=forms.HiddenInput)
    against = IntegerField(required=False, max_value=_LARGEST, widget=forms.HiddenInput)
    when = forms.ChoiceField(
        label="From when on",
        choices=[("now", "At once"), ("later", "From a later moment on")],
        required=False,
        widget=forms.RadioSelect,
    )
    effective_at = _HouseTimeField(
        label="Day and time",
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format=_FORM),
        input_formats=[_FORM, f"{_FORM}:%S"],
    )
    beside = IntegerField(required=False, max_value=_LARGEST)

    def __init__(self, *args: Any, zone: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["effective_at"]
        field.zone = ZoneInfo(zone)
        field.help_text = f"In the organisation's time, {zone}. At most 400 days ahead."

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        later = data.get("when") == "later"
        if later and data.get("effective_at") is None and "effective_at" not in self.errors:
            self.add_error("effective_at", "From when on? Choose a day and a time.")
        if not later:
            data["effective_at"] = None
        return data

    def options(self) -> dict[str, Any]:
        """What the kind is to do when it comes into force."""
        return {}

    def wishes(self) -> dict[str, Any]:
        """As `tenants.versions.publish` takes them."""
        data = self.cleaned_data
        return {
            "against": data["against"] or 0,
            "effective_at": data["effective_at"],
            "beside": data["beside"],
            "options": self.options(),
        }
