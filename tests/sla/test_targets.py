"""What begins and answers a target, and how many attempts are owed: plain values, no database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handoff.attempts import owed_words
from leads.lifecycle import Stage
from leads.models import Handoff
from sla import targets
from sla.attempts import progress
from sla.targets import answered_at, answered_by, begins_at, begun_by
from sla.tiers import RESPONSES, TARGETS, Duration, TargetSpec

MQL, TOUCHED, SAL, SQL = (datetime(2026, 11, day, 9, tzinfo=UTC) for day in (2, 3, 4, 5))
SIX = TargetSpec("attempts", Duration("business_days", 10), wall=False, count=6, channels=2)


def test_every_target_knows_its_beginning_and_its_answer() -> None:
    handoff = Handoff(started_at=MQL, first_touch_at=TOUCHED, accepted_at=SAL, sql_at=SQL)
    told = {name: (begins_at(handoff, name), answered_at(handoff, name)) for name in TARGETS}
    assert told["first_touch"] == (MQL, TOUCHED)
    assert told["decision"] == (MQL, SAL)
    assert told["attempts"] == (MQL, None)
    assert told["sql_decision"] == told["sal_to_sql"] == (SAL, SQL)
    assert told["mql_to_sql"] == (MQL, SQL)
    assert told["opportunity_to_won"] == (None, None)
    assert told["nurture"] == (MQL, None)
    assert len(told) == 15


def test_a_stage_answers_what_was_promised_up_to_it() -> None:
    assert answered_by(Stage.SAL) == {"decision", "mql_to_sal"}
    assert {"sql_decision", "sal_to_sql", "mql_to_sql", "mql_to_sal"} < answered_by(Stage.SQL)
    assert "sql_to_won" not in answered_by(Stage.OPPORTUNITY)
    assert begun_by(Stage.SAL) == {"sql_decision", "sal_to_sql", "sal_to_opportunity", "sal_to_won"}


def test_targets_are_called_as_people_call_them() -> None:
    assert [targets.label(name) for name in ("first_touch", "sal_to_sql", "third_touch")] == [
        "First touch",
        "SAL to SQL",
        "Third touch",
    ]


def at(hour: int) -> datetime:
    return MQL + timedelta(hours=hour)


@pytest.mark.parametrize(
    ("kinds", "owed", "said"),
    [
        ([], 6, "6 attempts are still owed, over 2 more channels."),
        (["email"] * 2, 4, "4 attempts are still owed, one of them by another channel than e-mail."),
        (["email"] * 5, 1, "1 attempt is still owed, by another channel than e-mail."),
        (["email"] * 9, 1, "1 attempt is still owed, by another channel than e-mail."),
        (["email", "call"] * 2, 2, "2 attempts are still owed."),
    ],
)
def test_what_is_owed_is_said(kinds: list[str], owed: int, said: str) -> None:
    found = progress(SIX, [(at(hour), kind) for hour, kind in enumerate(kinds)])
    assert (found.owed, owed_words(found), found.completed_at) == (owed, said, None)


def test_the_attempt_that_makes_them_enough_completes_them_in_whatever_order_they_arrive() -> None:
    made = [(at(hour), "email") for hour in range(6)] + [(at(8), "call"), (at(9), "call")]
    assert progress(SIX, reversed(made)).completed_at == at(8)


def test_when_nothing_is_owed_no_channel_gets_on() -> None:
    found = progress(SIX, [(at(hour), "email" if hour % 2 else "call") for hour in range(6)])
    assert (found.owed, found.next_channels) == (0, ())


def attempt(drawn: int) -> tuple[datetime, str]:
    """Any within fifty hours, by any channel: out of one draw."""
    hour, channel = divmod(drawn, len(RESPONSES))
    return at(hour), RESPONSES[channel]


@given(st.lists(st.integers(0, 51 * len(RESPONSES) - 1).map(attempt), max_size=12))
def test_making_what_is_owed_by_the_channels_that_get_on_best_completes_them(
    made: list[tuple[datetime, str]],
) -> None:
    found, hour = progress(SIX, made), 100
    for _ in range(found.owed):
        made = [*made, (at(hour), progress(SIX, made).next_channels[-1])]
        hour += 1
    assert progress(SIX, made).completed_at is not None
    assert progress(SIX, made).owed == 0
    assert (found.completed_at is None) == (found.owed > 0)
