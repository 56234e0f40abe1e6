"""Forms of the pages: what to replay, which lead to ask about, facts as somebody types them, a test lead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from django import forms

from core.errors import ValidationFailed
from handoff.simulation import typed
from handoff.simulation.cases import GUARDED, LONGEST_NAME
from handoff.simulation.comes import Comes
from handoff.simulation.runs import FEWEST_DAYS, MOST_DAYS
from leads.criteria import ENGAGEMENT_KINDS, FLAGS, SCHEMA
from leads.incoming import MAX_BIG_INTEGER, MAX_INTEGER
from tenants.calendars.words import DAYS
from tenants.numbers import FloatField, IntegerField
from web.numbers import WholeNumberField

Choices = Sequence[tuple[str, str]]
_ROWS: Final = 3  # engagements that an empty form has room for
_DAY: Final = 24 * 60  # minutes
_LABELS: Final = {name: field.label for name, field in SCHEMA.by_name.items()}
_PERSON: Final = (*typed.LEAD_TEXTS, "score", *typed.OUTSIDE_TEXTS)
_ADDRESSES: Final = {"/facts/email": "email", "/facts/account/domain": "account_domain"}
_NAMES: Final = {"email": "E-mail", "first_name": "First name", "last_name": "Last name"}


class RunForm(forms.Form):
    """Which rules to replay over how many days."""

    rules = forms.ChoiceField(label="Rules", choices=[("draft", "The draft"), ("live", "What is in force")])
    days = IntegerField(
        label="Leads of the last … days", min_value=FEWEST_DAYS, max_value=MOST_DAYS, initial=30
    )
    with_history = forms.BooleanField(
        label="Imported leads too",
        required=False,
        help_text="Leads of before you were here: their owners were chosen elsewhere.",
    )

    def __init__(self, *args: Any, has_draft: bool, has_history: bool, **more: Any) -> None:
        super().__init__(*args, **more)
        self.initial.setdefault("rules", "draft" if has_draft else "live")
        if not has_draft:
            rules: Any = self.fields["rules"]
            rules.choices = [("live", "What is in force")]
        if not has_history:
            del self.fields["with_history"]


class MomentField(forms.DateTimeField):
    """A minute, in the zone in which the reader reads times."""

    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")

    def __init__(self, **more: Any) -> None:
        super().__init__(input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"], **more)

    def to_python(self, value: Any) -> datetime | None:
        found = super().to_python(value)
        if found is not None and not 2000 <= found.year <= 2100:
            raise forms.ValidationError("A year from 2000 to 2100.")
        return found


class LeadForm(forms.Form):
    """A lead that is there, and when it comes."""

    lead = forms.CharField(label="Lead", max_length=254, help_text="Its e-mail, id, name or company.")
    at = MomentField(label="Comes at", required=False, help_text="Now, unless you say so.")


def _text(label: str, limit: int) -> forms.CharField:
    return forms.CharField(label=label, max_length=limit, required=False)


class FactsForm(forms.Form):
    """Facts of a lead as somebody types them. `typed_facts` after `is_valid`; see `typed` for the shape."""

    def __init__(self, data: Any = None, *, facts: Mapping[str, Any] | None = None, owners: Choices) -> None:
        facts = facts or {}
        sent = sum(1 for name in data if name.startswith("kind_")) if data is not None else 0
        given = list(facts.get("engagements") or ())
        self.rows = min(typed.MOST_ENGAGEMENTS, max(_ROWS, sent, len(given) + 1))
        super().__init__(data, initial=_initial(facts, given))
        for name, limit in typed.LEAD_TEXTS.items():
            self.fields[name] = _text(_NAMES.get(name) or _LABELS[f"lead.{name}"], limit)
        self.fields["stage"] = _text("Stage in another system", typed.OUTSIDE_TEXTS["stage"])
        self.fields["system"] = _text("Which system", typed.OUTSIDE_TEXTS["system"])
        self.fields["score"] = IntegerField(
            label="Score", required=False, min_value=-MAX_INTEGER, max_value=MAX_INTEGER
        )
        for name, limit in typed.ACCOUNT_TEXTS.items():
            self.fields[f"account_{name}"] = _text(_LABELS[f"account.{name}"], limit)
        for name, most in (("employees", MAX_INTEGER), ("revenue", MAX_BIG_INTEGER)):
            self.fields[f"account_{name}"] = WholeNumberField(
                label=_LABELS[f"account.{name}"], required=False, min_value=0, max_value=most
            )
        for flag in FLAGS:
            self.fields[f"account_{flag}"] = forms.BooleanField(
                label=_LABELS[f"account.{flag}"], required=False
            )
        self.fields["account_owner"] = forms.ChoiceField(
            label="Account's owner", required=False, choices=[("", "Nobody"), *owners]
        )
        kinds = [("", "Nothing"), *ENGAGEMENT_KINDS.items()]
        known = {kind for kind, _ in kinds}
        for row in range(self.rows):
            kind = given[row]["kind"] if row < len(given) else ""
            sent_kind = data.get(f"kind_{row}", "") if data is not None else ""
            others = [(each, each) for each in (kind, sent_kind) if each and each not in known][:1]
            self.fields[f"kind_{row}"] = forms.ChoiceField(
                label="Did", required=False, choices=[*kinds, *others]
            )
            self.fields[f"subject_{row}"] = _text("About", typed.SUBJECT_LIMIT)
            self.fields[f"days_{row}"] = FloatField(
                label="Days ago", required=False, min_value=0, max_value=typed.LONGEST_AGO / _DAY
            )

    @property
    def person_fields(self) -> list[Any]:
        """What is said of the person."""
        return [self[name] for name in _PERSON]

    @property
    def account_fields(self) -> list[Any]:
        names = (*typed.ACCOUNT_TEXTS, *typed.ACCOUNT_NUMBERS, "owner")
        return [self[f"account_{name}"] for name in names]

    @property
    def flag_fields(self) -> list[Any]:
        return [self[f"account_{flag}"] for flag in FLAGS]

    @property
    def engagement_rows(self) -> list[list[Any]]:
        return [[self[f"{name}_{row}"] for name in ("kind", "days", "subject")] for row in range(self.rows)]

    def clean(self) -> dict[str, Any]:
        """An address that cannot be is refused beside its field."""
        said = super().clean() or self.cleaned_data
        account = {"domain": said.get("account_domain")}
        try:
            typed.check_addresses({"email": said.get("email"), "account": account})
        except ValidationFailed as refusal:
            for error in refusal.field_errors:
                self.add_error(_ADDRESSES[error.path], error.message)
        return said

    def typed_facts(self) -> dict[str, Any]:
        """What was typed, without what is empty."""
        said = self.cleaned_data
        account = {
            name: said[f"account_{name}"] for name in (*typed.ACCOUNT_TEXTS, *typed.ACCOUNT_NUMBERS, "owner")
        }
        account |= {flag: True for flag in FLAGS if said[f"account_{flag}"]}
        did = [
            {
                "kind": said[f"kind_{row}"],
                "subject": said[f"subject_{row}"],
                "minutes_ago": round((said[f"days_{row}"] or 0) * _DAY),
            }
            for row in range(self.rows)
            if said[f"kind_{row}"]
        ]
        person = {name: said[name] for name in _PERSON}
        return typed.tidy({**person, "account": account, "engagements": did})


def _initial(facts: Mapping[str, Any], did: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    found = {name: facts.get(name) for name in _PERSON}
    found |= {f"account_{name}": value for name, value in (facts.get("account") or {}).items()}
    for row, each in enumerate(did):
        days = round((each.get("minutes_ago") or 0) / _DAY, 6)
        found |= {
            f"kind_{row}": each["kind"],
            f"subject_{row}": each.get("subject") or "",
            f"days_{row}": int(days) if days.is_integer() else days,
        }
    return found


class TypedLeadForm(FactsForm):
    """A typed lead, and when it comes."""

    at = MomentField(label="Comes at", required=False, help_text="Now, unless you say so.")


class CaseForm(FactsForm):
    """A test lead: a name, facts, and what is expected. `expects` after `is_valid`."""

    name = forms.CharField(label="Name", max_length=LONGEST_NAME)
    comes_on = forms.ChoiceField(
        label="Comes on",
        choices=list(DAYS.items()),
        required=False,
        help_text="It always comes at this moment of the week, whenever it is tried.",
    )
    comes_at = forms.TimeField(
        label="Comes at",
        input_formats=["%H:%M", "%H:%M:%S"],
        required=False,
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
        help_text="Where the organisation is.",
    )
    expect_qualifies = forms.ChoiceField(
        label="Qualifies", required=False, choices=[("", "Whatever"), ("yes", "Yes"), ("no", "No")]
    )
    expect_tier = forms.ChoiceField(label="Tier", required=False)
    expect_pool = forms.ChoiceField(label="Pool", required=False)
    expect_person = forms.ChoiceField(
        label="Person",
        required=False,
        help_text="Turns change with each lead: expect one where an account or a pool of one names them.",
    )
    revision = IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(
        self,
        data: Any = None,
        *,
        facts: Mapping[str, Any] | None = None,
        owners: Choices,
        tiers: Choices,
        pools: Choices,
        name: str = "",
        comes: Comes | None = None,
        expects: Mapping[str, Any] | None = None,
        revision: int | None = None,
    ) -> None:
        super().__init__(data, facts=facts, owners=owners)
        expects = expects or {}
        for field, choices in (("tier", tiers), ("pool", pools), ("person", owners)):
            chosen: Any = self.fields[f"expect_{field}"]
            chosen.choices = [("", "Whatever"), *choices]
            now = expects.get(field)
            if now and now not in dict(choices):
                chosen.choices += [(now, f"{now}, which is gone")]
            self.initial[f"expect_{field}"] = now or ""
        if "qualifies" in expects:
            self.initial["expect_qualifies"] = "yes" if expects["qualifies"] else "no"
        self.initial["name"], self.initial["revision"] = name, revision
        self.initial["comes_on"], self.initial["comes_at"] = comes or Comes()
        # What is asked last stands where it was declared first: the page places each by name.

    def comes(self) -> Comes:
        """When it comes; what is left empty stays as it is."""
        day, at = self.cleaned_data["comes_on"], self.cleaned_data["comes_at"]
        return Comes(
            day or self.initial["comes_on"], f"{at:%H:%M}" if at is not None else self.initial["comes_at"]
        )

    def expects(self) -> dict[str, Any]:
        said = self.cleaned_data
        found: dict[str, Any] = {
            name: said[f"expect_{name}"] for name in ("tier", "pool", "person") if said[f"expect_{name}"]
        }
        if said["expect_qualifies"]:
            found["qualifies"] = said["expect_qualifies"] == "yes"
        return found


class GateForm(forms.Form):
    """What the test leads guard."""

    kinds = forms.MultipleChoiceField(
        label="Must pass before these may be published",
        choices=[(kind, title.capitalize()) for kind, title in GUARDED.items()],
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Nothing is guarded unless you choose so. Earlier versions may be used again in any case.",
    )
