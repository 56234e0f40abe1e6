"""What the agreement is told of the targets, and who hears that one changed."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest

from core.errors import Conflict
from reporting.commitments import services
from reporting.commitments.catalog import Kind
from reporting.commitments.models import CommitmentTarget
from reporting.commitments.terms import commitment_promise, commitment_terms, present_targets
from tests.commitments.scenes import promise
from tests.factories import Org

pytestmark = pytest.mark.django_db


def test_the_agreement_says_each_target_in_a_sentence(in_acme: Org, now: datetime) -> None:
    promise(in_acme, "mql_volume", 120, now=now, weekly_floor=25, counts_rejected=False)
    promise(in_acme, "acceptance", 80, now=now, valid_from=date(2027, 1, 1))
    said = {label: (side, sentence) for label, side, sentence in commitment_terms(present_targets(now))}
    assert said["MQLs a month"] == (
        "marketing",
        "At least 120 MQLs a month and 25 a week; rejected ones do not count",
    )
    assert said["Acceptance rate"] == (
        "marketing",
        "Nothing now; from January 2027: At least 80% of the MQLs that sales answered are accepted",
    )
    assert said["First touch in time"] == ("sales", "At least 85% of first touches are made in time")
    assert "Acting on feedback" not in said


def test_the_promise_changes_when_a_target_is_set_and_not_when_its_month_begins(
    in_acme: Org, now: datetime
) -> None:
    before = commitment_promise(present_targets(now))
    assert before["completeness"] == {"target": 95}
    promise(in_acme, "completeness", 98, now=now, valid_from=date(2026, 12, 1))
    announced = commitment_promise(present_targets(now))
    assert announced == {**before, "completeness": {"target": 98}}
    assert commitment_promise(present_targets(now.replace(month=12))) == announced


def test_who_listens_hears_of_a_change_and_may_refuse_it(
    in_acme: Org, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[tuple[str, dict[str, Any], dict[str, Any]]] = []

    def listen(kind: Kind, before: dict[str, Any], after: dict[str, Any], *, now: datetime) -> None:
        heard.append((kind.key, before, after))
        if after["target"] == 99:
            raise Conflict("Frozen until both sides say otherwise.")

    monkeypatch.setattr(services, "target_listeners", [listen])
    promise(in_acme, "decision", 90, now=now)
    promise(in_acme, "decision", 90, now=now)
    assert heard == [("decision", {"target": 85}, {"target": 90})]
    with pytest.raises(Conflict):
        promise(in_acme, "decision", 99, now=now)
    assert [row.target for row in CommitmentTarget.objects.all()] == [90]
