"""Which rejections stand on a weekly sheet: a choice that no reason can fill, and that is always the same."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feedback.sheet import Candidate, pick

AT = datetime(2026, 11, 17, 9, tzinfo=UTC)
REASONS = ("wrong_title", "no_budget", "competitor", "duplicate")


def candidate(
    number: int, reason: str = "wrong_title", *, score: float = 0, disputed: bool = False
) -> Candidate:
    words = f"score {score:g}" if score else ""
    at = AT + timedelta(minutes=number)
    return Candidate(UUID(int=number), reason, reason.capitalize(), disputed, (score,), words, at)


candidates = st.lists(
    st.builds(
        candidate,
        st.integers(0, 10_000),
        st.sampled_from(REASONS),
        score=st.integers(0, 5),
        disputed=st.booleans(),
    ),
    unique_by=lambda each: each.id,
    max_size=40,
)


def test_reasons_take_turns_however_often_one_was_given() -> None:
    loud = [candidate(number, "wrong_title", score=90) for number in range(30)]
    quiet = [candidate(40, "no_budget", score=1), candidate(41, "competitor", score=2)]
    found = [each.candidate.reason for each in pick([*loud, *quiet], 5)]
    assert found == ["wrong_title", "competitor", "no_budget", "wrong_title", "wrong_title"]


def test_within_a_reason_the_disputed_come_first_and_then_the_most_valuable() -> None:
    rows = [
        candidate(1, score=80),
        candidate(2, score=10, disputed=True),
        candidate(3, score=40),
        candidate(4, score=20, disputed=True),
    ]
    assert [each.candidate.id.int for each in pick(rows, 5)] == [4, 2, 1, 3]


def test_each_says_why_it_was_picked() -> None:
    rows = [candidate(1, score=80), candidate(2, score=40), candidate(3, "no_budget", score=5, disputed=True)]
    assert [each.why for each in pick(rows, 5)] == [
        "The only one rejected as “No_budget”, disputed: score 5.",
        "The most valuable of 2 rejected as “Wrong_title”: score 80.",
        "Number 2 by value of 2 rejected as “Wrong_title”: score 40.",
    ]


def test_of_nothing_nothing_is_picked() -> None:
    assert pick([], 7) == []


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(candidates, st.integers(5, 10))
def test_no_reason_takes_more_than_its_share_while_others_wait(rows: list[Candidate], size: int) -> None:
    found = pick(rows, size)
    assert len(found) == min(size, len(rows))
    taken = Counter(each.candidate.reason for each in found)
    chosen = {each.candidate.id for each in found}
    for waiting in {each.reason for each in rows if each.id not in chosen}:
        assert max(taken.values()) <= taken[waiting] + 1


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(candidates, st.integers(5, 10), st.randoms())
def test_the_order_in_which_they_are_given_does_not_matter(
    rows: list[Candidate], size: int, chance: Random
) -> None:
    before = pick(rows, size)
    shuffled = list(rows)
    chance.shuffle(shuffled)
    assert pick(shuffled, size) == before


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(candidates, st.integers(5, 10))
def test_a_disputed_one_never_waits_for_one_of_its_reason_that_is_not(
    rows: list[Candidate], size: int
) -> None:
    chosen = {each.candidate.id for each in pick(rows, size)}
    for reason in REASONS:
        its = [each for each in rows if each.reason == reason]
        waits = any(each.disputed and each.id not in chosen for each in its)
        assert not (waits and any(not each.disputed and each.id in chosen for each in its))
