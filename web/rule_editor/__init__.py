"""An editor of rule trees (core.rules) as a form of a page, whole without script.

    editor = RuleEditor(SCHEMA, prefix="rule", kinds=ENGAGEMENT_KINDS)
    editing = editor.of(tree_or_None)        # to show it
    editing = editor.read(request.POST)      # what was written, with the pressed button carried out

    {% include "web/rule_editor/_editor.html" with editing=editing %}

Show the page again without saving while `editing.acted`; save `editing.tree` where `editing.errors` is empty.
"""

from __future__ import annotations

from web.rule_editor.editor import Editing, RuleEditor

__all__ = ["Editing", "RuleEditor"]
