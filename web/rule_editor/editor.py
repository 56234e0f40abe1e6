"""The editor: from a tree or from a form to what the page shows, and to the tree to be saved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.http import QueryDict

from core.errors import FieldError
from core.rules import Schema, describe, validate
from web.rule_editor.acts import ACTS, carry_out
from web.rule_editor.controls import FieldPicker
from web.rule_editor.nodes import FormReader, Indexes, Node, Reading, node_of, walk
from web.rule_editor.rows import Row, in_plain_words, offers_id, rows_of

_TOO_BIG: Final = ("too_many", "too_deep")


@dataclass(frozen=True, slots=True)
class Editing:
    """One editor of a page, as read or as it is to be shown.

    tree:     the rule; None where there is no condition at all.
    errors:   everything wrong with it, with JSON pointers into the tree; of an act, why it was not done.
    acted:    a button of this editor was pressed: show the page again and save nothing.
    sentence: the rule in words; "" while it is not one.
    rows:     for the template.
    offers:   lists to choose values from that a row names, by their ids.
    shows_errors: whether the template shows them; not while something is still being put together.
    """

    prefix: str
    tree: dict[str, Any] | None
    errors: Sequence[FieldError]
    acted: bool
    sentence: str
    rows: Sequence[Row]
    fields: Sequence[tuple[str, str]]
    offers: Mapping[str, Sequence[str]]
    shows_errors: bool


class RuleEditor:
    """The editor of rules over a schema.

    prefix: names of its controls begin with it; several editors of a page have different ones.
    kinds:  the kinds of engagement to choose from, with their labels; those of the schema where not given.
    """

    def __init__(
        self, schema: Schema, *, prefix: str = "rule", kinds: Mapping[str, str] | None = None
    ) -> None:
        if "." in prefix or ":" in prefix:
            raise ValueError("A prefix has no dot and no colon: they part the names of controls.")
        self.schema = schema
        self.prefix = prefix
        offered = dict(kinds if kinds is not None else schema.kind_labels)
        self._reading = Reading(FieldPicker.of(schema), offered)
        #: Whether other kinds than those offered may be asked about.
        self._any_kind = not schema.kind_labels

    def of(self, tree: Mapping[str, Any] | None, *, show_errors: bool = False) -> Editing:
        """The editor with this tree in it; None for one without a condition."""
        root = None if tree is None else node_of(tree, self._reading)
        return self._editing(root, tree, self._errors(tree), shows=show_errors)

    def read(self, data: QueryDict) -> Editing:
        """The editor as a form sent it, after what its button says. Never raises."""
        act = data.get("act", "")
        what, at = self._asked(act)
        reader = FormReader(
            data, self._reading, bool(act), act.partition(":")[2] if what == "refresh" else ""
        )
        root = reader.node(self.prefix)
        before = None if root is None else root.tree()
        if what is None or at is None:
            return self._editing(root, before, self._errors(before), shows=not act)
        done = carry_out(root, what, at)
        tree = None if done.root is None else done.root.tree()
        refused = self._refused(before, tree, at)
        if refused:
            kept = node_of(before, self._reading)
            return self._editing(kept, before, refused, shows=True, acted=True, focus=at)
        return self._editing(done.root, tree, self._errors(tree), shows=False, acted=True, focus=done.focus)

    def _asked(self, act: str) -> tuple[str | None, Indexes | None]:
        """(what, indexes of the node) of a pressed button of this editor; Nones for one of another."""
        what, _, name = act.partition(":")
        root, *parts = name.split(".")
        if root != self.prefix or what not in ACTS or len(parts) > 50:
            return None, None
        if not all(part.isascii() and part.isdecimal() and len(part) < 6 for part in parts):
            return None, None
        return what, tuple(int(part) for part in parts)

    def _errors(self, tree: object) -> list[FieldError]:
        labels = {name: field.label for name, field in self.schema.by_name.items()}
        return [] if tree is None else [in_plain_words(each, labels) for each in validate(tree, self.schema)]

    def _refused(self, before: object, after: object, at: Indexes) -> list[FieldError]:
        """Why an act makes the rule larger than a rule may be, at the node it was asked of."""
        already = {error.code for error in self._errors(before)}
        new = [each for each in self._errors(after) if each.code in _TOO_BIG and each.code not in already]
        if not new or before is None:
            return []
        places = {indexes: place for _, indexes, place in walk(node_of(before, self._reading))}
        return [FieldError(places.get(at, ""), new[0].message, new[0].code)]

    def _editing(
        self,
        root: Node | None,
        tree: Any,
        errors: Sequence[FieldError],
        *,
        shows: bool,
        acted: bool = False,
        focus: Indexes | None = None,
    ) -> Editing:
        shown = None if root is None else node_of(tree, self._reading)
        rows = rows_of(
            shown,
            prefix=self.prefix,
            reading=self._reading,
            any_kind=self._any_kind,
            errors=errors if shows else (),
            focus=focus,
        )
        return Editing(
            prefix=self.prefix,
            tree=tree,
            errors=errors,
            acted=acted,
            sentence=describe(tree, self.schema) if tree is not None and not self._errors(tree) else "",
            rows=rows,
            fields=[(words, name) for name, words in self._reading.picker.words.items()],
            offers=self._offered({row.offers for row in rows}),
            shows_errors=shows,
        )

    def _offered(self, named: set[str]) -> dict[str, Sequence[str]]:
        known = {
            offers_id(self.prefix, each): each.vocabulary.offered
            for each in self.schema.by_name.values()
            if each.vocabulary is not None
        }
        return {name: offered() for name, offered in known.items() if name in named}
