"""Named lists as people read of them: by name, where rules and what was kept of them say the slug."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import cached_property
from typing import Any, Final, TypeVar

from core.rules import Rule, compile_rule
from core.rules.text import fold
from leads.criteria import SCHEMA
from leads.list_schema import list_choices
from leads.list_use import FIELD, named_lists

Document = TypeVar("Document")
Changes = Callable[[Mapping[str, Any], Mapping[str, Any]], list[str]]

_LABEL: Final = SCHEMA.by_name[FIELD].label
_SLUG: Final = "[a-z0-9-]+"
#: "On list includes rivals, students or friends", as core.rules says it.
_SAID: Final = re.compile(rf"(?<={_LABEL} includes ){_SLUG}(?:, {_SLUG})*(?: or {_SLUG}\b)?")
_SEEN: Final = f"{_LABEL}: "


class ListNames:
    """The names of an organisation's lists; read at the first question and once, so one is made for a page
    and shared by all that it says.
    """

    def shown(self, slug: object) -> str:
        """The name of a list; of one that is gone, its slug."""
        return self._names.get(fold(str(slug)), str(slug))

    def in_rules(self, document: Document) -> Document:
        """Rules, or a document with rules, with the lists called by their names: to be put into words, and
        for nothing else."""
        if not any(True for _ in named_lists(document)):
            return document
        copy = deepcopy(document)
        for test, values in named_lists(copy):
            named = [self.shown(each) for each in values]
            test["value"] = named if isinstance(test["value"], list) else named[0]
        return copy

    def in_rule(self, rule: Rule) -> Rule:
        """A compiled rule whose sentences call the lists by their names."""
        return compile_rule(self.in_rules(rule.tree), SCHEMA) if FIELD in rule.fields else rule

    def in_verdict(self, verdict: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        """A kept verdict whose lines call the lists by their names."""
        if not verdict or not any(map(_tells_lists, verdict.get("criteria", ()))):
            return verdict
        return {**verdict, "criteria": [self._in_line(line) for line in verdict["criteria"]]}

    def _in_line(self, line: Mapping[str, Any]) -> Mapping[str, Any]:
        if not _tells_lists(line):
            return line
        label, seen = str(line["label"]), line["seen"]
        if isinstance(seen, list):
            only = label.startswith(f"{_LABEL} ") and not any(str(each).startswith(_SEEN) for each in seen)
            seen = [self.shown(each) if only else self._in_seen(str(each)) for each in seen]
        return {**line, "label": self.in_sentence(label), "seen": seen}

    def in_sentence(self, text: str) -> str:
        """A sentence of core.rules, kept as text."""
        return _SAID.sub(lambda found: re.sub(_SLUG, self._of_match, found[0]), text)

    def _in_seen(self, seen: str) -> str:
        """ "On list: rivals, students"; verdicts of before have the list as Python writes it."""
        if not seen.startswith(_SEEN):
            return seen
        slugs = seen.removeprefix(_SEEN).strip("[]").replace("'", "").split(", ")
        return _SEEN + ", ".join(map(self.shown, slugs))

    def _of_match(self, found: re.Match[str]) -> str:
        # "or" between two of them is matched too, and names no list unless somebody has one of that name.
        return found[0] if found[0] == "or" else self.shown(found[0])

    @cached_property
    def _names(self) -> Mapping[str, str]:
        return {fold(slug): name for slug, name in list_choices()}


def naming(changes: Changes) -> Changes:
    """What says the changes between two contents, with the lists called by their names."""
    names = ListNames()
    return lambda before, after: changes(names.in_rules(before), names.in_rules(after))


def _tells_lists(line: Mapping[str, Any]) -> bool:
    seen = line.get("seen")
    told = seen if isinstance(seen, list) else ()
    return _LABEL in str(line.get("label")) or any(str(each).startswith(_SEEN) for each in told)
