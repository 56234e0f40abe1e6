"""The editor of a policy draft: one tier in sentences, the ladder, and what counts.

The fields of targets and actions are made from the constants of `sla.tiers`; what a draft says beyond them is
kept as it is.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from django import forms

from core.rules import validate
from leads.criteria import ENGAGEMENT_KINDS, SCHEMA
from leads.defaults import engaged
from sla import targets, words
from sla.defaults import DEFAULT_POLICY
from sla.policy_edit import listed, pauses_of, replace_tier, simple_condition, steps_of
from sla.targets import STAGE_TARGETS, Target
from sla.tiers import (
    ACTIONS,
    BACKUP,
    LARGEST,
    MOST_ATTEMPTS,
    MOST_PERCENT,
    MOST_STEPS,
    RESPONSES,
    TARGETS,
    UNITS,
)
from tenants.models import Member
from tenants.numbers import IntegerField

_UNIT_LABELS: Final = {
    "seconds": "seconds",
    "minutes": "minutes",
    "hours": "hours",
    "business_days": "business days",
    "end_of_day": "business days, by closing time",
}
_NUMBER_ERRORS: Final = {
    "invalid": "Write a whole number.",
    "min_value": "Write %(limit_value)s or more.",
    "max_value": "Write %(limit_value)s or less.",
}
_CLOCKS: Final = (("business", "working time"), ("wall", "clock time"))
_AS_WRITTEN: Final = "as written under Advanced"
#: Where a step stands: at a share of the time, or so long after the deadline.
_PLACES: Final = {
    "percent": "% of the time",
    "minutes": "minutes after the deadline",
    "hours": "hours after the deadline",
    "business_days": "business days after the deadline",
}
#: Targets that a new organisation sees; the others are there for whoever looks for them.
_FIRST: Final = 2
_PAUSE_UNITS: Final = ("hours", "minutes", "business_days")
_PAUSERS: Final = {"rep": "the lead's owner", "manager": "the manager"}
_NEXT: Final = (("", "the next in the pool"), (BACKUP, "the backup of the team"))
_WINDOW_UNITS: Final = {"minutes": "minutes", "hours": "hours"}
MOST_DAYS: Final = 3_650


class PolicyForm(forms.Form):
    """A draft with one of its tiers open. After `is_valid`, `content` is the draft as it was written.

    content: the draft as it stands; tier: the one that is open; people: whom steps can name.
    """

    revision = IntegerField(widget=forms.HiddenInput, min_value=1)
    steps = IntegerField(widget=forms.HiddenInput, min_value=0, max_value=MOST_STEPS)
    name = forms.CharField(label="Name", max_length=80)
    kind = forms.ChoiceField(label="Engaged with", required=False)
    days = IntegerField(label="Within days", required=False, min_value=1, max_value=MOST_DAYS, initial=30)
    when = forms.CharField(
        label="Condition as a rule",
        required=False,
        max_length=40_000,
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false"}),
        help_text="JSON, as the rules of the API are written. Changed here, it goes before the sentence.",
    )
    when_was = forms.CharField(widget=forms.HiddenInput, required=False, max_length=40_000)
    new_pause = forms.CharField(label="Another reason", required=False, max_length=80)
    new_target = forms.ChoiceField(label="Another promise", required=False)
    new_tier = forms.CharField(label="Name of the new tier", required=False, max_length=80)
    responses = forms.MultipleChoiceField(
        label="A first touch is",
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one: else no touch would ever stop the clock."},
    )
    on_reassign = forms.ChoiceField(
        label="When a lead moves, its new owner",
        widget=forms.RadioSelect,
        choices=[
            ("restart", "gets the full time again"),
            ("continue", "has the time that is left; after a breach the time starts anew"),
            ("window", "has a time of its own, where that is shorter:"),
        ],
    )
    window_amount = IntegerField(label="Time of a new owner", required=False, min_value=1)
    window_unit = forms.ChoiceField(
        label="Time of a new owner: unit", required=False, choices=list(_WINDOW_UNITS.items())
    )

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        content: Mapping[str, Any],
        tier: Mapping[str, Any],
        revision: int,
        people: Sequence[Member],
        lead_owners: Collection[UUID],
    ) -> None:
        self._before, self._tier = content, tier
        self._people = [(str(person.id), person.name) for person in people]
        self._owners = [(str(person.id), person.name) for person in people if person.id in lead_owners]
        self.is_default = tier.get("when") is None
        self.content: dict[str, Any] = dict(content)
        initial = {
            "revision": revision,
            "steps": len(steps_of(content)),
            "responses": content.get("responses"),
            **_shown_on_reassign(content.get("on_reassign", "restart")),
            **self._tier_initial(tier),
        }
        super().__init__(data, initial=initial)
        if self.is_default:
            for name in ("kind", "days", "when", "when_was"):
                del self.fields[name]
        else:
            self.fields["kind"].choices = self._kinds()  # type: ignore[attr-defined]
        self.fields["responses"].choices = [  # type: ignore[attr-defined]
            (kind, words.response_word(kind)) for kind in RESPONSES
        ]
        written = [each.get("target") for each in listed(tier.get("targets")) if isinstance(each, dict)]
        self._shown = [*Target.values, *(target for target in STAGE_TARGETS if target in written)]
        for target in self._shown:
            self._add_target(target)
        others = [(name, targets.label(name)) for name in STAGE_TARGETS if name not in self._shown]
        self.fields["new_target"].choices = [("", "choose"), *others]  # type: ignore[attr-defined]
        for index in range(self._step_count()):
            self._add_step(index)
        self._pauses = pauses_of(content)
        for index, rule in enumerate(self._pauses):
            self._add_pause(index, rule)
        for field in self.fields.values():
            if isinstance(field, forms.IntegerField):
                field.error_messages.update(_NUMBER_ERRORS)

    # --- What it shows ---

    def _tier_initial(self, tier: Mapping[str, Any]) -> dict[str, Any]:
        when = tier.get("when")
        kind, days = simple_condition(when) or ("", 30)
        rule = json.dumps(when, indent=2, ensure_ascii=False)
        return {"name": tier.get("name"), "kind": kind, "days": days, "when": rule, "when_was": rule}

    def _kinds(self) -> list[tuple[str, str]]:
        labels = dict(ENGAGEMENT_KINDS)
        kind = (simple_condition(self._tier.get("when")) or ("",))[0]
        if kind and kind not in labels:
            labels[kind] = kind
        named = [(name, words.lower_first(label)) for name, label in labels.items()]
        return named if kind else [("", _AS_WRITTEN), *named]

    def _add_target(self, target: str) -> None:
        written = self._written_target(target)
        label = targets.label(target)
        unit, amount = _shown(written.get("duration") if written else None)
        units = [name for name in _units() if name != "seconds" or unit == "seconds"]
        self.fields[f"{target}_on"] = forms.BooleanField(label=label, required=False)
        self.fields[f"{target}_amount"] = IntegerField(
            label=f"{label}: within", required=False, min_value=0, max_value=max(LARGEST.values())
        )
        self.fields[f"{target}_unit"] = forms.ChoiceField(
            label=f"{label}: unit", choices=[(name, _UNIT_LABELS.get(name, name)) for name in units]
        )
        self.fields[f"{target}_clock"] = forms.ChoiceField(label=f"{label}: counted in", choices=_CLOCKS)
        if target == Target.ATTEMPTS:
            self._add_counts(written or {})
        if target == Target.NURTURE:
            self.fields["nurture_count"] = IntegerField(
                label="Nurture sequence: how many messages",
                required=False,
                min_value=1,
                max_value=MOST_ATTEMPTS,
            )
            self.initial["nurture_count"] = (written or {}).get("count")
        self.initial.update(
            {
                f"{target}_on": written is not None,
                f"{target}_amount": amount,
                f"{target}_unit": unit,
                f"{target}_clock": written.get("clock", "business") if written else "business",
            }
        )

    def _add_counts(self, written: Mapping[str, Any]) -> None:
        self.fields["attempts_count"] = IntegerField(
            label="Contact attempts: how many", required=False, min_value=1, max_value=MOST_ATTEMPTS
        )
        self.fields["attempts_channels"] = IntegerField(
            label="Contact attempts: over how many channels",
            required=False,
            min_value=1,
            max_value=len(RESPONSES),
        )
        self.initial["attempts_count"] = written.get("count")
        self.initial["attempts_channels"] = written.get("channels", 1)

    def _written_target(self, target: str) -> Mapping[str, Any] | None:
        for each in listed(self._tier.get("targets")):
            if isinstance(each, dict) and each.get("target") == target:
                return each
        return None

    def _step_count(self) -> int:
        if not self.is_bound:
            return int(self.initial["steps"])
        text = str(self.data.get("steps", ""))
        return min(int(text), MOST_STEPS) if text.isascii() and text.isdigit() and len(text) < 4 else 0

    def _add_step(self, index: int) -> None:
        step = self._written_step(index)
        label = f"Step {index + 1}"
        place, amount = _shown_place(step)
        units = dict(_PLACES) if place in _PLACES else {**_PLACES, place: _AS_WRITTEN}
        self.fields[f"step_{index}_at"] = IntegerField(
            label=f"{label}: when", min_value=1, max_value=LARGEST["minutes"]
        )
        self.fields[f"step_{index}_place"] = forms.ChoiceField(
            label=f"{label}: counted in", choices=list(units.items())
        )
        self.fields[f"step_{index}_do"] = forms.MultipleChoiceField(
            label=f"{label}: what happens",
            required=False,
            widget=forms.CheckboxSelectMultiple,
            choices=[(action, words.order_words(action)) for action in ACTIONS],
        )
        acts = _acts_of(step)
        told, given = acts.get("tell_person", ""), acts.get("reassign", "")
        self.fields[f"step_{index}_person"] = forms.ChoiceField(
            label=f"{label}: whom to tell by name",
            required=False,
            choices=[("", "nobody chosen"), *_with(self._people, told, "somebody who is not active")],
        )
        self.fields[f"step_{index}_to"] = forms.ChoiceField(
            label=f"{label}: to whom the lead moves",
            required=False,
            choices=[*_NEXT, *_with(self._owners, given, "somebody who takes no leads")],
        )
        self.initial.update(
            {
                f"step_{index}_at": amount,
                f"step_{index}_place": place,
                f"step_{index}_do": list(acts),
                f"step_{index}_person": told,
                f"step_{index}_to": given,
            }
        )

    def _written_step(self, index: int) -> dict[str, Any]:
        steps = steps_of(self._before)
        return steps[index] if index < len(steps) else {}

    @property
    def targets(self) -> list[dict[str, Any]]:
        """The sentence of each target: label, on, amount, unit, clock, whether that is another than working
        time, and what is wrong with it; of attempts also count and channels.
        """
        parts = ("on", "amount", "unit", "clock")
        return [
            {
                "label": targets.label(target),
                "errors": [
                    error
                    for part in (*parts, "count", "channels")
                    if f"{target}_{part}" in self.fields
                    for error in self[f"{target}_{part}"].errors
                ],
                **{part: self[f"{target}_{part}"] for part in parts},
                "other_clock": self[f"{target}_clock"].value() != "business",
                **self._counts(target),
            }
            for target in self._shown
        ]

    @property
    def first_targets(self) -> list[dict[str, Any]]:
        """What every tier promises: the first touch and the decision."""
        return self.targets[:_FIRST]

    @property
    def later_targets(self) -> list[dict[str, Any]]:
        """What a tier may promise besides."""
        return self.targets[_FIRST:]

    @property
    def promises_more(self) -> bool:
        """Whether something besides is promised, or was meant to be."""
        return any(each["on"].value() or each["errors"] for each in self.later_targets)

    def _counts(self, target: str) -> dict[str, Any]:
        parts = ("count", "channels")
        return {
            part: self[f"{target}_{part}"]
            for part in parts
            if target in (Target.ATTEMPTS, Target.NURTURE) and f"{target}_{part}" in self.fields
        }

    @property
    def ladder(self) -> list[dict[str, Any]]:
        """The sentence of each step: index, at, place (of what), do (what happens), person, to (whom), and
        whether it names somebody.
        """
        parts = ("at", "place", "do", "person", "to")
        return [
            {
                "index": index,
                **{part: self[f"step_{index}_{part}"] for part in parts},
                "names_somebody": any(
                    self[f"step_{index}_{part}"].value() or self[f"step_{index}_{part}"].errors
                    for part in ("person", "to")
                ),
            }
            for index in range(self._step_count())
        ]

    @property
    def ladder_is_used(self) -> bool:
        """Whether somebody wrote another ladder than every organisation starts with, or tried to."""
        return self._has_errors("step_") or steps_of(self._before) != DEFAULT_POLICY["ladder"]

    @property
    def pauses_are_used(self) -> bool:
        """The same of the reasons to pause; where there are none, none is used."""
        return self._has_errors("pause_", "new_pause") or self._pauses not in ([], DEFAULT_POLICY["pauses"])

    def _has_errors(self, *beginnings: str) -> bool:
        return any(name.startswith(beginnings) for name in self.errors)

    def _add_pause(self, index: int, rule: Mapping[str, Any]) -> None:
        label = f"Reason {index + 1}"
        unit, amount = _shown(rule.get("at_most"))
        self.fields[f"pause_{index}_name"] = forms.CharField(label=f"{label}: name", max_length=80)
        self.fields[f"pause_{index}_amount"] = IntegerField(
            label=f"{label}: for at most", min_value=1, max_value=LARGEST["minutes"]
        )
        self.fields[f"pause_{index}_unit"] = forms.ChoiceField(
            label=f"{label}: unit", choices=[(name, _UNIT_LABELS[name]) for name in _PAUSE_UNITS]
        )
        self.fields[f"pause_{index}_who"] = forms.MultipleChoiceField(
            label=f"{label}: who may say so",
            widget=forms.CheckboxSelectMultiple,
            choices=list(_PAUSERS.items()),
            error_messages={"required": "Who may? Choose at least one."},
        )
        self.initial.update(
            {
                f"pause_{index}_name": rule.get("name"),
                f"pause_{index}_amount": amount,
                f"pause_{index}_unit": unit,
                f"pause_{index}_who": rule.get("who"),
            }
        )

    @property
    def pauses(self) -> list[dict[str, Any]]:
        """The sentence of each reason to pause: index, name, amount, unit, who."""
        parts = ("name", "amount", "unit", "who")
        return [
            {"index": index, **{part: self[f"pause_{index}_{part}"] for part in parts}}
            for index in range(len(self._pauses))
        ]

    # --- What was written ---

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        promised = [self._read_target(target, data) for target in self._shown]
        when = None if self.is_default else self._read_condition(data)
        on_reassign = self._read_on_reassign(data)
        steps = [self._read_step(index, data) for index in range(self._step_count())]
        if self.errors:
            return data
        known = [target for target in promised if target]
        others = [each for each in listed(self._tier.get("targets")) if not _is_known(each)]
        tier = {**self._tier, "name": data["name"], "when": when, "targets": [*known, *others]}
        self.content = replace_tier(self._before, str(self._tier.get("slug")), tier)
        self.content["ladder"] = sorted(steps, key=_place_of)
        if self._pauses:
            self.content["pauses"] = [self._read_pause(index, data) for index in range(len(self._pauses))]
        self.content["responses"] = data["responses"]
        self.content["on_reassign"] = on_reassign
        return data

    def _read_pause(self, index: int, data: Mapping[str, Any]) -> dict[str, Any]:
        return {
            **self._pauses[index],
            "name": data[f"pause_{index}_name"],
            "at_most": _stored(data[f"pause_{index}_unit"], data[f"pause_{index}_amount"]),
            "who": [who for who in _PAUSERS if who in data[f"pause_{index}_who"]],
        }

    def _read_on_reassign(self, data: Mapping[str, Any]) -> Any:
        if data.get("on_reassign") != "window":
            return data.get("on_reassign")
        amount = data.get("window_amount")
        if amount is None:
            if "window_amount" not in self.errors:
                self.add_error("window_amount", "How long? Write a whole number.")
            return None
        return {"window": _stored(data.get("window_unit") or "minutes", amount)}

    def _read_target(self, target: str, data: Mapping[str, Any]) -> dict[str, Any] | None:
        if not data.get(f"{target}_on"):
            return None
        amount, unit = data.get(f"{target}_amount"), data.get(f"{target}_unit")
        field = f"{target}_amount"
        if amount is None or unit is None:
            if field not in self.errors and unit is not None:
                self.add_error(field, "How long? Write a whole number.")
            return None
        least, most = (0 if unit == "end_of_day" else 1), _largest(unit)
        if not least <= amount <= most:
            self.add_error(field, f"Must be a whole number between {least} and {most:,}.")
            return None
        found = {
            **(self._written_target(target) or {"target": target}),
            "duration": _stored(unit, amount),
            "clock": data.get(f"{target}_clock"),
        }
        if target not in (Target.ATTEMPTS, Target.NURTURE):
            return found
        count = data.get(f"{target}_count")
        if count is None:
            if f"{target}_count" not in self.errors:
                self.add_error(f"{target}_count", "How many? Write a whole number.")
            return None
        found["count"] = count
        if target == Target.ATTEMPTS:
            found["channels"] = data.get("attempts_channels") or 1
        return found

    def _read_condition(self, data: Mapping[str, Any]) -> Any:
        """The rule where it was changed, else the sentence; what is refused stays as it was."""
        before = self._tier.get("when")
        text, shown = str(data.get("when") or "").strip(), str(data.get("when_was") or "").strip()
        if text.split() != shown.split():
            return self._read_rule(text, before)
        kind, days = data.get("kind"), data.get("days")
        if not kind:
            return before
        if days is None:
            if "days" not in self.errors:
                self.add_error("days", "Within how many days? Write a whole number.")
            return before
        return engaged(kind, days=days)

    def _read_rule(self, text: str, before: Any) -> Any:
        try:
            rule = json.loads(text)
        except (ValueError, RecursionError) as error:
            self.add_error("when", f"This is no JSON: {error}.")
            return before
        for wrong in validate(rule, SCHEMA):
            self.add_error("when", f"{wrong.path or 'The rule'}: {wrong.message}")
        return rule

    def _read_step(self, index: int, data: Mapping[str, Any]) -> dict[str, Any]:
        at, place = data.get(f"step_{index}_at"), data.get(f"step_{index}_place")
        step = self._written_step(index)
        if at is None or place is None:  # refused already
            return step
        if place == "percent" and at > MOST_PERCENT:
            self.add_error(f"step_{index}_at", f"At most {MOST_PERCENT}%.")
        acts = self._read_acts(index, data)
        if place == "percent":
            return {"at": at, "actions": acts}
        return {"after": _stored(place, at), "actions": acts}

    def _read_acts(self, index: int, data: Mapping[str, Any]) -> list[Any]:
        """The chosen actions; in the order in which they were written where nothing else is chosen."""
        chosen = set(data.get(f"step_{index}_do") or ())
        named = {
            "tell_person": str(data.get(f"step_{index}_person") or ""),
            "reassign": str(data.get(f"step_{index}_to") or ""),
        }
        if "tell_person" in chosen and not named["tell_person"]:
            self.add_error(f"step_{index}_person", "Whom? Choose somebody.")
        step = self._written_step(index)
        before = _acts_of(step)
        order = before if set(before) == chosen else [action for action in ACTIONS if action in chosen]
        others = [act for act in listed(step.get("actions")) if _action_of(act) not in ACTIONS]
        return [*({"do": do, "to": named[do]} if named.get(do) else do for do in order), *others]


def _is_known(target: object) -> bool:
    return isinstance(target, Mapping) and target.get("target") in TARGETS


def _units() -> list[str]:
    """The units that people choose from: hours too, which are kept as minutes."""
    named: list[str] = list(UNITS)
    if "hours" not in named:
        named.insert(named.index("minutes") + 1, "hours")
    return named


def _largest(unit: str) -> int:
    return LARGEST[unit] if unit in LARGEST else LARGEST["minutes"] // 60


def _stored(unit: str, amount: int) -> dict[str, int]:
    return {unit: amount} if unit in UNITS else {"minutes": amount * 60}


def _shown(duration: object) -> tuple[str, Any]:
    """(unit, amount) as people say it: 240 minutes are 4 hours."""
    if not isinstance(duration, Mapping) or len(duration) != 1:
        return "minutes", None
    ((unit, amount),) = duration.items()
    if unit == "minutes" and isinstance(amount, int) and amount and amount % 60 == 0:
        return "hours", amount // 60
    return (unit, amount) if unit in _units() else ("minutes", None)


def _acts_of(step: Mapping[str, Any]) -> dict[str, str]:
    """The actions of a step as written, and whom each names; what is none is left out."""
    acts = {}
    for act in listed(step.get("actions")):
        do = _action_of(act)
        if do in ACTIONS:
            acts[str(do)] = str(act.get("to") or "") if isinstance(act, Mapping) else ""
    return acts


def _place_of(step: Mapping[str, Any]) -> tuple[int, float]:
    """Where a step belongs: by its share, then by its time after the deadline; what says neither last."""
    at, after = step.get("at"), step.get("after")
    if isinstance(at, int):
        return 0, at
    amount = next(iter(after.values()), None) if isinstance(after, Mapping) else None
    return (1, amount) if isinstance(amount, int) else (2, 0)


def _action_of(act: object) -> object:
    return act.get("do") if isinstance(act, Mapping) else act


def _shown_place(step: Mapping[str, Any]) -> tuple[str, Any]:
    """(unit, amount) of where a step stands, as people say it."""
    return _shown(step["after"]) if isinstance(step.get("after"), Mapping) else ("percent", step.get("at"))


def _with(people: Sequence[tuple[str, str]], member_id: str, otherwise: str) -> list[tuple[str, str]]:
    """Whom a step can name, and whoever it names already."""
    if member_id in ("", BACKUP) or member_id in dict(people):
        return list(people)
    return [*people, (member_id, otherwise)]


def _shown_on_reassign(written: object) -> dict[str, Any]:
    if not isinstance(written, Mapping):
        return {"on_reassign": written}
    unit, amount = _shown(written.get("window"))
    return {"on_reassign": "window", "window_unit": unit, "window_amount": amount}
