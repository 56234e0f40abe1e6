"""Two people, or two workers, at the same moment on real connections: one does it, and the other knows."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection

from core.errors import Conflict
from notifications.models import OutboxMessage
from reporting.mailings import watch
from reporting.mailings.models import Mailing, MailSettings
from reporting.models import Review
from reporting.reviews import services as reviews
from reporting.reviews.shown import shown_of
from tenants.models import AuditEntry, Member
from tests.factories import Org, make_org
from tests.threads import in_threads, wait_until_somebody_waits

pytestmark = pytest.mark.django_db(transaction=True)
#: Tuesday, 1 December 2026, 10:00 in Berlin: November is over, and the mails of the week before are due.
NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)


@pytest.fixture
def org(transactional_db: None) -> Org:
    return make_org("acme", now=NOW - timedelta(days=60), hours="always")


def in_scope(org: Org, what: Callable[[], object], refused: list[str]) -> None:
    with org.scope():
        try:
            what()
        except Conflict as error:
            refused.append(error.message)


def at_once(org: Org, *acts: Callable[[], object]) -> list[str]:
    """Do all at the same moment; the words of those that were refused."""
    start, refused = threading.Barrier(len(acts)), list[str]()

    def act(what: Callable[[], object]) -> None:
        start.wait()
        in_scope(org, what, refused)

    in_threads(*(partial(act, each) for each in acts))
    return refused


# --- Reviews ------------------------------------------------------------------------------------------------


@pytest.fixture
def november(org: Org) -> Review:
    with org.scope():
        reviews.open_reviews(tenant=org.tenant, now=NOW - timedelta(days=3))
        return Review.objects.get(kind="month", first_day="2026-11-01")


def close(org: Org, review: Review, member: Member) -> Callable[[], object]:
    return partial(reviews.close_review, tenant=org.tenant, member=member, review_id=review.id, now=NOW)


def closed_once(org: Org, review: Review) -> Review:
    with org.scope():
        assert AuditEntry.objects.filter(action="review.closed").count() == 1
        told = OutboxMessage.objects.filter(kind="review.closed", channel="email")
        assert told.count() == len(set(told.values_list("member_id", flat=True))) > 0
        return Review.objects.get(id=review.id)


def test_two_who_close_a_review_at_once_close_it_once(org: Org, november: Review) -> None:
    refused = at_once(org, close(org, november, org.manager), close(org, november, org.marketing))
    assert refused == ["Somebody closed this review before you."]
    found = closed_once(org, november)
    assert found.closed_by in (f"member:{org.manager.id}", f"member:{org.marketing.id}")


def test_who_comes_while_it_is_being_closed_waits_and_changes_nothing(
    org: Org, november: Review, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second is let in at the worst moment: the first has counted, and has not written yet."""
    counted = reviews.pack_of
    came = threading.Event()
    refused: list[str] = []

    def slowly(**said: Any) -> Any:
        pack = counted(**said)
        came.set()
        wait_until_somebody_waits()
        return pack

    monkeypatch.setattr(reviews, "pack_of", slowly)

    def second() -> None:
        came.wait()
        in_scope(org, close(org, november, org.marketing), refused)

    in_threads(partial(in_scope, org, close(org, november, org.manager), refused), second)
    assert refused == ["Somebody closed this review before you."]
    assert closed_once(org, november).closed_by == f"member:{org.manager.id}"


def told_of(org: Org, review: Review) -> tuple[list[str], list[str]]:
    """Notes that a closed review froze, and those that were written after it."""
    with org.scope():
        found = shown_of(Review.objects.get(id=review.id), tenant=org.tenant, now=NOW)
        return [each.text for each in found.said.notes], [each.text for each in found.addenda]


