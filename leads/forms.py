"""Forms of the qualification page."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from leads.criteria import ENGAGEMENT_KINDS
from leads.defaults import EXCLUSIONS
from leads.incoming import MAX_INTEGER, storable
from leads.list_schema import list_choices
from leads.matching import registrable_domain
from leads.plain import PlainCriteria
from leads.requirements import REQUIRED_FIELDS
from tenants.numbers import IntegerField

MAX_JSON = 200_000
#: Kinds of engagement by which somebody asks for an answer; the others show interest.
INTENT = frozenset(
    {"demo_request", "pricing_page", "contact_form", "trial_started", "email_reply", "live_chat"}
)


def _split(text: str) -> list[str]:
    """Entries that are one a line or parted by commas, each once."""
    entries = (entry.strip() for line in text.splitlines() for entry in line.split(","))
    return list(dict.fromkeys(entry for entry in entries if entry))


class BasedOnForm(forms.Form):
    """Remembers which version the reader saw in force, and which revision of the draft where one was open, so
    that two people do not overwrite each other.
    """

    based_on = IntegerField(min_value=0, max_value=MAX_INTEGER, widget=forms.HiddenInput)
    revision = IntegerField(min_value=1, max_value=MAX_INTEGER, required=False, widget=forms.HiddenInput)


class CriteriaForm(BasedOnForm):
    """What qualifies a lead, in plain fields."""

    intent = forms.MultipleChoiceField(
        label="A lead shows intent by any of",
        choices=list(ENGAGEMENT_KINDS.items()),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one: without intent nothing qualifies."},
    )
    days = IntegerField(label="within the last days", min_value=1, max_value=3_650)
    employees_from = IntegerField(
        label="Employees from",
        min_value=0,
        max_value=MAX_INTEGER,
        required=False,
        help_text="Empty: no lower limit.",
    )
    employees_to = IntegerField(
        label="Employees to",
        min_value=0,
        max_value=MAX_INTEGER,
        required=False,
        help_text="Empty: no upper limit.",
    )
    countries = forms.CharField(
        label="Countries",
        required=False,
        max_length=2_000,
        help_text="By code or name, parted by commas: DE, AT, Switzerland. Empty: every country.",
    )
    exclude_flags = forms.MultipleChoiceField(
        label="Never qualifies",
        choices=list(EXCLUSIONS.items()),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    exclude_domains = forms.CharField(
        label="E-mail domains that never qualify",
        required=False,
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="One a line: rival.com",
    )
    exclude_lists = forms.MultipleChoiceField(
        label="Nobody on these lists qualifies",
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    required = forms.MultipleChoiceField(
        label="Must be known before sales gets the lead",
        choices=list(REQUIRED_FIELDS.items()),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="What lacks one of these waits under “Needs data”.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        lists: Any = self.fields["exclude_lists"]
        lists.choices = list_choices()
        if not lists.choices:
            del self.fields["exclude_lists"]

    @property
    def boxes(self) -> list[dict[str, Any]]:
        """The kinds as two boxes of a page: what shows engagement, and what shows intent."""
        field: Any = self["intent"]
        options = list(field)
        parted: list[list[Any]] = [[], []]
        for option in options:
            parted[option.data["value"] in INTENT].append(option)
        return [
            {"title": "Engagement", "says": "it takes an interest", "options": parted[0]},
            {"title": "Intent", "says": "it wants to talk, or to buy", "options": parted[1]},
        ]

    def clean_countries(self) -> list[str]:
        return _split(self.cleaned_data["countries"])

    def clean_exclude_domains(self) -> list[str]:
        entries = _split(self.cleaned_data["exclude_domains"].lower())
        wrong = [entry for entry in entries if not registrable_domain(entry)]
        if wrong:
            raise ValidationError(f"This is no domain: {wrong[0][:80]}")
        return entries

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        low, high = cleaned.get("employees_from"), cleaned.get("employees_to")
        if low is not None and high is not None and low > high:
            self.add_error("employees_to", "This is smaller than where it begins.")
        return cleaned

    def content(self) -> dict[str, Any]:
        """The content of the version that the form describes; the form is valid."""
        said = self.cleaned_data
        return PlainCriteria(
            intent=tuple(said["intent"]),
            days=said["days"],
            employees_from=said["employees_from"],
            employees_to=said["employees_to"],
            countries=tuple(said["countries"]),
            exclude_flags=tuple(said["exclude_flags"]),
            exclude_domains=tuple(said["exclude_domains"]),
            exclude_lists=tuple(said.get("exclude_lists", ())),
            required=tuple(said["required"]),
        ).content()

    @staticmethod
    def values_of(plain: PlainCriteria) -> dict[str, Any]:
        """The form's initial values."""
        return {
            "intent": list(plain.intent),
            "days": plain.days,
            "employees_from": plain.employees_from,
            "employees_to": plain.employees_to,
            "countries": ", ".join(plain.countries),
            "exclude_flags": list(plain.exclude_flags),
            "exclude_domains": "\n".join(plain.exclude_domains),
            "exclude_lists": list(plain.exclude_lists),
            "required": list(plain.required),
        }


class AdvancedForm(BasedOnForm):
    """The same as JSON, for what the plain fields cannot say."""

    content = forms.CharField(
        label="Criteria as JSON",
        max_length=MAX_JSON,
        widget=forms.Textarea(attrs={"rows": 18, "spellcheck": "false", "class": "sp-code"}),
        help_text="An object with rule, fit, exclude, required, score. How they are written is below.",
    )

    def clean_content(self) -> Any:
        text = self.cleaned_data["content"]
        try:
            content = json.loads(text)
        except json.JSONDecodeError as error:
            raise ValidationError(f"This is no JSON: {error.msg} at line {error.lineno}.") from error
        except (RecursionError, ValueError) as error:
            raise ValidationError("This JSON is nested too deep or has a number that is too long.") from error
        if not storable(json.dumps(content, ensure_ascii=False)) or "\\u0000" in text:
            raise ValidationError("This has a character that cannot be stored.")
        return content
