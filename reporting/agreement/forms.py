"""What is written on the page of the agreement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django import forms

from reporting.agreement.models import AgreementSettings, Side
from reporting.agreement.selectors import SIGNING_ROLES
from reporting.agreement.services import MOST_FREEZE_DAYS, NOTE_LIMIT
from tenants.models import Member
from tenants.numbers import IntegerField

_LARGEST = 2**31 - 1
_UNKNOWN = {"invalid_choice": "Choose active people of the organisation."}


class SignForm(forms.Form):
    """seen: the terms as they were shown, sealed."""

    side = forms.ChoiceField(choices=Side.choices)
    seen = forms.CharField(widget=forms.HiddenInput)


class ReadForm(forms.Form):
    agreement = forms.UUIDField()


class OverrideForm(forms.Form):
    side = forms.ChoiceField(choices=Side.choices)
    kind = forms.CharField(max_length=20)
    version = forms.UUIDField()
    revision = IntegerField(min_value=1, max_value=_LARGEST)
    reason = forms.CharField(max_length=NOTE_LIMIT, error_messages={"required": "Say why it cannot wait."})


class RecalibrateForm(forms.Form):
    """do: "draft" puts the proposals into a draft, "keep" writes down that all stays. revision: of the open
    draft of the policy that was shown, blank for none; unit_revisions: of those of business units, as
    "cloud:3 data:1"."""

    do = forms.ChoiceField(choices=[("draft", "draft"), ("keep", "keep")])
    revision = IntegerField(required=False, max_value=_LARGEST)
    unit_revisions = forms.RegexField(r"^[a-z0-9_-]+:[0-9]{1,9}( [a-z0-9_-]+:[0-9]{1,9})*$", required=False)
    note = forms.CharField(max_length=NOTE_LIMIT, required=False)

    @property
    def revisions(self) -> dict[str, int]:
        """By the slug of the unit, "" of the main policy."""
        said = self.cleaned_data
        named = (each.partition(":") for each in said["unit_revisions"].split())
        found = {slug: int(number) for slug, _, number in named}
        return found | ({"": said["revision"]} if said["revision"] is not None else {})


class SettingsForm(forms.Form):
    freeze_days = IntegerField(
        label="Frozen for (days)",
        min_value=0,
        max_value=MOST_FREEZE_DAYS,
        help_text="After both have signed. 0: never.",
    )
    review_day = IntegerField(
        label="Monthly review on day", min_value=1, max_value=28, help_text="1 to 28: every month has it."
    )
    marketing_signers = forms.MultipleChoiceField(
        label="Who must sign for marketing",
        required=False,
        error_messages=_UNKNOWN,
        help_text="Nobody chosen: any one of marketing, an executive or an admin.",
        widget=forms.CheckboxSelectMultiple,
    )
    sales_signers = forms.MultipleChoiceField(
        label="Who must sign for sales",
        required=False,
        error_messages=_UNKNOWN,
        help_text="Nobody chosen: any one manager, executive or admin.",
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, data: Any, *, setting: AgreementSettings, people: Sequence[Member]) -> None:
        initial = {
            "freeze_days": setting.freeze_days,
            "review_day": setting.review_day,
            "marketing_signers": [str(each) for each in setting.marketing_signers],
            "sales_signers": [str(each) for each in setting.sales_signers],
        }
        super().__init__(data, initial=initial)
        for side, name in ((Side.MARKETING, "marketing_signers"), (Side.SALES, "sales_signers")):
            kept = set(getattr(setting, name))
            field: Any = self.fields[name]
            field.choices = [
                (str(each.id), each.name if each.is_active else f"{each.name} (left)")
                for each in people
                if each.id in kept or (each.is_active and each.role in SIGNING_ROLES[side])
            ]

    @property
    def said(self) -> dict[str, Any]:
        """What the service takes."""
        data = self.cleaned_data
        named = {name: [UUID(each) for each in data[name]] for name in ("marketing_signers", "sales_signers")}
        return {"freeze_days": data["freeze_days"], "review_day": data["review_day"], **named}
