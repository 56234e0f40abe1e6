"""The draft of the criteria as a form: a rule editor for who fits, for what shows intent and for each
exclusion, what must be known (`leads.requirements_form`), and the score (`leads.score_form`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django import forms
from django.http import QueryDict

from leads import score_form
from leads.criteria import ENGAGEMENT_KINDS, MOST_EXCLUSIONS
from leads.incoming import MAX_INTEGER, storable
from leads.list_schema import schema_with_lists
from leads.requirements_form import RequirementsForm
from leads.score_form import ScoreDraft, read_score, score_draft_of
from tenants.numbers import IntegerField
from web.rule_editor import Editing, RuleEditor

_ACTS: Final = ("add-exclusion", "remove-exclusion", *score_form.ACTS)
_NO_INTENT: Final = "Say what shows intent: without a condition nothing qualifies."
_NO_CONDITION: Final = "Say who is excluded, or remove the exclusion."


class DraftForm(RequirementsForm):
    """The revision that the author started from, and what must be known before sales gets the lead."""

    revision = IntegerField(min_value=0, max_value=MAX_INTEGER, widget=forms.HiddenInput)


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Who never qualifies: a name and a rule. problem: what is wrong with the name."""

    index: int
    name: str
    rule: Editing
    problem: str = ""


@dataclass(frozen=True, slots=True)
class CriteriaDraft:
    """A draft as it is shown or was sent.

    problems: (place on the page, its name, what is wrong) of everything that keeps it from being saved.
    acted: a button was pressed that changes the form alone: show it again, save nothing.
    """

    form: DraftForm
    fit: Editing
    rule: Editing
    exclusions: Sequence[Exclusion]
    score: ScoreDraft
    acted: bool
    problems: Sequence[tuple[str, str, str]]

    @property
    def content(self) -> dict[str, Any]:
        """The content of the version, as far as it is one."""
        return {
            "rule": self.rule.tree,
            "fit": self.fit.tree,
            "exclude": [{"name": each.name.strip(), "when": each.rule.tree} for each in self.exclusions],
            **self.form.content,
            **self.score.content,
        }


def _editors() -> Callable[[str], RuleEditor]:
    """Makes the editor of a prefix; the lists to choose from are read once for all."""
    schema = schema_with_lists()
    return lambda prefix: RuleEditor(schema, prefix=prefix, kinds=ENGAGEMENT_KINDS)


def draft_of(content: Mapping[str, Any], revision: int) -> CriteriaDraft:
    """The form with a content in it; parts that a call wrote in no form at all are left out."""
    editor = _editors()
    listed = content.get("exclude")
    entries = [each for each in listed if isinstance(each, Mapping)] if isinstance(listed, list) else []
    tiers = content.get("required_by_tier")
    named = [str(slug) for slug in tiers] if isinstance(tiers, Mapping) else []
    return CriteriaDraft(
        form=DraftForm(named=named, initial={"revision": revision, **DraftForm.initial_of(content)}),
        fit=editor("fit").of(_tree(content.get("fit"))),
        rule=editor("rule").of(_tree(content.get("rule"))),
        exclusions=[
            Exclusion(index, str(each.get("name") or ""), editor(f"x{index}").of(_tree(each.get("when"))))
            for index, each in enumerate(entries)
        ],
        score=score_draft_of(content, editor),
        acted=False,
        problems=(),
    )


def _tree(tree: object) -> Mapping[str, Any] | None:
    return tree if isinstance(tree, Mapping) else None


def read_draft(data: QueryDict) -> CriteriaDraft:
    """What a form said, after what its buttons ask for: "act" of the editors, and "do" of "add-exclusion",
    "remove-exclusion:<index>" and those of the score.
    """
    form, editor = DraftForm(data), _editors()
    fit, rule = editor("fit").read(data), editor("rule").read(data)
    do = data.get("do", "")
    acted = bool(data.get("act")) or do.partition(":")[0] in _ACTS
    removed = do.removeprefix("remove-exclusion:")
    exclusions = []
    for index in range(MOST_EXCLUSIONS):
        name = data.get(f"x{index}-name")
        if name is None:
            break
        if str(index) == removed:
            continue
        said = editor(f"x{index}").read(data)
        exclusions.append(Exclusion(index, name, said, "" if acted else _name_problem(name)))
    if removed.isdecimal():
        exclusions = [_renumbered(place, each, editor) for place, each in enumerate(exclusions)]
    if do == "add-exclusion" and len(exclusions) < MOST_EXCLUSIONS:
        blank = editor(f"x{len(exclusions)}").of({"all": [{"field": "", "op": ""}]})
        exclusions.append(Exclusion(len(exclusions), "", blank))
    score = read_score(data, editor, acted=acted)
    problems = [] if acted else [*_problems(form, fit, rule, exclusions), *score.problems]
    return CriteriaDraft(form, fit, rule, exclusions, score, acted, problems)


def _renumbered(place: int, each: Exclusion, editor: Callable[[str], RuleEditor]) -> Exclusion:
    """An exclusion after one before it was removed."""
    return Exclusion(place, each.name, editor(f"x{place}").of(each.rule.tree))


def _name_problem(name: str) -> str:
    if not 0 < len(name.strip()) <= 80 or not storable(name):
        return "A name has 1 to 80 characters."
    return ""


def _problems(
    form: DraftForm, fit: Editing, rule: Editing, exclusions: Sequence[Exclusion]
) -> list[tuple[str, str, str]]:
    found = [("fit-editor", "Fit", error.message) for error in fit.errors]
    if rule.tree is None:
        found.append(("rule-editor", "Engagement and intent", _NO_INTENT))
    found += [("rule-editor", "Engagement and intent", error.message) for error in rule.errors]
    for each in exclusions:
        title = each.name.strip() or f"Exclusion {each.index + 1}"
        if each.problem:
            found.append((f"x{each.index}-name", f"Exclusion {each.index + 1}", each.problem))
        if each.rule.tree is None:
            found.append((f"x{each.index}-editor", title, _NO_CONDITION))
        found += [(f"x{each.index}-editor", title, error.message) for error in each.rule.errors]
    found += form.problems()
    return found
