"""What each commitment counts in a month, and how it stands."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from feedback.models import Disposition, Dispute, FollowUp
from reporting.commitments.book import Book, book_of
from reporting.definitions import Share
from reporting.selectors import load_names
from reporting.selectors.feedback import feedback_of
from reporting.selectors.questions import Question
from tenants.models import Member
from tests.commitments.scenes import drain, mql, promise
from tests.factories import Org
from tests.reporting.scenes import second_team

pytestmark = pytest.mark.django_db

NOVEMBER = date(2026, 11, 1)
#: Tuesday to Friday of the second week of November, 10:00 in Berlin.
DAYS = [datetime(2026, 11, day, 9, tzinfo=UTC) for day in (10, 11, 12, 13)]


def book(org: Org, now: datetime, month: date = NOVEMBER, reader: Member | None = None) -> Book:
    drain(org)
    return book_of(tenant=org.tenant, month=month, now=now, reader=reader)


def test_an_organisation_without_anything_has_no_numbers_and_says_why(in_acme: Org, now: datetime) -> None:
    found = book(in_acme, now)
    volume = found.line("mql_volume")
    assert (volume.actual, volume.status, volume.forecast) == (0, None, None)
    for line in found.lines[1:]:
        assert line.actual is None
        assert line.status is None
        assert line.why
        assert line.forecast is None


def test_mqls_of_the_month_are_counted_against_the_business_days_that_passed(
    in_acme: Org, now: datetime
) -> None:
    promise(in_acme, "mql_volume", 21, now=now)
    for day in DAYS:
        mql(in_acme, day)
        mql(in_acme, day)
    mql(in_acme, DAYS[0] - timedelta(days=20))  # of October
    mql(in_acme, DAYS[0], is_test=True)
    line = book(in_acme, now).line("mql_volume")
    # Of 21 business days eleven are over, and of the twelfth one of its 8.5 hours.
    assert line.actual == 8
    assert line.pace == pytest.approx(11 + 1 / 8.5)
    assert line.status == "off_target"
    assert line.forecast is not None
    assert 8 < line.forecast.low < line.forecast.expected < line.forecast.high
    assert [point.value for point in line.months] == [0, 0, 0, 0, 1, 8]
    assert sum(point.value or 0 for point in line.weeks) == 9


def test_whether_rejected_mqls_count_is_a_setting_and_reasons_of_routing_take_nothing_away(
    in_acme: Org, now: datetime
) -> None:
    for reason in ("wrong_title", "wrong_title", "wrong_territory"):
        mql(in_acme, DAYS[0], answer="rejected", reason=reason)
    mql(in_acme, DAYS[0])
    promise(in_acme, "mql_volume", 10, now=now, counts_rejected=True)
    assert book(in_acme, now).line("mql_volume").actual == 4
    promise(in_acme, "mql_volume", 10, now=now, counts_rejected=False)
    line = book(in_acme, now).line("mql_volume")
    assert (line.actual, line.refused) == (2, 2)


def test_a_week_below_the_floor_is_to_be_watched_however_the_month_goes(in_acme: Org, now: datetime) -> None:
    promise(in_acme, "mql_volume", 10, now=now, weekly_floor=3)
    for number in range(9):
        mql(in_acme, DAYS[number % 4])
    line = book(in_acme, now).line("mql_volume")
    kept = [(week.monday.day, week.count, week.is_kept(3)) for week in line.floor_weeks]
    # The week from 26 October ends on Sunday, 1 November.
    assert kept == [(26, 0, False), (2, 0, False), (9, 9, True), (16, 0, None)]
    assert line.status == "watch"
    assert line.actual is not None
    assert line.pace is not None
    assert line.actual > line.pace


def test_acceptance_accuracy_completeness_and_reasons_show_base_and_what_is_left_out(
    in_acme: Org, now: datetime
) -> None:
    for _ in range(3):
        mql(in_acme, DAYS[1], answer="accepted")
    mql(in_acme, DAYS[1], answer="rejected", reason="bad_contact_data", reachable=False)
    mql(in_acme, DAYS[1], answer="rejected")
    mql(in_acme, DAYS[1], answer="nurture", reason="not_evaluating")
    mql(in_acme, DAYS[1])
    found = book(in_acme, now)
    assert found.line("acceptance").share == Share(3, 6, 1)
    assert found.line("accuracy").share == Share(5, 6, 1)
    assert found.line("completeness").share == Share(6, 7, 0)
    assert found.line("completeness").status == "watch"  # 85.7% of the default 95
    assert found.line("reasons").share == Share(1, 2, 0)


def test_mql_to_sql_follows_each_mql_for_the_same_time(in_acme: Org, now: datetime) -> None:
    old = now - timedelta(days=50)
    mql(in_acme, old, sql_after=10)
    mql(in_acme, old, sql_after=31)  # too late for its time
    mql(in_acme, old)
    mql(in_acme, now - timedelta(days=31), sql_after=2)
    mql(in_acme, now - timedelta(days=29), sql_after=2)  # too young, though an SQL
    mql(in_acme, now - timedelta(days=95), sql_after=2)  # before the rolling days
    line = book(in_acme, now).line("mql_to_sql")
    assert line.share == Share(2, 4, 1)
    # At the end of the month one more is followed, of which it is known that it became SQL, and the
    # oldest of September still are in the rolling days.
    assert line.forecast is not None
    assert line.forecast.low == pytest.approx(100 * 3 / 5)
    october = book(in_acme, now, date(2026, 10, 1)).line("mql_to_sql")
    # As it stood when October ended: those of its second half were too young, the oldest still counted.
    assert october.share == Share(2, 4, 2)


def test_sales_clocks_are_the_compliance_of_the_month(in_acme: Org, now: datetime) -> None:
    minutes = [timedelta(minutes=each) for each in (30, 60, 300)]
    for wait in minutes:
        mql(in_acme, DAYS[0], touched=DAYS[0] + wait, decided=DAYS[0] + wait)
    mql(in_acme, DAYS[0])
    mql(in_acme, now - timedelta(minutes=5))
    found = book(in_acme, now)
    assert found.line("first_touch").share == Share(2, 4, 1)
    assert found.line("decision").share == Share(3, 4, 1)
    assert found.line("first_touch").status == "off_target"
    assert found.line("attempts").why.startswith("No clock of this target ran")


def test_feedback_is_the_coverage_that_the_feedback_page_tells(in_acme: Org, now: datetime) -> None:
    for kind in ("accepted", "rejected", "nurture", ""):
        mql(in_acme, DAYS[0], answer=kind)
    mql(in_acme, now - timedelta(minutes=5))
    mql(in_acme, DAYS[0], is_history=True)
    found = book(in_acme, now)
    assert found.line("feedback").share == Share(3, 4, 1)
    question = Question(zone=ZoneInfo("Europe/Berlin"), first=NOVEMBER, last=now.date())
    told, _ = feedback_of(question, "rep", now=now, names=load_names())
    assert (told.answered, told.expected, told.not_due) == (3, 4, 1)


def test_disputes_and_what_they_ask_of_the_criteria_are_to_be_settled_within_a_week(
    in_acme: Org, now: datetime
) -> None:
    days = timedelta(days=1)
    for opened, closed, about in (
        (now - 15 * days, now - 10 * days, ""),  # in time
        (now - 15 * days, now - 5 * days, ""),  # late
        (now - 8 * days, None, ""),  # late, and still open
        (now - 2 * days, None, ""),  # not due yet
        (now - 9 * days, now - 8 * days, "criteria"),  # its follow-up still waits, and is not due yet
        (now - 9 * days, now - 8 * days, "routing"),  # nothing of marketing's
    ):
        mql(in_acme, opened - days, answer="rejected", reason="wrong_title")
        disposition = Disposition.objects.latest("id")
        dispute = Dispute.objects.create(
            handoff=disposition.handoff,
            disposition=disposition,
            argument="The title fits.",
            opened_at=opened,
            opened_by="system",
            state=about or ("upheld" if closed else "open"),
            decided_at=closed,
        )
        if about and closed:
            FollowUp.objects.create(dispute=dispute, about=about, opened_at=closed + 2 * days)
    line = book(in_acme, now).line("acting_on_feedback")
    assert line.share == Share(3, 5, 2)
    assert line.status is None  # nothing is promised until somebody sets it
    promise(in_acme, "acting_on_feedback", 90, now=now)
    assert book(in_acme, now).line("acting_on_feedback").status == "off_target"


def test_a_past_month_is_judged_by_the_target_that_held_then(in_acme: Org, now: datetime) -> None:
    october = datetime(2026, 10, 5, 9, tzinfo=UTC)
    promise(in_acme, "mql_volume", 2, now=october)
    promise(in_acme, "mql_volume", 50, now=now)
    for _ in range(3):
        mql(in_acme, october)
    before = book(in_acme, now, date(2026, 10, 1)).line("mql_volume")
    assert (before.term.target, before.status) == (2, "on_target")
    assert before.forecast is not None
    assert (before.forecast.low, before.forecast.high) == (3, 3)
    present = book(in_acme, now).line("mql_volume")
    assert (present.term.target, present.status) == (50, "off_target")
    assert [(point.target, point.status) for point in present.months][-2:] == [
        (2, "on_target"),
        (50, "off_target"),
    ]


def test_a_month_that_has_not_begun_has_targets_and_no_numbers(in_acme: Org, now: datetime) -> None:
    promise(in_acme, "mql_volume", 30, now=now, valid_from=date(2027, 1, 1))
    line = book(in_acme, now, date(2027, 1, 1)).line("mql_volume")
    assert (line.term.target, line.actual, line.why) == (30, None, "This month has not begun.")
    assert book(in_acme, now).line("mql_volume").term.target is None


def test_an_organisation_that_began_in_the_month_is_forecast_from_the_days_it_was_there(
    in_acme: Org, now: datetime
) -> None:
    for day in DAYS:
        for _ in range(5):
            mql(in_acme, day)
    line = book(in_acme, now).line("mql_volume")
    assert line.forecast is not None
    # 5 a day since the 10th, on four days of four and a bit; ten more business days are to come.
    assert 50 < line.forecast.expected < 75


def test_a_manager_is_told_the_part_of_their_teams(in_acme: Org, now: datetime) -> None:
    _, outsider = second_team(in_acme)
    mql(in_acme, DAYS[0], answer="accepted")
    mql(in_acme, DAYS[0], answer="rejected", reason="wrong_title", owner=outsider)
    found = book(in_acme, now, reader=in_acme.manager)
    assert found.line("mql_volume").actual == 2
    assert found.line("mql_volume").own == 1
    assert found.line("acceptance").share == Share(1, 2, 0)
    assert found.line("acceptance").own == Share(1, 1, 0)
    assert book(in_acme, now, reader=in_acme.marketing).line("acceptance").own is None


def test_numbers_from_roll_ups_are_those_from_facts(in_acme: Org, now: datetime) -> None:
    from reporting.models import RollUpState

    for number, day in enumerate(DAYS):
        mql(in_acme, day, answer="rejected" if number % 2 else "accepted", reason="bad_contact_data")
        mql(in_acme, day - timedelta(days=60), sql_after=3, reachable=False, touched=day)
    quick = book(in_acme, now)
    RollUpState.objects.update(zone="", handoffs_zone="")
    slow = book_of(tenant=in_acme.tenant, month=NOVEMBER, now=now)
    assert quick.lines == slow.lines
    assert quick.line("completeness").share == Share(4, 4, 0)
