"""The numbers of outbound meetings: what is held, accepted, missed by whom, and what is in no rate."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from feedback.models import Meeting, Reason
from leads.models import Handoff, Lead
from tests.factories import Org
from tests.handoff.conftest import browser
from tests.handoff.test_api import get
from web.throttling import KeyRateThrottle

pytestmark = pytest.mark.django_db

BEGINS = datetime(2026, 11, 16, 10, 0, tzinfo=UTC)
PERIOD = "from=2026-11-01&to=2026-11-30"


def meeting(org: Org, state: str = "booked", *, test: bool = False, ae: int = 1, **more: Any) -> Meeting:
    more.setdefault("starts_at", BEGINS)
    if state == "disqualified":
        more["reason"] = Reason.objects.get(kind="disqualified", slug="no_need")
    if state != "booked":
        more.setdefault("decided_at", BEGINS + timedelta(hours=2))
    deal = more.pop("opportunity_at", None)
    lead = Lead.objects.create(created_at=BEGINS, updated_at=BEGINS, is_test=test)
    handoff = Handoff.objects.create(
        lead=lead, number=1, kind="outbound", started_at=BEGINS, is_test=test, opportunity_at=deal
    )
    made: Meeting = Meeting.objects.create(
        lead=lead,
        handoff=handoff,
        sdr=org.reps[0],
        ae=org.reps[ae],
        booked_at=BEGINS - timedelta(days=1),
        ends_at=more["starts_at"] + timedelta(minutes=30),
        state=state,
        **more,
    )
    return made


@pytest.fixture
def many(acme: Org) -> Org:
    KeyRateThrottle.reset()
    with acme.scope():
        meeting(acme, "accepted", opportunity_at=BEGINS)
        meeting(acme, "accepted", ae=2)
        meeting(acme, "disqualified")
        meeting(acme, "disqualified", decided_at=BEGINS - timedelta(hours=1))
        meeting(acme, "no_show", absent="prospect")
        meeting(acme, "no_show", absent="ae")
        meeting(acme, "cancelled")
        meeting(acme, "rescheduled")
        meeting(acme)
        meeting(acme, "accepted", test=True)
        meeting(acme, "accepted", starts_at=BEGINS - timedelta(days=60))
    return acme


def test_rates_say_their_base_and_what_is_in_none(many: Org) -> None:
    total = get(many, f"reports/meetings?{PERIOD}").json()["total"]
    assert (total["booked"], total["held"], total["accepted"], total["disqualified"]) == (9, 3, 2, 1)
    assert total["no_shows"] == {"prospect": 1, "sdr": 0, "ae": 1}
    assert (total["show_rate"], total["acceptance_rate"], total["opportunity_rate"]) == (60.0, 66.7, 50.0)
    assert total["reasons"] == {"No need": 2}
    left_out = total["left_out"]
    assert (left_out["cancelled"], left_out["rescheduled"], left_out["disqualified_before"]) == (1, 1, 1)
    assert left_out["to_come"] + left_out["to_answer"] == 1
    assert total["held"] + sum(total["no_shows"].values()) + sum(left_out.values()) == total["booked"]


def test_each_sdr_and_ae_has_their_own_numbers(many: Org) -> None:
    found = get(many, f"reports/meetings?{PERIOD}").json()
    assert [(row["name"], row["booked"]) for row in found["by_sdr"]] == [("Rep1 Acme", 9)]
    assert {row["name"]: row["accepted"] for row in found["by_ae"]} == {"Rep2 Acme": 1, "Rep3 Acme": 1}


def test_a_period_without_meetings_has_no_rates(acme: Org) -> None:
    KeyRateThrottle.reset()
    found = get(acme, f"reports/meetings?{PERIOD}").json()
    assert (found["total"]["booked"], found["total"]["show_rate"], found["by_ae"]) == (0, None, [])
    assert "No meeting in this period" in browser(acme.manager).get("/meetings/report").content.decode()


def test_a_rep_sees_their_own_and_the_file_has_the_same_rows(many: Org) -> None:
    whole = browser(many.executive).get(f"/meetings/report?{PERIOD}").content.decode()
    assert "Rep3 Acme" in whole
    own = browser(many.reps[2]).get(f"/meetings/report?{PERIOD}")
    assert "Rep3 Acme" in own.content.decode()
    assert "Rep2 Acme" not in own.content.decode()
    file = browser(many.executive).get(f"/meetings/report.csv?{PERIOD}").content.decode()
    assert "AE,Rep3 Acme,1,1,1,0" in file


def test_the_page_says_what_the_reasons_are_of(many: Org) -> None:
    page = browser(many.manager).get(f"/meetings/report?{PERIOD}").content.decode()
    assert ">9</a> were to begin" in page
    assert page.count("of 2 disqualified, 1 of them before it began") == 1  # there is one reason


def test_every_number_leads_to_exactly_its_meetings(many: Org) -> None:
    reader = browser(many.executive)
    page = reader.get(f"/meetings/report?{PERIOD}").content.decode()
    numbers = re.findall(r'<a href="(/meetings/report/meetings\?[^"]+)">([\d,]+)</a>', page)
    assert {parse_qs(urlsplit(unescape(way)).query)["what"][0] for way, _ in numbers} >= {
        *("booked", "held", "accepted", "opportunities", "no_show_prospect", "no_show_ae"),
        *("disqualified", "all_disqualified", "left_out"),
    }
    for way, number in numbers:
        behind = reader.get(unescape(way))
        assert f"<p>{number} meeting" in behind.content.decode(), way
        assert len(behind.context["rows"]) == int(number), way
        told = get(many, f"reports/meetings/list?{urlsplit(unescape(way)).query}").json()["results"]
        assert [row["id"] for row in told] == [str(row.id) for row in behind.context["rows"]]


def test_a_rep_sees_no_meeting_of_others_behind_a_number_either(many: Org) -> None:
    own = browser(many.reps[2]).get(f"/meetings/report/meetings?{PERIOD}&what=booked")
    assert own.context["count"] == 1
    file = browser(many.reps[2]).get(f"/meetings/report/meetings.csv?{PERIOD}&what=booked").content.decode()
    assert file.count("\n") == 2  # the head and one
    assert browser(many.manager).get("/meetings/report/meetings?what=nonsense").status_code == 400
