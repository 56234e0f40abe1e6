"""Reviews of months and quarters: who writes, who closes, and what stays."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.errors import Conflict
from notifications.context import Context, Row, contexts
from notifications.models import OutboxMessage
from reporting.models import Review, ReviewDecision, ReviewNote
from reporting.reviews import mail
from reporting.reviews.services import close_review, open_reviews, remind, set_remind_days
from tests import pdfs
from tests.commitments.scenes import drain, mql
from tests.factories import Org
from tests.reporting.scenes import browser
from tests.reviews.conftest import SetClock, cell

pytestmark = pytest.mark.django_db


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


# --- The list -----------------------------------------------------------------------------------------------


def test_the_present_month_and_quarter_are_opened_and_those_before_that_had_leads(scene: Org) -> None:
    found = Review.objects.order_by("first_day", "kind").values_list("kind", "first_day")
    assert [(kind, day.isoformat()) for kind, day in found] == [
        ("month", "2026-10-01"),
        ("quarter", "2026-10-01"),
        ("month", "2026-11-01"),
    ]


def test_opening_again_opens_nothing(scene: Org, now: datetime) -> None:
    assert open_reviews(tenant=scene.tenant, now=now) == 0
    assert open_reviews(tenant=scene.tenant, now=now + timedelta(days=20)) == 1  # December


def test_the_list_tells_states(scene: Org) -> None:
    said = text_of(browser(scene.executive).get("/reviews").content.decode())
    assert "November 2026 So far" in said
    assert "October 2026 Over, not closed" in said
    assert "Quarter 4 of 2026 So far" in said


def test_an_organisation_without_leads_has_its_reviews(acme: Org, now: datetime) -> None:
    client = browser(acme.admin)
    assert "No review yet" in client.get("/reviews").content.decode()
    with acme.scope():
        open_reviews(tenant=acme.tenant, now=now)
        found = list(Review.objects.all())
    assert len(found) == 2
    for each in found:
        for ending in ("", ".pdf", ".csv", ".xlsx"):
            assert client.get(f"/reviews/{each.id}{ending}").status_code == 200


def test_a_rep_has_no_reviews(scene: Org, october: Review) -> None:
    client = browser(scene.reps[0])
    for path in ("", f"/{october.id}", f"/{october.id}.pdf", f"/{october.id}.csv"):
        assert client.get(f"/reviews{path}").status_code == 403
    assert client.post(f"/reviews/{october.id}/close").status_code == 403


# --- The pack -----------------------------------------------------------------------------------------------


def test_a_month_tells_its_numbers_with_their_bases(scene: Org, october: Review) -> None:
    client = browser(scene.marketing)
    assert cell(client, october, "Deadlines", "First touch", "Kept") == "4"
    assert cell(client, october, "Deadlines", "First touch", "Of") == "6"
    assert cell(client, october, "Stages", "MQL", "Reached") == "6"
    assert cell(client, october, "Answers", "Rejected, as answered", "Count") == "2"
    assert cell(client, october, "Answers", "Rejected, as answered", "Of") == "6"
    assert cell(client, october, "Leads that came in the period", "All sources", "Leads") == "6"
    page = client.get(f"/reviews/{october.id}").content.decode()
    assert "/compliance?from=2026-10-01&amp;to=2026-10-31" in page
    assert "/commitments?month=2026-10" in page


def test_a_quarter_has_each_months_commitments_and_proposes_targets(scene: Org) -> None:
    quarter = Review.objects.get(kind="quarter")
    said = text_of(browser(scene.executive).get(f"/reviews/{quarter.id}").content.decode())
    assert "October 2026 October 2026 Commitment" in said
    assert "November 2026, so far November 2026, so far Commitment" in said
    assert "December 2026" not in said
    assert "Proposed targets" in said
    assert "Too few: " in said


def test_what_was_promised_in_the_month_is_told(scene: Org, november: Review) -> None:
    said = text_of(browser(scene.manager).get(f"/reviews/{november.id}").content.decode())
    assert "Target of MQLs a month, 17 Nov 2026" in said
    assert "20 from November 2026: As agreed." in said


def test_the_page_costs_as_many_queries_however_much_there_is(scene: Org, october: Review) -> None:
    client = browser(scene.manager)
    client.get(f"/reviews/{october.id}")
    with CaptureQueriesContext(connection) as few:
        client.get(f"/reviews/{october.id}")
    for number in range(20):
        mql(scene, datetime(2026, 10, 14, 9, tzinfo=UTC), source=f"Source {number}", answer="accepted")
        ReviewNote.objects.create(
            review=october, text="Well.", at=october.opened_at, by=f"member:{scene.manager.id}"
        )
    drain(scene)
    with CaptureQueriesContext(connection) as many:
        client.get(f"/reviews/{october.id}")
    assert len(many) <= len(few) + 2  # leaks ask more once there are any
    assert len(many) <= 75


# --- Writing ------------------------------------------------------------------------------------------------


def test_both_sides_write_notes_and_decisions(scene: Org, october: Review) -> None:
    for member in (scene.marketing, scene.manager, scene.admin):
        client = browser(member)
        assert client.post(f"/reviews/{october.id}/notes", {"text": f"By {member.name}"}).status_code == 302
    said = {"text": "Call within the hour.", "owner": str(scene.manager.id), "due_on": "2026-12-01"}
    assert browser(scene.marketing).post(f"/reviews/{october.id}/decisions", said).status_code == 302
    page = text_of(browser(scene.executive).get(f"/reviews/{october.id}").content.decode())
    assert f"By {scene.marketing.name}" in page
    assert f"Call within the hour. {scene.marketing.name}" in page
    executive = browser(scene.executive)
    assert executive.post(f"/reviews/{october.id}/notes", {"text": "I too"}).status_code == 403
    assert executive.post(f"/reviews/{october.id}/decisions", said).status_code == 403


@pytest.mark.parametrize(
    ("field", "value"),
    [("text", "  "), ("owner", ""), ("due_on", "2026-11-16"), ("due_on", "soon"), ("due_on", "2099-01-01")],
)
def test_a_decision_that_cannot_be_is_refused_at_its_field(
    scene: Org, october: Review, field: str, value: str
) -> None:
    said = {"text": "Call.", "owner": str(scene.manager.id), "due_on": "2026-12-01", field: value}
    answer = browser(scene.manager).post(f"/reviews/{october.id}/decisions", said)
    assert answer.status_code == 422
    assert list(answer.context["decision_form"].errors) == [field]
    assert not ReviewDecision.objects.exists()


def test_a_rep_owns_no_decision(scene: Org, october: Review) -> None:
    said = {"text": "Call.", "owner": str(scene.reps[0].id), "due_on": "2026-12-01"}
    assert browser(scene.manager).post(f"/reviews/{october.id}/decisions", said).status_code == 422


def test_a_note_of_nothing_is_refused(scene: Org, october: Review) -> None:
    for text in ("", "   ", "x" * 1_001):
        answer = browser(scene.manager).post(f"/reviews/{october.id}/notes", {"text": text})
        assert answer.status_code == 422
    assert not ReviewNote.objects.exists()


def test_a_decision_is_done_once_by_its_owner_or_a_writer(scene: Org, october: Review) -> None:
    made = ReviewDecision.objects.create(
        review=october,
        text="Call.",
        owner=scene.executive,
        due_on="2026-11-20",
        at=october.opened_at,
        by="system",
    )
    client = browser(scene.executive)
    assert client.post(f"/reviews/decisions/{made.id}/done").status_code == 302
    assert client.post(f"/reviews/decisions/{made.id}/done").status_code == 409
    others = ReviewDecision.objects.create(
        review=october,
        text="Mail.",
        owner=scene.manager,
        due_on="2026-11-20",
        at=october.opened_at,
        by="system",
    )
    assert client.post(f"/reviews/decisions/{others.id}/done").status_code == 403


# --- Closing ------------------------------------------------------------------------------------------------


def test_a_closed_review_keeps_its_numbers(scene: Org, october: Review) -> None:
    client = browser(scene.executive)
    assert client.post(f"/reviews/{october.id}/close").status_code == 302
    mql(scene, datetime(2026, 10, 20, 9, tzinfo=UTC), answer="rejected", reason="bad_contact_data")
    drain(scene)
    assert cell(client, october, "Stages", "MQL", "Reached") == "6"
    page = text_of(client.get(f"/reviews/{october.id}").content.decode())
    assert f"Closed by {scene.executive.name}" in page
    assert "Numbers since corrected" not in page
    corrected = text_of(client.get(f"/reviews/{october.id}?corrected=1").content.decode())
    assert "Stages: MQL Funnel Reached 6 7" in corrected


def test_a_closed_review_is_compared_without_difference_where_nothing_changed(
    scene: Org, october: Review
) -> None:
    client = browser(scene.manager)
    client.post(f"/reviews/{october.id}/close")
    page = client.get(f"/reviews/{october.id}?corrected=1").content.decode()
    assert "every number is the same" in page


def test_a_period_that_is_not_over_cannot_be_closed(scene: Org, november: Review) -> None:
    answer = browser(scene.admin).post(f"/reviews/{november.id}/close")
    assert answer.status_code == 409
    assert "once November 2026 is over" in answer.content.decode()
    november.refresh_from_db()
    assert november.state == Review.State.OPEN


def test_a_period_is_over_at_the_organisations_midnight(
    scene: Org, november: Review, set_clock: SetClock
) -> None:
    client = browser(scene.admin)
    set_clock(datetime(2026, 11, 30, 22, 59, tzinfo=UTC))
    assert client.post(f"/reviews/{november.id}/close").status_code == 409
    set_clock(datetime(2026, 11, 30, 23, 1, tzinfo=UTC))
    assert client.post(f"/reviews/{november.id}/close").status_code == 302


def test_the_second_who_closes_is_told_so(scene: Org, october: Review, now: datetime) -> None:
    assert browser(scene.marketing).post(f"/reviews/{october.id}/close").status_code == 302
    answer = browser(scene.manager).post(f"/reviews/{october.id}/close")
    assert answer.status_code == 409
    assert "Somebody closed this review before you." in answer.content.decode()
    october.refresh_from_db()
    assert october.closed_by == f"member:{scene.marketing.id}"
    with pytest.raises(Conflict):
        close_review(tenant=scene.tenant, member=scene.admin, review_id=october.id, now=now)


def test_after_the_close_notes_are_addenda_and_nothing_more_is_decided(
    scene: Org, october: Review, set_clock: SetClock, now: datetime
) -> None:
    client = browser(scene.manager)
    client.post(f"/reviews/{october.id}/notes", {"text": "Before."})
    client.post(f"/reviews/{october.id}/close")
    set_clock(now + timedelta(hours=1))
    assert client.post(f"/reviews/{october.id}/notes", {"text": "Afterwards."}).status_code == 302
    said = {"text": "Call.", "owner": str(scene.manager.id), "due_on": "2026-12-01"}
    assert client.post(f"/reviews/{october.id}/decisions", said).status_code == 409
    page = text_of(client.get(f"/reviews/{october.id}").content.decode())
    before, _, after = page.partition("Written after the close")
    assert "Before." in before
    assert "Afterwards." not in before
    assert "Afterwards." in after


def test_what_is_done_after_the_close_is_told_as_such(
    scene: Org, october: Review, set_clock: SetClock, now: datetime
) -> None:
    client = browser(scene.manager)
    said = {"text": "Call.", "owner": str(scene.manager.id), "due_on": "2026-12-01"}
    client.post(f"/reviews/{october.id}/decisions", said)
    client.post(f"/reviews/{october.id}/close")
    set_clock(now + timedelta(days=1))
    client.post(f"/reviews/decisions/{ReviewDecision.objects.get().id}/done")
    assert "since the close" in client.get(f"/reviews/{october.id}").content.decode()


# --- Paper and mail -----------------------------------------------------------------------------------------


def test_the_paper_says_what_the_page_says(scene: Org, october: Review) -> None:
    client = browser(scene.manager)
    client.post(f"/reviews/{october.id}/notes", {"text": "Evenings are empty."})
    client.post(f"/reviews/{october.id}/close")
    answer = client.get(f"/reviews/{october.id}.pdf")
    assert answer["Content-Type"] == "application/pdf"
    said = pdfs.text_of(answer.content)
    assert "Review of October 2026" in said
    assert f"Closed by {scene.manager.name}" in said
    assert "Evenings are empty." in said
    # Its widest table breaks no word.
    assert "Marketing" in said
    for head in ("Commitment Side Target Actual Count Of", "Standing Remark"):
        assert head in said
    assert answer.content == client.get(f"/reviews/{october.id}.pdf").content


def test_a_close_tells_marketing_managers_and_executives(scene: Org, october: Review, now: datetime) -> None:
    browser(scene.marketing).post(f"/reviews/{october.id}/close")
    told = OutboxMessage.objects.filter(kind="review.closed", channel="email")
    roles = set(told.values_list("member__role", flat=True))
    assert roles == {"marketing", "manager", "executive"}


def mails_about(review: Review, org: Org, now: datetime, channel: str = "email") -> list[Context]:
    """What two people get when it is sent."""
    rows = [
        Row(uuid4(), "review.closed", f"review:{review.id}", {}, member.id, now, channel=channel)
        for member in (org.manager, org.executive)
    ]
    found = contexts(rows, now)
    return [found[row.id] for row in rows]


def test_the_mail_of_a_closed_review_says_what_was_decided_and_carries_the_pack(
    scene: Org, october: Review, now: datetime
) -> None:
    client = browser(scene.manager)
    decision = {"text": "Call <b>at once</b>.", "owner": str(scene.manager.id), "due_on": "2026-12-01"}
    assert client.post(f"/reviews/{october.id}/decisions", decision).status_code == 302
    client.post(f"/reviews/{october.id}/close")
    sent, other = mails_about(october, scene, now)
    assert sent.words["title"] == "Review of October 2026 is closed"
    body = sent.words["body"]
    assert f"Closed by {scene.manager.name} on 17 Nov 2026, 10:00 CET." in body
    assert "Call <b>at once</b>." in body
    assert "until 1 Dec 2026" in body
    assert "MQLs a month" in body
    assert f"/reviews/{october.id}" in body
    assert "The whole pack is attached as a PDF." in body
    assert "Call &lt;b&gt;at once&lt;/b&gt;." in sent.html
    assert '<th scope="col" align="left">Commitment</th><th scope="col" align="left">Side</th>' in sent.html
    assert "side Marketing, target None set" in body  # plain text says it as a sentence
    (file,) = sent.attachments
    assert (file.name, file.type) == ("review-month-2026-10.pdf", "application/pdf")
    assert file.content == client.get(f"/reviews/{october.id}.pdf").content
    assert other.attachments[0].content is file.content, "it is drawn once"


def test_a_pack_that_is_too_large_stays_behind_and_the_mail_says_so(
    scene: Org, october: Review, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser(scene.manager).post(f"/reviews/{october.id}/close")
    monkeypatch.setattr(mail, "MOST_BYTES", 1_000)
    found, _ = mails_about(october, scene, now)
    assert not found.attachments
    assert "The PDF of the pack is not attached: it has 0." in found.words["body"]
    assert f"/reviews/{october.id}" in found.words["body"]
    assert "Nothing was decided." in found.words["body"]


def test_the_bell_says_it_shortly_and_programs_get_facts(scene: Org, october: Review, now: datetime) -> None:
    browser(scene.manager).post(f"/reviews/{october.id}/close")
    for channel in ("inapp", "webhook", ""):
        found, _ = mails_about(october, scene, now, channel)
        assert (found.html, found.attachments) == ("", ())
        assert found.words["body"].startswith(f"{scene.manager.name} closed it.")
        assert found.facts == {"kind": "month", "first_day": "2026-10-01", "state": "closed"}


# --- Reminding ----------------------------------------------------------------------------------------------


def _badge(scene: Org) -> int:
    """The number beside Reviews."""
    groups = browser(scene.manager).get("/account").context["nav"]()
    place = next(item for group in groups for item in group["items"] if item["label"] == "Reviews")
    return place["count"] or 0


def test_people_are_reminded_once_of_a_review_that_nobody_closed(
    scene: Org, november: Review, set_clock: SetClock
) -> None:
    def at(day: int) -> int:
        return remind(tenant=scene.tenant, now=datetime(2026, 12, day, 12, tzinfo=UTC))

    assert [at(day) for day in (1, 5, 6, 7)] == [0, 0, 1, 0]
    november.refresh_from_db()
    assert november.reminded_at is not None
    roles = set(OutboxMessage.objects.filter(kind="review.due").values_list("member__role", flat=True))
    assert roles == {"admin", "marketing", "manager"}
    assert _badge(scene) == 1
    set_clock(datetime(2026, 12, 8, 12, tzinfo=UTC))
    browser(scene.manager).post(f"/reviews/{november.id}/close")
    assert not OutboxMessage.objects.filter(kind="review.due", state="pending").exists()
    assert _badge(scene) == 0


def test_nobody_is_reminded_of_months_from_before_reviews_were_opened(scene: Org) -> None:
    remind(tenant=scene.tenant, now=datetime(2026, 12, 20, 12, tzinfo=UTC))
    assert list(Review.objects.filter(reminded_at__isnull=False).values_list("first_day__month")) == [(11,)]


def test_an_admin_sets_when_to_remind(scene: Org, now: datetime) -> None:
    client = browser(scene.admin)
    assert client.post("/reviews/settings", {"remind_days": "10"}).status_code == 302
    for wrong in ("-1", "61", "soon", ""):
        assert client.post("/reviews/settings", {"remind_days": wrong}).status_code == 422
    assert remind(tenant=scene.tenant, now=datetime(2026, 12, 10, 12, tzinfo=UTC)) == 0
    assert remind(tenant=scene.tenant, now=datetime(2026, 12, 11, 12, tzinfo=UTC)) == 1
    assert browser(scene.manager).post("/reviews/settings", {"remind_days": "1"}).status_code == 403
    set_remind_days(member=scene.admin, days=10, now=now)
