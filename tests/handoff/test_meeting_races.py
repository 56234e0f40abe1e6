"""Two who decide about one meeting at the same moment: one outcome, one end of its handoff."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from itertools import combinations

import pytest

from core.errors import Conflict
from feedback.models import Disposition, Meeting
from handoff import meetings
from handoff.services import Actor
from leads.models import Handoff, Lead, StageChange
from sla.models import Timer
from tenants.clock import database_clock, fixed_clock
from tests.factories import Org, make_org
from tests.threads import in_threads

pytestmark = pytest.mark.django_db(transaction=True)
HOUR = timedelta(hours=1)


@pytest.fixture
def org(transactional_db: None) -> Org:
    return make_org("acme", now=database_clock(), hours="always")


@pytest.fixture
def meeting(org: Org) -> Meeting:
    """Booked for in an hour; the tests live two hours later."""
    now = database_clock()
    with org.scope():
        lead = Lead.objects.create(
            email="vera@tapir.example", first_name="Vera", last_name="Ost", created_at=now, updated_at=now
        )
        said = meetings.Booking(starts_at=now + HOUR, ae_id=org.reps[1].id, anyway=True)
        return meetings.book_meeting(
            lead_id=lead.id, said=said, actor=Actor.person(org.reps[0]), clock=fixed_clock(now)
        )


def deciding(org: Org, meeting: Meeting) -> dict[str, Callable[[], object]]:
    """What can become of it, each by somebody who may say so."""
    after = fixed_clock(meeting.starts_at + HOUR)
    ae, sdr = Actor.person(org.reps[1]), Actor.person(org.reps[0])
    said = {"meeting_id": meeting.id, "clock": after}
    day = (meeting.starts_at + timedelta(days=2)).date()
    return {
        "accepted": partial(meetings.accept_meeting, actor=ae, **said),
        "disqualified": partial(
            meetings.disqualify_meeting, actor=ae, reason="no_need", note="Builds it.", **said
        ),
        "no_show": partial(
            meetings.no_show, actor=sdr, who="prospect", follow_up=day, zone="Europe/Berlin", **said
        ),
    }


def at_once(org: Org, *acts: Callable[[], object]) -> list[str]:
    """Do all at the same moment; the words of those that were refused because somebody came first."""
    start, refused = threading.Barrier(len(acts)), list[str]()

    def act(what: Callable[[], object]) -> None:
        start.wait()
        with org.scope():
            try:
                what()
            except Conflict as error:
                refused.append(error.message)

    in_threads(*(partial(act, each) for each in acts))
    return refused


@pytest.mark.parametrize("pair", list(combinations(("accepted", "disqualified", "no_show"), 2)))
def test_of_two_outcomes_at_once_one_holds(org: Org, meeting: Meeting, pair: tuple[str, str]) -> None:
    known = deciding(org, meeting)
    refused = at_once(org, *(known[each] for each in pair))
    assert len(refused) == 1
    with org.scope():
        found = Meeting.objects.get(id=meeting.id)
        handoff = Handoff.objects.get(id=found.handoff_id)
        answers = list(Disposition.objects.filter(handoff=handoff).values_list("kind", flat=True))
        stages = list(StageChange.objects.filter(lead_id=handoff.lead_id).values_list("new", flat=True))
    assert found.state in pair
    is_accepted, is_over = found.state == "accepted", found.state == "disqualified"
    assert (handoff.accepted_at is not None) == is_accepted
    assert (handoff.state == Handoff.State.OPEN) == (not is_over)
    assert answers == ([] if found.state == "no_show" else [found.state])
    assert (found.reason_id is not None) == is_over
    assert stages.count("sal") == (1 if is_accepted else 0)
    assert stages.count("disqualified") == (1 if is_over else 0)


@pytest.mark.parametrize("outcome", ["accepted", "disqualified", "no_show"])
def test_the_same_outcome_twice_is_told_once(org: Org, meeting: Meeting, outcome: str) -> None:
    act = deciding(org, meeting)[outcome]
    assert len(at_once(org, act, act)) == 1
    with org.scope():
        assert Meeting.objects.get(id=meeting.id).state == outcome
        running = Timer.objects.filter(handoff_id=meeting.handoff_id, state=Timer.State.RUNNING)
        assert running.count() == len({(row.clock, row.target) for row in running})


def test_a_meeting_that_is_moved_while_it_is_accepted_is_either(org: Org, meeting: Meeting) -> None:
    move = partial(
        meetings.reschedule_meeting,
        meeting_id=meeting.id,
        starts_at=meeting.starts_at + 24 * HOUR,
        actor=Actor.person(org.reps[0]),
        clock=fixed_clock(meeting.starts_at + HOUR),
    )
    refused = at_once(org, deciding(org, meeting)["accepted"], move)
    assert len(refused) == 1
    with org.scope():
        found = Meeting.objects.get(id=meeting.id)
        following = Meeting.objects.exclude(id=meeting.id).count()
    assert (found.state, following) in (("accepted", 0), ("rescheduled", 1))
