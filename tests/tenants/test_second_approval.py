"""A second person's approval: off until chosen, and then nothing comes into force by one person alone."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from core.errors import (
    ApprovalNeeded,
    Conflict,
    DomainError,
    PermissionDenied,
    StaleVersion,
    ValidationFailed,
)
from notifications.models import OutboxMessage
from sla.models import PolicyVersion
from tenants import versions
from tenants.audit import member_actor
from tenants.clock import database_clock
from tenants.context import tenant_scope
from tenants.models import ApiKey, AuditEntry, Member, Publication, Role, Tenant
from tests.factories import POLICY, Org, make_org
from tests.tenants.publications import approval_on, asked, drafted, second_admin
from tests.threads import in_threads

pytestmark = pytest.mark.django_db


def approve(order: Publication, by: Member, now: datetime, note: str = "", **more: Any) -> Any:
    return versions.approve(order_id=order.id, member=by, actor=member_actor(by), note=note, now=now, **more)


def refuse(order: Publication, by: Member, now: datetime, note: str = "Not yet.") -> Publication:
    return versions.refuse(order_id=order.id, member=by, actor=member_actor(by), note=note, now=now)


def in_force(now: datetime) -> int:
    found = versions.version_in_force(PolicyVersion, now)
    assert found is not None
    return found.number


def told(kind: str) -> set[Any]:
    rows = OutboxMessage.objects.filter(kind=kind, channel="inapp", state="pending")
    return set(rows.values_list("member_id", flat=True))


def test_it_is_off_until_an_admin_turns_it_on(acme: Org, globex: Org, now: datetime) -> None:
    with acme.scope():
        assert not versions.needs_approval("policy")
    approval_on(acme, now)
    with acme.scope():
        assert versions.needs_approval("policy")
        assert not versions.needs_approval("criteria")
        entry = AuditEntry.objects.get(object_type="secondapproval")
        assert (entry.actor, entry.before, entry.after) == (
            member_actor(acme.admin),
            {"kinds": []},
            {"kinds": ["policy"]},
        )
    with globex.scope():
        assert not versions.needs_approval("policy")


def test_an_only_admin_cannot_turn_it_on(acme: Org, now: datetime) -> None:
    with acme.scope():
        with pytest.raises(Conflict, match="only one active admin") as refused:
            versions.set_second_approval(kind="policy", on=True, actor="x", now=now)
        assert refused.value.field_errors[0].path == "/policy"
        assert not versions.needs_approval("policy")


def test_nothing_is_published_past_it(acme: Org, now: datetime) -> None:
    approval_on(acme, now)
    with acme.scope():
        draft = drafted(acme.admin, now)
        with pytest.raises(ApprovalNeeded, match="needs the approval of a second admin"):
            versions.publish(draft, actor=member_actor(acme.admin), now=now)
        with pytest.raises(ApprovalNeeded):
            versions.publish(
                draft, actor=member_actor(acme.admin), now=now, effective_at=now + timedelta(days=1)
            )
        assert in_force(now) == 1


def test_going_back_needs_it_too(acme: Org, now: datetime) -> None:
    with acme.scope():
        versions.publish(drafted(acme.admin, now), actor="x", now=now)
    bea = approval_on(acme, now)
    with acme.scope():
        first = PolicyVersion.objects.get(number=1)
        with pytest.raises(ApprovalNeeded):
            versions.roll_back(first, actor=member_actor(acme.admin), now=now)
        assert PolicyVersion.objects.count() == 2
        order = versions.ask_again(first, actor=member_actor(acme.admin), asker=acme.admin, now=now)
        again = approve(order, bea, now)
        assert (again.number, again.copy_of, again.content) == (3, 1, POLICY)
        assert in_force(now) == 3


def test_another_admin_puts_it_in_force(acme: Org, now: datetime) -> None:
    bea = approval_on(acme, now)
    with acme.scope():
        order = asked(acme.admin, drafted(acme.admin, now), now)
        assert told("config.approval_asked") == {bea.id}
        assert in_force(now) == 1
        version = approve(order, bea, now + timedelta(hours=1), note="Fine.")
        assert (version.number, version.state) == (2, "published")
        assert version.published_by == member_actor(acme.admin)
        order.refresh_from_db()
        assert (order.state, order.decided_by, order.note) == ("done", member_actor(bea), "Fine.")
        assert versions.approvals_of([version.id]) == {version.id: member_actor(bea)}
        assert told("config.approval_decided") == {acme.admin.id}
        actions = AuditEntry.objects.filter(object_type="publication").order_by("at", "id")
        assert list(actions.values_list("action", "actor")) == [
            ("asked", member_actor(acme.admin)),
            ("done", member_actor(bea)),
        ]


def test_nobody_approves_what_they_asked_for_or_saved(acme: Org, now: datetime) -> None:
    bea = approval_on(acme, now)
    cleo = second_admin(acme, "Cleo")
    with acme.scope():
        order = asked(cleo, drafted(bea, now), now)
        assert told("config.approval_asked") == {acme.admin.id}
        with pytest.raises(PermissionDenied, match="You asked"):
            approve(order, cleo, now)
        with pytest.raises(PermissionDenied, match="You saved this draft last"):
            approve(order, bea, now)
        with pytest.raises(PermissionDenied, match="Only an admin"):
            approve(order, acme.manager, now)
        with pytest.raises(PermissionDenied, match="A key is not a person"):
            versions.approve(order_id=order.id, member=None, actor="key:x", note="", now=now)
        assert in_force(now) == 1
        approve(order, acme.admin, now)
        assert in_force(now) == 2


def test_behind_a_key_stands_who_made_it(acme: Org, now: datetime) -> None:
    bea = approval_on(acme, now)
    with acme.scope():
        key = ApiKey.objects.first()
        assert key is not None
        ApiKey.objects.filter(id=key.id).update(created_by=bea)
        draft = drafted(acme.admin, now)
        with pytest.raises(Conflict, match="Nobody could approve it"):
            versions.ask(draft, actor=f"key:{key.id}", asker=None, now=now, expected_revision=2)
        cleo = second_admin(acme, "Cleo")
        order = versions.ask(draft, actor=f"key:{key.id}", asker=None, now=now, expected_revision=2)
        with pytest.raises(PermissionDenied, match="You asked"):
            approve(order, bea, now)
        approve(order, cleo, now)
        assert in_force(now) == 2


def test_a_refusal_has_a_reason_and_leaves_the_draft(acme: Org, now: datetime) -> None:
    bea = approval_on(acme, now)
    with acme.scope():
        order = asked(acme.admin, drafted(acme.admin, now), now)
        with pytest.raises(ValidationFailed) as empty:
            refuse(order, bea, now, note=" ")
        assert empty.value.field_errors[0].path == "/note"
        refuse(order, bea, now)
        assert told("config.approval_decided") == {acme.admin.id}
        assert in_force(now) == 1
        draft = versions.open_draft(PolicyVersion)
        assert draft is not None
        with pytest.raises(Conflict, match="was refused already"):
            approve(order, bea, now)
        asked(acme.admin, draft, now)  # and may be asked anew


def test_a_save_withdraws_the_question_and_says_so(acme: Org, now: datetime) -> None:
    bea = approval_on(acme, now)
    with acme.scope():
        order = asked(acme.admin, drafted(acme.admin, now), now)
        drafted(acme.admin, now, responses=["email"])
        order.refresh_from_db()
        assert (order.state, order.why) == ("withdrawn", "The draft was saved after that.")
        assert told("config.approval_asked") == set()
        with pytest.raises(Conflict, match=r"was withdrawn\. The draft was saved after that"):
            approve(order, bea, now)
        assert in_force(now) == 1


def test_a_save_that_changes_nothing_withdraws_nothing(acme: Org, now: datetime) -> None:
    bea = approval_on(acme, now)
    with acme.scope():
        order = asked(acme.admin, drafted(acme.admin, now), now)
        drafted(bea, now)
        approve(order, bea, now)
        assert in_force(now) == 2


def test_a_draft_discarded_takes_its_question_along(acme: Org, now: datetime) -> None:
    bea = approval_on(acme, now)
    with acme.scope():
        draft = drafted(acme.admin, now)
        order = asked(acme.admin, draft, now)
        versions.discard_draft(draft, actor=member_actor(bea), now=now)
        with pytest.raises(Conflict, match="The draft was discarded"):
            approve(order, bea, now)


def test_who_asked_may_take_it_back(acme: Org, now: datetime) -> None:
    bea = approval_on(acme, now)
    with acme.scope():
        order = asked(acme.admin, drafted(acme.admin, now), now)
        with pytest.raises(PermissionDenied):
            versions.withdraw(order_id=order.id, actor=member_actor(bea), now=now)
        versions.withdraw(order_id=order.id, actor=member_actor(acme.admin), now=now)
        with pytest.raises(Conflict, match="was withdrawn"):
            approve(order, bea, now)


def test_one_question_at_a_time_and_only_where_needed(acme: Org, now: datetime) -> None:
    with acme.scope():
        draft = drafted(acme.admin, now)
        with pytest.raises(Conflict, match="needs nobody's approval"):
            asked(acme.admin, draft, now)
    approval_on(acme, now)
    with acme.scope():
        asked(acme.admin, draft, now)
        with pytest.raises(Conflict, match="asked for already"):
            asked(acme.admin, draft, now)


def test_what_would_not_pass_its_check_is_not_asked_for(acme: Org, now: datetime) -> None:
    approval_on(acme, now)
    with acme.scope(), pytest.raises(ValidationFailed):
        asked(acme.admin, drafted(acme.admin, now, tiers=[]), now)


def test_it_is_checked_again_when_it_is_approved(acme: Org, now: datetime) -> None:
    bea = approval_on(acme, now)
    with acme.scope():
        step = {"at": 100, "actions": [{"do": "tell_person", "to": str(acme.reps[0].id)}]}
        order = asked(acme.admin, drafted(acme.admin, now, ladder=[step]), now)
        Member.objects.filter(id=acme.reps[0].id).update(is_active=False)
        with pytest.raises(ValidationFailed, match="not active"):
            approve(order, bea, now)
        order.refresh_from_db()
        assert order.state == "asked"


def test_who_compared_it_with_another_version_checks_again(acme: Org, now: datetime) -> None:
    bea = approval_on(acme, now)
    with acme.scope():
        order = asked(acme.admin, drafted(acme.admin, now), now, against=1)
        with pytest.raises(StaleVersion):
            approve(order, bea, now, against=7)


def test_when_all_others_left_the_way_out_is_said_and_audited(acme: Org, now: datetime) -> None:
    bea = approval_on(acme, now)
    with acme.scope():
        draft = drafted(acme.admin, now)
        Member.objects.filter(id=bea.id).update(role=Role.REP)
        with pytest.raises(Conflict, match="turn the second approval of the SLA policy off"):
            asked(acme.admin, draft, now)
        versions.set_second_approval(kind="policy", on=False, actor=member_actor(acme.admin), now=now)
        assert AuditEntry.objects.filter(object_type="secondapproval").count() == 2
        versions.publish(draft, actor=member_actor(acme.admin), now=now)
        assert in_force(now) == 2


def off(by: Member, now: datetime) -> bool:
    return versions.set_second_approval(kind="policy", on=False, actor=member_actor(by), now=now)


def test_turned_off_by_two_it_withdraws_what_waits(acme: Org, now: datetime) -> None:
    bea = approval_on(acme, now)
    with acme.scope():
        order = asked(acme.admin, drafted(acme.admin, now), now)
        assert off(acme.admin, now) is False
        order.refresh_from_db()
        assert order.state == "asked"
        assert off(bea, now) is True
        order.refresh_from_db()
        assert (order.state, order.why) == ("withdrawn", "Second approval was turned off.")
        assert not versions.needs_approval("policy")
        entries = AuditEntry.objects.filter(object_type="secondapproval").order_by("at", "id")
        assert [(entry.action, entry.actor) for entry in entries] == [
            ("changed", member_actor(acme.admin)),
            ("asked", member_actor(acme.admin)),
            ("changed", member_actor(bea)),
        ]
        assert entries[2].after == {"kinds": [], "asked_by": member_actor(acme.admin)}


def test_nobody_turns_it_off_alone_nor_with_a_key_of_their_own(acme: Org, now: datetime) -> None:
    bea = approval_on(acme, now)
    with acme.scope():
        off(acme.admin, now)
        key, hers = (
            ApiKey.objects.create(name=by.name, prefix=by.name, created_by=by, created_at=now)
            for by in (acme.admin, bea)
        )
        for actor, why in (
            (member_actor(acme.admin), "another admin must confirm"),
            (f"key:{key.id}", "another admin must confirm"),
            (f"key:{hers.id}", "A key is not a person"),
        ):
            with pytest.raises(Conflict, match=why):
                versions.set_second_approval(kind="policy", on=False, actor=actor, now=now)
        assert versions.needs_approval("policy")


def test_kept_on_the_request_to_turn_it_off_is_gone(acme: Org, now: datetime) -> None:
    bea = approval_on(acme, now)
    with acme.scope():
        off(acme.admin, now)
        versions.set_second_approval(kind="policy", on=True, actor=member_actor(bea), now=now)
        assert off(bea, now) is False, "it is asked for anew"
        assert versions.needs_approval("policy")


def test_published_once_nobody_need_approve_it_nothing_waits_any_more(acme: Org, now: datetime) -> None:
    """Who asks at the very moment at which it is turned off is not among those that wait then."""
    approval_on(acme, now)
    with acme.scope():
        order = asked(acme.admin, draft := drafted(acme.admin, now), now)
        Tenant.objects.filter(id=acme.id).update(second_approval=[])
        versions.publish(draft, actor=member_actor(acme.admin), now=now)
        order.refresh_from_db()
        assert (order.state, order.why) == ("withdrawn", "Second approval was turned off.")
        assert versions.waiting_order(PolicyVersion) is None


def test_approved_for_a_later_day_it_waits_for_it(acme: Org, now: datetime) -> None:
    bea = approval_on(acme, now)
    then = now + timedelta(days=3)
    with acme.scope():
        order = asked(acme.admin, drafted(acme.admin, now), now, effective_at=then)
        approve(order, bea, now)
        assert (in_force(now), in_force(then)) == (1, 2)


def test_a_day_that_has_passed_when_it_is_approved_is_at_once(acme: Org, now: datetime) -> None:
    bea = approval_on(acme, now)
    with acme.scope():
        order = asked(acme.admin, drafted(acme.admin, now), now, effective_at=now + timedelta(hours=1))
        later = now + timedelta(hours=2)
        version = approve(order, bea, later)
        assert (in_force(later), version.published_at) == (2, later)


def test_another_organisations_question_is_not_there(acme: Org, globex: Org, now: datetime) -> None:
    approval_on(acme, now)
    with acme.scope():
        order = asked(acme.admin, drafted(acme.admin, now), now)
    with globex.scope(), pytest.raises(DomainError, match="no such publication"):
        approve(order, globex.admin, now)


# --- At the same time ---


def _outcomes(org: Org, *acts: Callable[[], object]) -> list[str]:
    """What each of several rivals got: "ok" or the refusal."""
    start, found = threading.Barrier(len(acts)), []

    def run(act: Callable[[], object]) -> None:
        start.wait()
        try:
            with tenant_scope(org.id):
                act()
            found.append("ok")
        except DomainError as refusal:
            found.append(refusal.message)

    in_threads(*(lambda act=act: run(act) for act in acts))  # type: ignore[misc]
    return sorted(found)


@pytest.mark.django_db(transaction=True)
def test_two_who_approve_at_once_publish_once() -> None:
    now = database_clock()
    org = make_org("acme", now=now)
    bea, cleo = approval_on(org, now), second_admin(org, "Cleo")
    with org.scope():
        order = asked(org.admin, drafted(org.admin, now), now)
    got = _outcomes(org, lambda: approve(order, bea, now), lambda: approve(order, cleo, now))
    assert got == ["This request was approved already.", "ok"]
    with org.scope():
        assert AuditEntry.objects.filter(action="published").count() == 1
        assert in_force(now) == 2


@pytest.mark.django_db(transaction=True)
def test_who_publishes_and_who_goes_back_at_once_take_turns() -> None:
    now = database_clock()
    org = make_org("acme", now=now)
    actor = member_actor(org.admin)
    with org.scope():
        versions.publish(drafted(org.admin, now), actor=actor, now=now)
    for round_ in range(6):
        with org.scope():
            draft = drafted(org.admin, now, on_reassign=("continue", "restart")[round_ % 2])
            before = PolicyVersion.objects.count()

        def publish(draft: PolicyVersion = draft) -> object:
            return versions.publish(draft, actor=actor, now=now)

        def go_back() -> object:
            return versions.roll_back(PolicyVersion.objects.get(id=org.policy.id), actor=actor, now=now)

        assert _outcomes(org, publish, go_back) == ["ok", "ok"], round_
        with org.scope():
            assert PolicyVersion.objects.filter(state="published").count() == 1
            assert PolicyVersion.objects.count() == before + 1


@pytest.mark.django_db(transaction=True)
def test_a_save_and_an_approval_at_once_never_publish_what_nobody_approved() -> None:
    now = database_clock()
    org = make_org("acme", now=now)
    bea = approval_on(org, now)
    for round_ in range(4):
        with org.scope():
            draft = drafted(org.admin, now, responses=["call"], on_reassign="restart")
            revision = draft.revision
            order = asked(org.admin, draft, now)

        def save(draft: PolicyVersion = draft, revision: int = revision) -> object:
            return versions.save_draft(
                draft,
                content={**POLICY, "responses": ["email"]},
                expected_revision=revision,
                actor=member_actor(org.admin),
                now=now,
            )

        got = _outcomes(org, save, lambda order=order: approve(order, bea, now))  # type: ignore[misc]
        assert "ok" in got, round_
        assert len(set(got)) == 2, "one of the two was refused"
        with org.scope():
            current = versions.version_in_force(PolicyVersion, now)
            assert current is not None
            assert current.content["responses"] != ["email"]
            if (left := versions.open_draft(PolicyVersion)) is not None:
                assert left.content["responses"] == ["email"]
                versions.discard_draft(left, actor="x", now=now)
