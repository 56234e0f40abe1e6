"""The card of a drill as a pure judgement: what counts as working, failed, left out, or still to come."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from integrations.drill.cards import (
    STEPS,
    Fired,
    Result,
    Seen,
    Told,
    as_json,
    card_of,
    from_json,
    has_passed,
    is_settled,
)

NOW = datetime(2026, 11, 17, 9, 0, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


LADDER = [(50, ["remind_owner"]), (80, ["warn_manager"]), (100, ["tell_manager", "reassign"])]
ALL_WELL = Seen(
    answer={"status": 201, "ms": 120},
    started_at=NOW,
    judged="By version 1 of the criteria.",
    owners=["Rhea", "Remo"],
    moved_at=after(21.5),
    due_at=after(20),
    ladder=LADDER,
    fired=[Fired(50, ["remind_owner"], 900), Fired(80, ["warn_manager"], 400), Fired(100, [], 1200)],
    messages=[
        Told("lead.assigned", "e-mail", "Rhea", "sent", after(2)),
        Told("lead.assigned", "the app", "Rhea", "sent", after(3)),
        Told("lead.assigned", "webhook", "", "sent", after(2)),
        Told("timer.breached", "e-mail", "Mona", "sent", after(24)),
    ],
    receipts=[("lead.assigned", after(2.5)), ("timer.breached", after(25))],
)


def results(seen: Seen, *, over: bool = False) -> dict[str, Result]:
    return {line.step: line.result for line in card_of(seen, over=over)}


def test_a_lead_that_went_the_whole_way_has_every_step_in_its_order() -> None:
    lines = card_of(ALL_WELL, over=False)
    assert [line.step for line in lines] == list(STEPS)
    assert {line.result for line in lines} == {Result.OK}
    took = {line.step: line.ms for line in lines}
    assert (took["received"], took["told"], took["webhook"]) == (120, 3000, 2500)
    assert (took["warned"], took["breached"], took["escalated"], took["moved"]) == (900, 1200, 4000, 1500)
    assert has_passed([lines])
    assert is_settled([lines])


def test_the_channels_stand_in_one_order_whichever_message_was_read_first() -> None:
    first, second, *others = ALL_WELL.messages
    for messages in ([first, second, *others], [second, first, *others]):
        lines = {line.step: line for line in card_of(replace(ALL_WELL, messages=messages), over=True)}
        assert lines["told"].text == "Rhea by e-mail and the app."


@pytest.mark.parametrize(
    ("change", "step"),
    [
        ({"messages": []}, "told"),
        ({"receipts": []}, "webhook"),
        ({"fired": ALL_WELL.fired[:1]}, "warned"),
        ({"fired": ALL_WELL.fired[:2]}, "breached"),
        ({"owners": ["Rhea"]}, "moved"),
        ({"messages": [replace(ALL_WELL.messages[0], state="pending", sent_at=None)]}, "told"),
    ],
)
def test_what_has_not_come_is_waited_for_and_fails_in_the_end(change: dict[str, object], step: str) -> None:
    seen = replace(ALL_WELL, **change)  # type: ignore[arg-type]
    assert results(seen)[step] is Result.WAITING
    assert not is_settled([card_of(seen, over=False)])
    assert results(seen, over=True)[step] is Result.FAILED
    assert not has_passed([card_of(seen, over=True)])


@pytest.mark.parametrize(
    ("change", "step"),
    [
        ({"answer": {"status": 400, "detail": "No such field."}}, "received"),
        ({"answer": {"error": "The portal cannot be reached."}}, "received"),
        ({"started_at": None, "judged": "It waits for data: Phone."}, "qualified"),
        ({"owners": [], "waits": "Everybody in the pool is at their cap."}, "routed"),
        ({"messages": [replace(ALL_WELL.messages[0], state="dead", sent_at=None)]}, "told"),
    ],
)
def test_what_cannot_come_right_any_more_fails_at_once(change: dict[str, object], step: str) -> None:
    assert results(replace(ALL_WELL, **change))[step] is Result.FAILED  # type: ignore[arg-type]


def test_what_the_set_up_does_not_ask_for_is_left_out() -> None:
    quiet = replace(ALL_WELL, ladder=[(100, [])], owners=["Rhea"], messages=ALL_WELL.messages[:3])
    left_out = {step for step, result in results(quiet).items() if result is Result.LEFT_OUT}
    assert left_out == {"warned", "escalated", "moved"}
    shadow = results(replace(ALL_WELL, shadow=True, owners=["Rhea"]))
    assert {shadow["told"], shadow["webhook"], shadow["escalated"], shadow["moved"]} == {Result.LEFT_OUT}
    assert results(replace(ALL_WELL, due_at=None))["breached"] is Result.LEFT_OUT
    nurtured = results(replace(ALL_WELL, nurtured=True, owners=[]))
    assert {nurtured[step] for step in list(STEPS)[2:]} == {Result.LEFT_OUT}
    held = results(replace(ALL_WELL, owners=[], allowed=True, waits="Held until somebody is at work."))
    assert held["routed"] is Result.LEFT_OUT


def test_what_an_answered_lead_does_not_do_any_more_is_left_out_and_not_failed() -> None:
    in_time = replace(
        ALL_WELL, answered=True, owners=["Rhea"], fired=ALL_WELL.fired[:1], messages=ALL_WELL.messages[:2]
    )
    said = results(in_time, over=True)
    assert {step: said[step] for step in ("warned", "breached", "escalated", "moved")} == dict.fromkeys(
        ("warned", "breached", "escalated", "moved"), Result.LEFT_OUT
    )
    assert has_passed([card_of(in_time, over=True)])
    assert is_settled([card_of(in_time, over=False)])
    between = replace(ALL_WELL, answered=True, owners=["Rhea"], messages=ALL_WELL.messages[:2])
    said = results(between, over=True)
    assert (said["warned"], said["breached"]) == (Result.OK, Result.OK)
    assert (said["escalated"], said["moved"]) == (Result.LEFT_OUT, Result.LEFT_OUT)


def test_an_answer_excuses_no_message_that_does_not_get_away() -> None:
    written = replace(ALL_WELL.messages[3], state="pending", sent_at=None)
    seen = replace(ALL_WELL, answered=True, messages=[*ALL_WELL.messages[:2], written])
    assert results(seen)["escalated"] is Result.WAITING
    assert results(seen, over=True)["escalated"] is Result.FAILED
    assert results(replace(ALL_WELL, answered=True))["moved"] is Result.OK


def test_every_card_has_every_step_once_whatever_was_seen() -> None:
    for seen in (ALL_WELL, Seen({}), replace(ALL_WELL, owners=[]), replace(ALL_WELL, nurtured=True)):
        for over in (False, True):
            assert [line.step for line in card_of(seen, over=over)] == list(STEPS)


def test_a_card_is_kept_and_read_again() -> None:
    lines = card_of(ALL_WELL, over=True)
    assert from_json(as_json(lines)) == lines
