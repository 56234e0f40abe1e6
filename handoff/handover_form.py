"""Forms of the pages about what hands a lead over, and about what is owed at each stage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from django import forms
from django.forms import BoundField

from leads import triggers
from leads.criteria import ENGAGEMENT_KINDS
from leads.incoming import MAX_INTEGER
from leads.lifecycle import Stage
from leads.models import LeadSettings
from leads.owed import AFTER_SQL, ASKING, CUSTOM, MOST_DAYS, SQL, STANDING
from leads.requirements import REQUIRED_FIELDS
from leads.sql_bar import Bar
from tenants.numbers import IntegerField

_TEXT: Final = 4_000


def _lines(text: str) -> list[str]:
    return list(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))


class HandoverForm(forms.Form):
    """What hands a lead over, and who chooses its owner."""

    triggers = forms.MultipleChoiceField(
        label="A lead is handed over when",
        choices=list(triggers.KINDS.items()),
        widget=forms.CheckboxSelectMultiple,
        help_text="One of them is enough. Who never qualifies by the criteria is never handed over, and what"
        " must be known before must be known.",
        error_messages={"required": "Choose at least one: without any no lead would ever reach sales."},
    )
    outside_stages = forms.CharField(
        label="Stages in another system",
        required=False,
        max_length=_TEXT,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="One a line, as that system sends them: MQL. Of one system alone: hubspot:"
        " marketingqualifiedlead.",
    )
    score_from = IntegerField(
        label="Score from", required=False, min_value=-MAX_INTEGER, max_value=MAX_INTEGER
    )
    form_kinds = forms.MultipleChoiceField(
        label="Forms",
        required=False,
        choices=list(ENGAGEMENT_KINDS.items()),
        widget=forms.CheckboxSelectMultiple,
    )
    other_forms = forms.CharField(
        label="Other forms",
        required=False,
        max_length=_TEXT,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Kinds of engagement that you send under a name of your own, one a line.",
    )
    routes = forms.ChoiceField(
        label="Who chooses the owner",
        choices=[
            ("yes", "We do, by the routing rules"),
            (
                "no",
                "The CRM or another router: we follow the owner that it names, and run only the clocks",
            ),
        ],
        widget=forms.RadioSelect,
    )

    @staticmethod
    def values_of(row: LeadSettings, *, routes: bool) -> dict[str, Any]:
        """Initial values of what is chosen now."""
        return {
            "triggers": row.triggers or [triggers.CRITERIA],
            "outside_stages": "\n".join(row.outside_stages),
            "score_from": row.score_from,
            "form_kinds": [kind for kind in row.form_kinds if kind in ENGAGEMENT_KINDS],
            "other_forms": "\n".join(kind for kind in row.form_kinds if kind not in ENGAGEMENT_KINDS),
            "routes": "yes" if routes else "no",
        }

    def wishes(self) -> dict[str, Any]:
        """After is_valid(): as `leads.settings.change_triggers` takes them."""
        said = self.cleaned_data
        return {
            "kinds": said["triggers"],
            "stages": _lines(said["outside_stages"]),
            "score_from": said["score_from"],
            "forms": [*said["form_kinds"], *_lines(said["other_forms"])],
        }


class UpkeepForm(forms.Form):
    """Which fields each stage asks for, and after how many working days a status is stale."""

    def __init__(self, data: Any = None, *, row: LeadSettings, bar: Bar) -> None:
        super().__init__(data)
        self.bar = bar
        for stage in ASKING:
            names = row.owed.get(str(stage), [])
            self._add_stage(stage, names)
        for stage in STANDING:
            self.fields[f"stale_{stage}"] = IntegerField(
                label=stage.label,
                required=False,
                min_value=1,
                max_value=MOST_DAYS,
                initial=row.stale_days.get(str(stage)),
            )

    def _add_stage(self, stage: Stage, names: Sequence[str]) -> None:
        choices = list(REQUIRED_FIELDS.items())
        if stage in AFTER_SQL:
            choices += [(f"{SQL}{each.key}", f"SQL: {each.label}") for each in self.bar.questions]
        known = {value for value, _ in choices}
        # One of a question that the criteria ask no more stays to be taken away.
        choices += [
            (name, f"{name.removeprefix(SQL)} (asked no more)")
            for name in names
            if name.startswith(SQL) and name not in known
        ]
        self.fields[f"owed_{stage}"] = forms.MultipleChoiceField(
            label=f"Before a lead is {stage.label}",
            required=False,
            choices=choices,
            widget=forms.CheckboxSelectMultiple,
            initial=[name for name in names if not name.startswith(CUSTOM)],
        )
        self.fields[f"own_{stage}"] = forms.CharField(
            label="Fields of your own",
            required=False,
            max_length=_TEXT,
            widget=forms.Textarea(attrs={"rows": 2}),
            initial="\n".join(name.removeprefix(CUSTOM) for name in names if name.startswith(CUSTOM)),
            help_text="One a line, as they stand in custom: amount.",
        )

    @property
    def stages(self) -> list[dict[str, Any]]:
        """The stages as the page folds them: fields, and how many are asked for."""
        found = []
        for stage in ASKING:
            fields: tuple[BoundField, BoundField] = (self[f"owed_{stage}"], self[f"own_{stage}"])
            chosen = len(fields[0].value() or []) + len(_lines(fields[1].value() or ""))
            found.append(
                {
                    "label": stage.label,
                    "fields": fields,
                    "count": chosen,
                    "open": self.is_bound and any(field.errors or self._differs(field) for field in fields),
                }
            )
        return found

    def _differs(self, field: BoundField) -> bool:
        """Whether it was sent with something else than is kept: what is not saved must not be folded away."""
        return field.field.has_changed(field.initial, field.data)

    @property
    def stale_fields(self) -> list[BoundField]:
        return [self[f"stale_{stage}"] for stage in STANDING]

    def owed_fields(self) -> dict[str, list[str]]:
        """After is_valid(): fields by stage."""
        return {
            str(stage): [
                *self.cleaned_data[f"owed_{stage}"],
                *(CUSTOM + name for name in _lines(self.cleaned_data[f"own_{stage}"])),
            ]
            for stage in ASKING
        }

    def stale_days(self) -> dict[str, int | None]:
        """After is_valid(): working days by stage."""
        return {str(stage): self.cleaned_data[f"stale_{stage}"] for stage in STANDING}
