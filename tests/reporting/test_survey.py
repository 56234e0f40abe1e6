"""The alignment survey: answered once a quarter, read without names, and only when nobody can be told."""

from __future__ import annotations

import re
import threading
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from notifications.models import OutboxMessage
from reporting.models import SurveyAnswer, SurveyDone, SurveyQuestion
from reporting.outcomes.survey import (
    ask_quarterly,
    quarter_of,
    questions,
    results,
    set_questions,
    today_of,
)
from tenants.clock import database_clock
from tests.factories import Org, make_org
from tests.reporting.scenes import browser
from tests.threads import in_threads

pytestmark = pytest.mark.django_db

ALL_FOURS = {f"scores_{place}": "4" for place in range(1, 6)}


def now_quarter(org: Org) -> str:
    return quarter_of(today_of(org.tenant, database_clock()))


def past(quarter: str, side: str, score: int, number: int, note: str = "") -> None:
    for _ in range(number):
        scores = {str(each.id): score for each in questions()}
        SurveyAnswer.objects.create(quarter=quarter, side=side, scores=scores, note=note)


def test_everybody_answers_once_a_quarter(in_acme: Org) -> None:
    client = browser(in_acme.reps[0])
    assert "what they said is shown when the quarter is over" in client.get("/survey").content.decode()
    assert client.post("/survey", ALL_FOURS | {"note": "More context, please."}).status_code == 302
    assert "You have answered this quarter" in client.get("/survey").content.decode()
    assert client.post("/survey", ALL_FOURS).status_code == 409
    assert SurveyAnswer.objects.count() == SurveyDone.objects.count() == 1


def test_an_answer_names_nobody_and_no_time(in_acme: Org) -> None:
    browser(in_acme.marketing).post("/survey", ALL_FOURS)
    kept = SurveyAnswer.objects.get()
    assert (kept.side, kept.quarter, kept.id.version) == ("marketing", now_quarter(in_acme), 4)
    stored = str(SurveyAnswer.objects.values().get())
    assert str(in_acme.marketing.id) not in stored
    assert "datetime" not in stored


@pytest.mark.parametrize("said", [{}, ALL_FOURS | {"scores_3": "6"}, ALL_FOURS | {"scores_1": ""}])
def test_an_unfinished_answer_is_shown_again(in_acme: Org, said: dict[str, str]) -> None:
    answer = browser(in_acme.manager).post("/survey", said)
    assert answer.status_code == 422
    assert not SurveyDone.objects.exists()


def test_who_is_of_no_side_reads_and_does_not_answer(in_acme: Org) -> None:
    client = browser(in_acme.executive)
    assert client.get("/survey").context["form"] is None
    assert client.post("/survey", ALL_FOURS).status_code == 403
    assert not SurveyAnswer.objects.exists()


def test_a_side_with_few_answers_is_not_shown_and_a_running_quarter_neither(in_acme: Org) -> None:
    browser(in_acme.admin).post("/survey/questions", {f"text_{n}": f"Sentence {n}." for n in range(1, 6)})
    past("2025Q1", "sales", 5, 5, "Good.")
    past("2025Q1", "marketing", 1, 4, "Mine alone.")
    past(now_quarter(in_acme), "sales", 1, 9)
    found = results(running=now_quarter(in_acme))
    assert [each.quarter for each in found] == ["2025Q1"]
    sales, marketing = found[0].sides["sales"], found[0].sides["marketing"]
    assert marketing.scores is None
    assert sales.scores is not None
    assert {(score.mean, score.agree, score.base) for score in sales.scores.values()} == {(5, 5, 5)}
    page = browser(in_acme.reps[0]).get("/survey").content.decode()
    assert "Marketing: 4 answers, too few to show" in page
    assert "Good." in page
    assert "Mine alone." not in page


def test_a_reworded_question_begins_a_trend_of_its_own(in_acme: Org) -> None:
    set_questions(["One.", "Two.", "Three.", "Four.", "Five."], actor="x", now=database_clock())
    past("2025Q1", "sales", 4, 5)
    set_questions(["One.", "Second.", "Three.", "Four.", "Five."], actor="x", now=database_clock())
    past("2025Q2", "sales", 2, 5)
    asked = {each.quarter: [question.text for question in each.asked] for each in results(running="2026Q1")}
    assert asked["2025Q1"][1] == "Two."
    assert asked["2025Q2"][1] == "Second."
    assert SurveyQuestion.objects.filter(retired_at__isnull=True).count() == 5
    refused = browser(in_acme.admin).post("/survey/questions", {"text_1": ""})
    assert refused.status_code == 422
    assert browser(in_acme.manager).get("/survey/questions").status_code == 403


def test_both_sides_are_asked_once_from_the_second_month_on(in_acme: Org) -> None:
    def ask(*day: int) -> Any:
        return ask_quarterly(tenant=in_acme.tenant, now=datetime(*day, 9, tzinfo=UTC))  # type: ignore[misc]

    assert ask(2026, 10, 31) == 0
    asked = ask(2026, 11, 1)
    assert asked >= 5
    assert ask(2026, 12, 24) == 0
    told = set(OutboxMessage.objects.filter(kind="survey.asked").values_list("member_id", flat=True))
    assert {in_acme.marketing.id, in_acme.manager.id, in_acme.reps[0].id} <= told
    assert in_acme.admin.id not in told
    assert ask(2027, 2, 1) == asked


def seal_on(page: str) -> str:
    found = re.search(r'name="seal" value="([0-9a-f]{16})"', page)
    assert found is not None
    return found[1]


def test_an_answer_to_a_question_that_was_reworded_meanwhile_is_not_kept_for_another(in_acme: Org) -> None:
    client = browser(in_acme.reps[0])
    seal = seal_on(client.get("/survey").content.decode())
    texts = [each.text for each in questions()]
    set_questions(["Marketing is to blame.", *texts[1:]], actor="system", now=database_clock())
    refused = client.post("/survey", ALL_FOURS | {"seal": seal})
    page = refused.content.decode()
    assert refused.status_code == 409
    assert "The questions were changed meanwhile" in page
    assert "Marketing is to blame." in page
    assert not SurveyAnswer.objects.exists()
    assert client.post("/survey", ALL_FOURS | {"seal": seal_on(page)}).status_code == 302


def test_who_changes_questions_that_somebody_changed_meanwhile_is_told(in_acme: Org) -> None:
    client = browser(in_acme.admin)
    seal = seal_on(client.get("/survey/questions").content.decode())
    texts = [each.text for each in questions()]
    set_questions(["Another?", *texts[1:]], actor="system", now=database_clock())
    mine = {f"text_{place}": f"{place}?" for place in range(1, 6)}
    assert client.post("/survey/questions", mine | {"seal": seal}).status_code == 409
    assert questions()[0].text == "Another?"
    now = seal_on(client.get("/survey/questions").content.decode())
    assert client.post("/survey/questions", mine | {"seal": now}).status_code == 302


@pytest.mark.django_db(transaction=True)
def test_two_who_change_the_questions_at_once_come_one_after_the_other() -> None:
    now = datetime(2026, 11, 17, 9, tzinfo=UTC)
    org = make_org("acme", now=now)
    start = threading.Barrier(2)

    def change(word: str) -> None:
        start.wait()
        with org.scope():
            set_questions([f"{word} {place}" for place in range(5)], actor="system", now=now)

    in_threads(partial(change, "One"), partial(change, "Two"))
    with org.scope():
        assert [each.place for each in questions()] == [1, 2, 3, 4, 5]
        assert len({each.text.split()[0] for each in questions()}) == 1
