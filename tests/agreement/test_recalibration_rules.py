"""What numbers propose, without a database."""

import pytest

from reporting.agreement.recalibration import LEAST, Measured, Verdict, propose
from sla.proposals import rungs

HOUR = 3600
DAY = 8 * HOUR
LADDER = rungs(DAY)


def measured(present: dict, **said: object) -> Measured:
    values = {"answered": 200, "unanswered": 0, "kept": 190, "p90": 22 * 60, "p_goal": 18 * 60} | said
    return Measured("demo", "Demo", "first_touch", False, present, **values)  # type: ignore[arg-type]


def proposed(seen: Measured, percent: int = 85) -> tuple[Verdict, object]:
    found = propose(seen, LADDER, percent=percent, day_seconds=DAY)
    return found.verdict, found.duration


@pytest.mark.parametrize(
    ("present", "p90", "verdict", "duration"),
    [
        ({"minutes": 60}, 22 * 60, Verdict.TIGHTER, {"minutes": 30}),
        ({"minutes": 60}, 30 * 60, Verdict.TIGHTER, {"minutes": 30}),
        ({"minutes": 60}, 31 * 60, Verdict.KEEP, None),
        ({"minutes": 240}, 22 * 60, Verdict.TIGHTER, {"minutes": 120}),  # one step: no tighter than half
        ({"minutes": 5}, 60, Verdict.KEEP, None),  # nothing is tighter than our tightest
        ({"minutes": 90}, 50 * 60, Verdict.TIGHTER, {"minutes": 60}),
        ({"business_days": 1}, 3 * HOUR, Verdict.TIGHTER, {"minutes": 240}),
        ({"business_days": 2}, 9 * HOUR, Verdict.KEEP, None),
        ({"end_of_day": 0}, HOUR, Verdict.TIGHTER, {"minutes": 120}),
        ({"minutes": 60}, None, Verdict.KEEP, None),
    ],
)
def test_a_target_that_is_easy_is_tightened_by_one_sensible_step(present, p90, verdict, duration) -> None:
    assert proposed(measured(present, p90=p90)) == (verdict, duration)


@pytest.mark.parametrize(
    ("present", "p_goal", "verdict", "duration"),
    [
        ({"minutes": 30}, 50 * 60, Verdict.LOOSER, {"minutes": 60}),
        ({"minutes": 30}, 60 * 60, Verdict.LOOSER, {"minutes": 60}),
        ({"minutes": 30}, 61 * 60, Verdict.LOOSER, {"minutes": 120}),
        ({"minutes": 30}, 121 * 60, Verdict.NO_LENGTH_HELPS, None),  # more than four times as long
        ({"minutes": 30}, None, Verdict.NO_LENGTH_HELPS, None),  # too many are never answered
        ({"minutes": 480}, 2 * DAY, Verdict.LOOSER, {"business_days": 2}),
    ],
)
def test_a_target_that_is_not_kept_is_loosened_only_where_that_helps(
    present, p_goal, verdict, duration
) -> None:
    seen = measured(present, kept=120, p90=None, p_goal=p_goal)
    assert proposed(seen) == (verdict, duration)


def test_small_numbers_propose_nothing_in_either_direction() -> None:
    few = {"answered": LEAST - 11, "unanswered": 10}
    assert proposed(measured({"minutes": 60}, kept=LEAST - 11, **few)) == (Verdict.TOO_FEW, None)
    assert proposed(measured({"minutes": 60}, kept=1, **few)) == (Verdict.TOO_FEW, None)
    enough = {"answered": LEAST - 5, "unanswered": 5}
    assert proposed(measured({"minutes": 60}, kept=LEAST - 5, **enough))[0] == Verdict.TIGHTER


@pytest.mark.parametrize(
    ("kept", "verdict"),
    [(170, Verdict.KEEP), (169, Verdict.KEEP), (162, Verdict.KEEP), (157, Verdict.LOOSER)],
)
def test_less_than_both_want_by_no_more_than_chance_loosens_nothing(kept: int, verdict: Verdict) -> None:
    seen = measured({"minutes": 30}, kept=kept, p90=40 * 60, p_goal=31 * 60)
    assert proposed(seen)[0] == verdict


def test_what_is_not_kept_is_never_tightened() -> None:
    assert proposed(measured({"minutes": 60}, kept=169, p90=22 * 60))[0] == Verdict.KEEP


def test_by_the_wall_clock_days_are_minutes() -> None:
    ladder = rungs(24 * HOUR, wall=True)
    seen = Measured("demo", "Demo", "decision", True, {"minutes": 2880}, 100, 0, 100, 20 * HOUR, 10 * HOUR)
    found = propose(seen, ladder, percent=85, day_seconds=24 * HOUR)
    assert found.duration == {"minutes": 1440}


def test_what_is_no_duration_stays() -> None:
    assert proposed(measured({"weeks": 1})) == (Verdict.KEEP, None)
