"""What the agreement says is what is promised, and nothing that contradicts it."""

from __future__ import annotations

from typing import Any

import pytest

from feedback.models import Reason
from reporting.agreement.dates import ordinal
from reporting.agreement.gather import present_terms
from reporting.agreement.terms import Section
from tenants import versions
from tests.commitments.scenes import promise
from tests.factories import Org

pytestmark = pytest.mark.django_db
ATTEMPTS = {"target": "attempts", "count": 6, "channels": 2, "duration": {"business_days": 10}}


def section_of(org: Org, slug: str, now) -> Section:
    with org.scope():
        found = present_terms(org.tenant, now).terms.section(slug)
    assert found is not None
    return found


def numbers(org: Org, now) -> dict[str, str]:
    return {row[1]: row[2] for row in section_of(org, "numbers", now).groups[0].rows}


def with_attempts(org: Org, now) -> None:
    """A policy of which a tier asks for attempts."""
    with org.scope():
        draft = versions.start_draft(type(org.policy), actor="system", now=now)
        content = draft.content
        content["tiers"][0]["targets"].append(ATTEMPTS)
        saved = versions.save_draft(draft, content=content, expected_revision=1, actor="system", now=now)
        versions.publish(saved, actor="system", now=now)


def test_no_share_of_attempts_is_promised_where_no_tier_asks_for_any(acme: Org, now) -> None:
    (group,) = section_of(acme, "follow_up", now).groups
    assert group.lines == ("No tier asks for a number of attempts: how often a lead is tried is left open.",)
    assert "Enough attempts" not in numbers(acme, now)
    assert "First touch in time" in numbers(acme, now)


def test_a_target_that_somebody_set_for_it_says_that_it_does_not_count_yet(acme: Org, now) -> None:
    with acme.scope():
        promise(acme, "attempts", 90, now=now)
    said = numbers(acme, now)["Enough attempts"]
    assert said == (
        "At least 90% of MQLs get the agreed attempts in time; not counted before a tier asks for it"
    )


def test_where_tiers_ask_for_attempts_both_are_said(acme: Org, now) -> None:
    with_attempts(acme, now)
    assert "contact attempts over" in section_of(acme, "follow_up", now).groups[0].lines[0]
    assert numbers(acme, now)["Enough attempts"] == "At least 85% of MQLs get the agreed attempts in time"


def test_a_target_of_all_is_said_as_all(acme: Org, now) -> None:
    said = numbers(acme, now)
    assert said["A reason for every rejection"] == "All rejections name a reason"
    assert said["Feedback on every MQL"] == "All MQLs whose decision was due have an answer"
    assert not [text for text in said.values() if "100" in text]


def test_only_rejections_are_somebodys_to_mend(acme: Org, now) -> None:
    groups: dict[str, Any] = {group.heading: group for group in section_of(acme, "reasons", now).groups}
    lost = groups["When a deal is lost"]
    assert lost.head == ("Reason", "When", "The lead")
    assert lost.rows[0] == ("Price", "", "is lost")
    assert lost.rows[-1] == ("Other", "needs a note", "is lost")
    rejected = {row[0]: row[2:] for row in groups["To reject a lead"].rows}
    assert rejected["Wrong territory"] == ("For routing to mend; no rejection", "goes to somebody else")
    assert rejected["Bad contact data"] == (
        "For marketing to mend; the owner gets the next turn",
        "is rejected",
    )


def test_where_a_reason_leads_is_said_as_what_becomes_of_the_lead(acme: Org, now) -> None:
    with acme.scope():
        Reason.objects.filter(kind="lost", slug="price").update(leads_to="nurture")
    (lost,) = [g for g in section_of(acme, "reasons", now).groups if g.heading == "When a deal is lost"]
    assert lost.rows[0][2] == "goes to nurture"


def test_a_hint_that_says_it_is_not_repeated(acme: Org, now) -> None:
    with acme.scope():
        Reason.objects.filter(kind="lost", slug="other").update(hint="Needs a note.")
    (lost,) = [g for g in section_of(acme, "reasons", now).groups if g.heading == "When a deal is lost"]
    assert lost.rows[-1] == ("Other", "Needs a note.", "is lost")


def test_where_any_one_is_enough_each_is_a_line(acme: Org, now) -> None:
    (intent,) = section_of(acme, "mql", now).groups
    assert intent.heading == "Shows intent: any one of these"
    assert intent.lines[0] == "Demo request at least once within 30 days"
    assert len(intent.lines) == 4


def test_shares_are_written_in_one_way(acme: Org, now) -> None:
    with_attempts(acme, now)
    with acme.scope():
        terms = present_terms(acme.tenant, now).terms
    said = [
        text
        for section in terms.sections
        for group in section.groups
        for text in (*group.lines, *(cell for row in group.rows for cell in row))
    ]
    assert [text for text in said if "%" in text]
    assert not [text for text in said if " %" in text or "per cent" in text]


def test_the_dates_are_said_in_sentences(acme: Org, now) -> None:
    lines = section_of(acme, "reviews", now).groups[0].lines
    assert lines == (
        "Both sides look at the numbers on the 5th of each month.",
        "Every three months the response times are looked at again by what the numbers propose.",
        (
            "For 30 days after both have signed, no other version of what is written here is published"
            " unless one of each side agrees to it."
        ),
    )


@pytest.mark.parametrize(
    ("number", "said"),
    [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (12, "12th"), (13, "13th"), (21, "21st")],
)
def test_days_of_the_month_are_ordinals(number: int, said: str) -> None:
    assert ordinal(number) == said
