"""A policy that makes no sense is refused, with the place of each error."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from core.errors import ValidationFailed
from leads.criteria import SCHEMA
from sla.defaults import DEFAULT_POLICY
from sla.tiers import parse_policy, validate_policy
from tests.factories import POLICY


def _late(*steps: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"at": 100, "actions": []}, *({**step, "actions": ["tell_manager"]} for step in steps)]


LATE_BOTH_WAYS = _late({"at": 200}, {"after": {"minutes": 5}})
LATE_IN_TWO_UNITS = _late({"after": {"minutes": 5}}, {"after": {"business_days": 1}})
LATE_BACKWARDS = _late({"after": {"minutes": 5}}, {"after": {"minutes": 5}})


def changed(path: str, value: Any) -> dict[str, Any]:
    """The default policy with one place changed; None as value of a key deletes nothing, "drop" does."""
    content: Any = deepcopy(POLICY)
    *parents, last = [int(part) if part.isdigit() else part for part in path.strip("/").split("/")]
    place = content
    for part in parents:
        place = place[part]
    if value == "drop":
        del place[last]
    else:
        place[last] = value
    return content  # type: ignore[no-any-return]


def test_the_default_policy_is_valid() -> None:
    policy = parse_policy(DEFAULT_POLICY, SCHEMA)
    assert [step.at for step in policy.ladder] == [50, 80, 100, 200]
    assert (policy.breach, policy.warn_percent, policy.on_reassign) == (2, 80, "restart")


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        ("/tiers", [], "/tiers"),
        ("/tiers/0", "demo", "/tiers/0"),
        ("/tiers/1/slug", "demo_request", "/tiers/1/slug"),
        ("/tiers/0/slug", "", "/tiers/0/slug"),
        ("/tiers/0/name", "x" * 81, "/tiers/0/name"),
        ("/tiers/0/when", None, "/tiers/0/when"),
        ("/tiers/3/when", {"field": "lead.title", "op": "exists", "value": True}, "/tiers/3/when"),
        ("/tiers/0/when", {"field": "lead.shoe_size", "op": "exists", "value": True}, "/tiers/0/when/field"),
        ("/tiers/0/targets", [], "/tiers/0/targets"),
        ("/tiers/0/targets/0/target", "applause", "/tiers/0/targets/0/target"),
        ("/tiers/0/targets/1/target", "first_touch", "/tiers/0/targets/1/target"),
        ("/tiers/0/targets/0/duration", {"minutes": 0}, "/tiers/0/targets/0/duration/minutes"),
        ("/tiers/0/targets/0/duration", {"minutes": True}, "/tiers/0/targets/0/duration/minutes"),
        ("/tiers/0/targets/0/duration", {"minutes": 1, "seconds": 1}, "/tiers/0/targets/0/duration"),
        ("/tiers/0/targets/0/duration", {"fortnights": 1}, "/tiers/0/targets/0/duration"),
        ("/tiers/0/targets/0/clock", "sundial", "/tiers/0/targets/0/clock"),
        ("/tiers/3/targets/0/clock", "wall", "/tiers/3/targets/0/clock"),
        ("/ladder", "drop", "/ladder"),
        ("/ladder/2/at", 101, "/ladder"),
        ("/ladder/1/at", 50, "/ladder/1/at"),
        ("/ladder/0/at", 0, "/ladder/0/at"),
        ("/ladder/0/actions", ["sing"], "/ladder/0/actions/0"),
        ("/ladder/0/actions", ["reassign"], "/ladder/0/actions"),
        ("/ladder/0/actions", ["move_to_queue"], "/ladder/0/actions"),
        ("/ladder/2/actions", ["reassign", "move_to_queue"], "/ladder/2/actions"),
        ("/ladder/2/actions", [{"do": "reassign", "to": "somebody"}], "/ladder/2/actions/0/to"),
        ("/ladder/2/actions", ["tell_person"], "/ladder/2/actions/0/to"),
        ("/ladder/1/actions", ["warn_manager", "warn_manager"], "/ladder/1/actions/1"),
        ("/ladder/1/actions", ["warn_manager", {"do": "warn_manager"}], "/ladder/1/actions/1"),
        ("/tiers/0/targets/0/durations", {"minutes": 5}, "/tiers/0/targets/0/durations"),
        ("/ladder/2/actions", [{"do": "tell_manager", "to": "backup"}], "/ladder/2/actions/0/to"),
        ("/ladder/2/actions", [{"do": ["reassign"]}], "/ladder/2/actions/0"),
        ("/ladder/0", {"after": {"minutes": 5}, "actions": ["tell_manager"]}, "/ladder/0/after"),
        ("/ladder/3", {"after": {"minutes": 0}, "actions": ["tell_manager"]}, "/ladder/3/after/minutes"),
        ("/ladder/3", {"at": 200, "after": {"minutes": 5}, "actions": ["tell_manager"]}, "/ladder/3/after"),
        ("/ladder", LATE_BOTH_WAYS, "/ladder/2/after"),
        ("/ladder", LATE_IN_TWO_UNITS, "/ladder/2/after"),
        ("/ladder", LATE_BACKWARDS, "/ladder/2/after"),
        ("/on_reassign", {"window": {"business_days": 1}}, "/on_reassign/window"),
        ("/on_reassign", {"window": {"minutes": 0}}, "/on_reassign/window/minutes"),
        ("/responses", [], "/responses"),
        ("/responses", ["pigeon"], "/responses/0"),
        ("/on_reassign", "forget", "/on_reassign"),
        ("/colour", "red", "/colour"),
    ],
)
def test_an_error_names_its_place(path: str, value: Any, where: str) -> None:
    errors = validate_policy(changed(path, value), SCHEMA)
    assert where in [error.path for error in errors]
    with pytest.raises(ValidationFailed):
        parse_policy(changed(path, value), SCHEMA)


@pytest.mark.parametrize("content", [None, [], "policy", 7])
def test_what_is_no_object_is_no_policy(content: object) -> None:
    assert [error.path for error in validate_policy(content, SCHEMA)] == [""]
