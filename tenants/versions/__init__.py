"""Drafts, approval, publication and roll-back of versioned configuration: written once, used by criteria,
routing and policies.

There is one open draft of a kind; or one of each line, where a kind has several side by side (the policies of
business units), each with its own numbers, orders and version in force. A draft is saved as often as people
like, each save with the revision that it started from; a published version never changes again. Going back to
an older one publishes a copy of it.
Where the organisation has chosen so a second admin approves each publication; and a version may be published
for a later moment, from which on it is in force.
"""

from __future__ import annotations

from tenants.versions.approving import (
    approve,
    ask,
    ask_again,
    deciders,
    may_confirm_off,
    refuse,
    set_second_approval,
    why_not_decide,
    withdraw,
)
from tenants.versions.changes import Change, diff
from tenants.versions.drafts import create_draft, discard_draft, save_draft, start_draft, write_draft
from tenants.versions.gates import gate_errors, gates
from tenants.versions.kinds import Kind, Validate, get_kind, kind_of, kinds, register, title_of
from tenants.versions.orders import (
    approvals_of,
    dated_order,
    get_order,
    last_order,
    listeners,
    query_of,
    standing_orders,
    waiting_order,
)
from tenants.versions.publishing import (
    FURTHEST,
    bring_due,
    cancel,
    needs_approval,
    publish,
    roll_back,
    settle,
    tenants_with_due_publications,
)
from tenants.versions.reading import (
    in_force_among,
    of_line,
    open_draft,
    published_version,
    version_in_force,
    version_to_come,
)

__all__ = [
    "FURTHEST",
    "Change",
    "Kind",
    "Validate",
    "approvals_of",
    "approve",
    "ask",
    "ask_again",
    "bring_due",
    "cancel",
    "create_draft",
    "dated_order",
    "deciders",
    "diff",
    "discard_draft",
    "gate_errors",
    "gates",
    "get_kind",
    "get_order",
    "in_force_among",
    "kind_of",
    "kinds",
    "last_order",
    "listeners",
    "may_confirm_off",
    "needs_approval",
    "of_line",
    "open_draft",
    "publish",
    "published_version",
    "query_of",
    "refuse",
    "register",
    "roll_back",
    "save_draft",
    "set_second_approval",
    "settle",
    "standing_orders",
    "start_draft",
    "tenants_with_due_publications",
    "title_of",
    "version_in_force",
    "version_to_come",
    "waiting_order",
    "why_not_decide",
    "withdraw",
    "write_draft",
]
