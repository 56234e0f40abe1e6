"""Drafts of versioned configuration: one at a time, no save lost, in force only by publication."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from core.errors import Conflict, StaleVersion, ValidationFailed
from sla.models import PolicyVersion
from tenants import versions
from tenants.audit import member_actor
from tenants.models import AuditEntry, VersionState
from tests.factories import POLICY, Org

ADA = "key:ada"


def draft_of(now: datetime, content: dict[str, Any] | None = None, actor: str = ADA) -> PolicyVersion:
    return versions.start_draft(PolicyVersion, actor=actor, now=now, content=content)


def in_force() -> PolicyVersion:
    found = versions.published_version(PolicyVersion)
    assert found is not None
    return found


def changed(**parts: Any) -> dict[str, Any]:
    return {**POLICY, **parts}


@pytest.mark.django_db
def test_a_draft_begins_as_a_copy_of_the_version_in_force(acme: Org, now: datetime) -> None:
    with acme.scope():
        draft = draft_of(now)
        assert (draft.number, draft.state, draft.copy_of, draft.revision) == (2, "draft", 1, 1)
        assert draft.content == in_force().content
        assert versions.open_draft(PolicyVersion) == draft


@pytest.mark.django_db
def test_there_is_one_draft_at_a_time(acme: Org, globex: Org, now: datetime) -> None:
    with acme.scope():
        draft_of(now)
        with pytest.raises(Conflict, match="Version 2 is being drafted already"):
            draft_of(now)
    with globex.scope():
        draft_of(now)


@pytest.mark.django_db
def test_a_save_counts_and_tells_what_changed_to_who_comes_second(acme: Org, now: datetime) -> None:
    with acme.scope():
        draft = draft_of(now)
        ada, mona = member_actor(acme.admin), member_actor(acme.manager)
        later = now + timedelta(minutes=4)
        saved = versions.save_draft(
            draft, content=changed(on_reassign="continue"), expected_revision=1, actor=ada, now=later
        )
        assert (saved.revision, saved.saved_by) == (2, ada)
        with pytest.raises(StaleVersion, match="Ada Acme saved this draft") as refused:
            versions.save_draft(
                draft, content=changed(responses=["call"]), expected_revision=1, actor=mona, now=later
            )
        assert refused.value.data["changes"] == [
            {"path": "/on_reassign", "before": "restart", "after": "continue"}
        ]
        assert refused.value.data["saved_at"] == later.isoformat()
        assert versions.open_draft(PolicyVersion).content["responses"] == POLICY["responses"]  # type: ignore[union-attr]


@pytest.mark.django_db
def test_saving_what_is_there_already_is_no_save(acme: Org, now: datetime) -> None:
    with acme.scope():
        draft = draft_of(now)
        same = versions.save_draft(draft, content=POLICY, expected_revision=1, actor=ADA, now=now)
        assert same.revision == 1


@pytest.mark.django_db
def test_publishing_puts_a_draft_in_force_for_good(acme: Org, now: datetime) -> None:
    with acme.scope():
        draft = versions.publish(draft_of(now), actor=ADA, now=now, expected_revision=1, against=1)
        assert in_force() == draft
        assert PolicyVersion.objects.get(number=1).state == VersionState.RETIRED
        with pytest.raises(Conflict, match="already published"):
            versions.publish(draft, actor=ADA, now=now)
        with pytest.raises(Conflict, match="already published"):
            versions.save_draft(draft, content={}, expected_revision=1, actor=ADA, now=now)
        with pytest.raises(Conflict, match="already published"):
            versions.discard_draft(draft, actor=ADA, now=now)


@pytest.mark.django_db
def test_a_draft_that_somebody_saved_meanwhile_is_not_published(acme: Org, now: datetime) -> None:
    with acme.scope():
        draft = draft_of(now)
        versions.save_draft(
            draft, content=changed(responses=["call"]), expected_revision=1, actor=ADA, now=now
        )
        with pytest.raises(StaleVersion):
            versions.publish(draft, actor=ADA, now=now, expected_revision=1)
        assert in_force().number == 1


@pytest.mark.django_db
def test_nor_one_that_was_compared_with_a_version_that_is_gone(acme: Org, now: datetime) -> None:
    with acme.scope():
        versions.publish(draft_of(now), actor=ADA, now=now)
        draft = draft_of(now)
        with pytest.raises(StaleVersion, match="Version 2 was published meanwhile"):
            versions.publish(draft, actor=ADA, now=now, against=1)


@pytest.mark.django_db
def test_what_does_not_pass_the_check_stays_a_draft(acme: Org, now: datetime) -> None:
    def refuse(content: Any) -> None:
        raise ValidationFailed.at("/tiers", "Not these.")

    with acme.scope():
        draft = draft_of(now)
        with pytest.raises(ValidationFailed):
            versions.publish(draft, actor=ADA, now=now, validate=refuse)
        assert versions.open_draft(PolicyVersion) == draft


@pytest.mark.django_db
def test_a_discarded_draft_is_gone_and_remembered(acme: Org, now: datetime) -> None:
    with acme.scope():
        draft = draft_of(now)
        versions.discard_draft(draft, actor=ADA, now=now)
        assert versions.open_draft(PolicyVersion) is None
        with pytest.raises(Conflict, match="discarded meanwhile"):
            versions.save_draft(draft, content={}, expected_revision=1, actor=ADA, now=now)
        done = AuditEntry.objects.filter(object_type="policyversion", object_id=draft.id)
        assert list(done.order_by("at", "id").values_list("action", "actor")) == [
            ("drafted", ADA),
            ("discarded", ADA),
        ]


@pytest.mark.django_db
def test_going_back_publishes_a_copy_under_a_new_number(acme: Org, now: datetime) -> None:
    with acme.scope():
        versions.publish(draft_of(now, changed(responses=["call"])), actor=ADA, now=now)
        draft = draft_of(now)
        first = PolicyVersion.objects.get(number=1)
        again = versions.roll_back(first, actor=ADA, now=now, against=2)
        assert (again.number, again.copy_of, again.content) == (4, 1, POLICY)
        assert in_force() == again
        assert first.state == VersionState.RETIRED
        assert versions.publish(draft, actor=ADA, now=now).number == 5, "numbers rise with publication"


@pytest.mark.django_db
def test_only_what_was_in_force_before_is_used_again(acme: Org, now: datetime) -> None:
    with acme.scope():
        with pytest.raises(Conflict, match="Version 1 is in force"):
            versions.roll_back(in_force(), actor=ADA, now=now)
        with pytest.raises(Conflict, match="was never in force"):
            versions.roll_back(draft_of(now), actor=ADA, now=now)


@pytest.mark.parametrize(
    ("before", "after", "rows"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 2, "b": 3}, [("/a", 1, 2), ("/b", None, 3)]),
        ({"a": 1}, {}, [("/a", 1, None)]),
        ({"a": {"b/c": [1]}}, {"a": {"b/c": [1, 2]}}, [("/a/b~1c", [1], [1, 2])]),
        (
            [{"slug": "x", "n": 1}, {"slug": "y"}],
            [{"slug": "y"}, {"slug": "x", "n": 2}],
            [("/x/n", 1, 2), ("", ["x", "y"], ["y", "x"])],
        ),
        ([{"at": 80}, {"at": 80}], [{"at": 80}], [("", [{"at": 80}, {"at": 80}], [{"at": 80}])]),
        ({"on": True}, {"on": 1}, [("/on", True, 1)]),
    ],
)
def test_what_is_different_place_by_place(before: Any, after: Any, rows: list[Any]) -> None:
    assert [tuple(change) for change in versions.diff(before, after)] == rows
