"""A target's answer is one fact of the handoff, whoever asks for it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from leads.models import Handoff
from sla.answered import ANSWER_COLUMNS, answered_at
from sla.models import Target
from sla.tiers import TARGETS

TOUCHED, ACCEPTED = datetime(2026, 3, 2, 9, tzinfo=UTC), datetime(2026, 3, 2, 10, tzinfo=UTC)


def test_whatever_a_tier_can_promise_has_an_answer() -> None:
    assert set(TARGETS) <= set(ANSWER_COLUMNS)


def test_each_target_has_an_answer_of_its_own() -> None:
    handoff = Handoff(first_touch_at=TOUCHED, accepted_at=ACCEPTED)
    assert {target: answered_at(handoff, target) for target in TARGETS} == {
        "first_touch": TOUCHED,
        "decision": ACCEPTED,
    }
    assert all(answered_at(Handoff(), target) is None for target in Target)


@pytest.mark.parametrize("target", [each for each in Target if each not in ANSWER_COLUMNS])
def test_accepting_a_lead_answers_no_target_that_knows_no_answer(target: Target) -> None:
    assert answered_at(Handoff(first_touch_at=TOUCHED, accepted_at=ACCEPTED), target) is None


def test_a_target_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ValueError, match="third_touch"):
        answered_at(Handoff(), "third_touch")
