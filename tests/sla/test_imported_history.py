"""Where our own clocks are too few, imported history says which first touch could be promised."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leads.models import Handoff, ImportedCycle, Lead
from sla.imported_history import Past, clocks_of
from sla.own_history import own_history, said, way
from sla.policy_drafts import with_proposals
from sla.proposals import propose, rungs
from tests.factories import POLICY, Org

#: A Wednesday, 12:00 in Berlin; the office is open from 9:00 to 17:30.
NOW = datetime(2026, 11, 18, 11, tzinfo=UTC)
#: A Monday of long before, 10:00 in Berlin.
THEN = datetime(2026, 3, 9, 9, tzinfo=UTC)
LADDER = rungs(8 * 3_600)
SECONDS = st.floats(0, 10 * 8 * 3_600, allow_nan=False)
PAST = st.lists(
    st.one_of(
        st.builds(lambda value: Past(answered=value), SECONDS),
        st.builds(lambda value: Past(ended=value), SECONDS),
        st.builds(lambda value: Past(waited=value), SECONDS),
        st.just(Past()),
    ),
    max_size=120,
)


# --- Counting, pure -----------------------------------------------------------------------------------------


@given(PAST)
def test_every_lead_is_counted_once_or_told_as_left_out(past: list[Past]) -> None:
    clocks, unknown = clocks_of(past, LADDER)
    assert clocks.all + unknown == len(past)
    assert unknown == past.count(Past())


@given(PAST, st.integers(50, 99))
def test_what_is_proposed_was_kept_by_that_share_and_nothing_tighter_was(
    past: list[Past], percent: int
) -> None:
    clocks, _ = clocks_of(past, LADDER)
    found = propose(clocks, LADDER, percent=percent).found
    if found is None:
        return
    of = [each for each in past if each.answered is not None]
    kept = sum(each.answered <= found.seconds for each in of)
    broken = sum(each.answered > found.seconds for each in of)
    broken += sum((each.ended or 0) > found.seconds or (each.waited or 0) > found.seconds for each in past)
    assert 100 * kept >= percent * (kept + broken)
    for rung in LADDER:
        if rung.seconds >= found.seconds:
            break
        kept = sum(each.answered <= rung.seconds for each in of)
        broken = sum(
            max(each.answered or 0, each.ended or 0, each.waited or 0) > rung.seconds for each in past
        )
        assert not kept + broken or 100 * kept < percent * (kept + broken)


@given(PAST, st.integers(50, 98))
def test_a_higher_share_is_never_proposed_tighter(past: list[Past], percent: int) -> None:
    clocks, _ = clocks_of(past, LADDER)
    lower, higher = (propose(clocks, LADDER, percent=each).found for each in (percent, percent + 1))
    if higher is not None:
        assert lower is not None
        assert lower.seconds <= higher.seconds


@given(st.lists(SECONDS, min_size=30, max_size=60))
def test_it_is_never_tighter_than_the_quickest_of_all(answered: list[float]) -> None:
    clocks, _ = clocks_of([Past(answered=each) for each in answered], LADDER)
    found = propose(clocks, LADDER, percent=85).found
    assert found is None or found.seconds >= min(answered)


# --- From the database --------------------------------------------------------------------------------------


@pytest.fixture
def scoped(db: None, acme: Org) -> Iterator[Org]:
    with acme.scope():
        yield acme


def bring(
    count: int,
    minutes: int | None,
    *,
    at: datetime = THEN,
    days_only: tuple[str, ...] = (),
    outcome: str = "",
    known_for: timedelta = timedelta(days=200),
) -> None:
    """Imported leads that were touched so many minutes after they became an MQL."""
    for number in range(count):
        lead = Lead.objects.create(
            email=f"{at:%j}-{minutes}-{number}@old.example", created_at=at, updated_at=at
        )
        handoff = Handoff.objects.create(
            lead=lead,
            number=1,
            state=Handoff.State.CLOSED,
            is_history=True,
            started_at=at,
            closed_at=at + timedelta(hours=1),
            outcome=outcome,
            first_touch_at=None if minutes is None else at + timedelta(minutes=minutes),
        )
        ImportedCycle.objects.create(handoff=handoff, days_only=list(days_only), known_until=at + known_for)


def found(tier: str = "contact_form", target: str = "first_touch"):
    history = own_history(POLICY, percent=85, now=NOW)
    (one,) = [each for each in history.of(tier) if each.target == target]
    return one, said(one, history)


def test_without_own_clocks_the_import_proposes_with_its_base_and_its_days(scoped: Org) -> None:
    bring(36, 50)
    bring(4, 600)
    one, text = found()
    assert one.found == {"minutes": 60}
    assert text == (
        "Too few of our own leads count (0). Of imported history, all tiers together, on today's working "
        "hours: kept by 90% of 40 leads, of 40, 9 Mar 2026."
    )


def test_time_is_that_of_todays_working_hours(scoped: Org) -> None:
    """Friday 17:20 to Monday 9:20 is half an hour."""
    bring(40, 3_840, at=datetime(2026, 3, 13, 16, 20, tzinfo=UTC))
    assert found()[0].found == {"minutes": 30}


def test_who_was_never_touched_is_no_easy_target(scoped: Org) -> None:
    bring(30, 50)
    bring(20, None)
    one, text = found()
    assert one.found is None
    assert "not even the longest of our values was kept by 85%: 60% of 50 leads" in text


def test_days_without_times_are_left_out_and_told(scoped: Org) -> None:
    bring(36, 50)
    bring(5, 50, at=THEN + timedelta(days=1), days_only=("first_touch_at",))
    bring(5, -10, at=THEN + timedelta(days=2))
    one, text = found()
    assert one.found == {"minutes": 60}
    assert text.endswith("Left out: 10, whose times are not known or end too soon.")


@pytest.mark.parametrize("days_only", [("started_at",), ("first_touch_at",)])
def test_an_import_of_days_proposes_nothing(scoped: Org, days_only: tuple[str, ...]) -> None:
    bring(60, 50, days_only=days_only)
    one, text = found()
    assert (one.found, one.imported) == (None, None)
    assert text.startswith("Too little history to propose anything")


def test_a_file_without_any_first_touch_is_silence_and_no_zero(scoped: Org) -> None:
    bring(60, None)
    assert found()[0].imported is None


def test_only_the_first_touch_is_known_of_imports(scoped: Org) -> None:
    bring(60, 50)
    assert found(target="decision")[0].imported is None


def test_only_the_last_days_of_the_import_are_looked_at(scoped: Org) -> None:
    bring(60, 2, at=THEN - timedelta(days=91))
    bring(40, 50)
    one, _ = found()
    assert one.imported is not None
    assert (one.imported.leads, one.found) == (40, {"minutes": 60})


@pytest.mark.django_db
def test_another_organisations_import_says_nothing_here(acme: Org, globex: Org) -> None:
    with acme.scope():
        bring(60, 50)
        assert found()[0].imported is not None
    with globex.scope():
        assert found()[0].imported is None


def test_the_proposal_goes_into_the_draft_with_its_steps(scoped: Org) -> None:
    bring(60, 200)
    history = own_history(POLICY, percent=85, now=NOW)
    (demo,) = [each for each in history.of("demo_request") if each.target == "first_touch"]
    assert demo.found == {"minutes": 240}
    assert demo.proposal.steps[-1] == {"minutes": 5}
    assert way(demo).startswith("Then ")
    content = with_proposals(POLICY, history)
    assert content["tiers"][0]["targets"][0]["duration"] == {"minutes": 240}