def test_a_note_that_came_before_the_close_and_is_written_after_it_is_an_addendum(
    org: Org, november: Review
) -> None:
    with org.scope():
        close(org, november, org.manager)()
        early = NOW - timedelta(seconds=1)
        reviews.write_note(actor="system", review_id=november.id, text="Late.", now=early)
        reviews.write_note(actor="system", review_id=november.id, text="At once.", now=NOW)
    assert told_of(org, november) == ([], ["Late.", "At once."])


def test_a_note_for_which_the_close_waited_is_frozen_and_no_addendum_as_well(
    org: Org, november: Review
) -> None:
    with org.scope():
        later = NOW + timedelta(seconds=1)
        reviews.write_note(actor="system", review_id=november.id, text="In time.", now=later)
        close(org, november, org.manager)()
    assert told_of(org, november) == (["In time."], [])


def test_two_workers_that_open_reviews_open_each_once(org: Org) -> None:
    opened = partial(reviews.open_reviews, tenant=org.tenant, now=NOW)
    assert at_once(org, opened, opened) == []
    with org.scope():
        found = list(Review.objects.values_list("kind", "first_day"))
    assert len(found) == len(set(found)) > 1


# --- The weekly mails ---------------------------------------------------------------------------------------


def mails(org: Org) -> list[tuple[Any, ...]]:
    with org.scope():
        written = list(Mailing.objects.order_by("kind", "member_id").values_list("kind", "week", "member_id"))
        told = OutboxMessage.objects.filter(kind__startswith="digest.", channel="email")
        assert told.count() == len(written)
        assert len(set(written)) == len(written)
    return written


def send_empty(org: Org) -> None:
    with org.scope():
        MailSettings.objects.create(sends_empty=True)


@pytest.mark.parametrize("looked_before", [True, False])
def test_two_workers_that_send_a_week_send_it_once_to_each(org: Org, looked_before: bool) -> None:
    """Also where neither has ever looked, so that there is no row yet to take turns at."""
    if looked_before:
        send_empty(org)
    tell = partial(watch.watch_tenant, now=NOW)
    assert at_once(org, tell, tell) == []
    with org.scope():
        watch.watch_tenant(now=NOW + timedelta(minutes=1))
    people = {member for kind, _, member in mails(org) if kind == "team"}
    assert people == {org.manager.id} or people >= {org.manager.id}
    if looked_before:
        assert org.marketing.id in {member for kind, _, member in mails(org) if kind == "digest"}


def test_a_worker_that_finds_another_sending_leaves_it_to_that_one(
    org: Org, monkeypatch: pytest.MonkeyPatch
) -> None:
    send_empty(org)
    holds, may_end = threading.Event(), threading.Event()
    due_week, sent = watch.due_week, list[int]()

    def slowly(*said: Any) -> Any:
        holds.set()
        may_end.wait(timeout=60)
        return due_week(*said)

    def first() -> None:
        with org.scope():
            sent.append(watch.watch_tenant(now=NOW))

    def second() -> None:
        holds.wait()
        try:
            with org.scope():
                sent.append(watch.watch_tenant(now=NOW))
        finally:
            may_end.set()

    monkeypatch.setattr(watch, "due_week", slowly)
    in_threads(first, second)
    assert sent[0] == 0, "the second did not wait"
    assert sent[1] == len(mails(org)) > 0


def test_a_worker_that_is_killed_before_it_wrote_leaves_the_week_to_the_next(
    org: Org, monkeypatch: pytest.MonkeyPatch
) -> None:
    send_empty(org)
    written = watch._write

    def killed(*said: Any) -> int:
        written(*said)
        raise KeyboardInterrupt

    monkeypatch.setattr(watch, "_write", killed)
    with pytest.raises(KeyboardInterrupt), org.scope():
        watch.watch_tenant(now=NOW)
    assert not connection.in_atomic_block
    assert mails(org) == []
    monkeypatch.setattr(watch, "_write", written)
    with org.scope():
        watch.watch_tenant(now=NOW + timedelta(minutes=5))
    assert len(mails(org)) > 0
