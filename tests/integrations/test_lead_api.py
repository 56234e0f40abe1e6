"""Posting leads and reading them back, over HTTP with a key."""

from __future__ import annotations

from datetime import timedelta

import pytest

from integrations.models import IntakeEntry
from leads.models import Engagement, Handoff, Lead, StageChange
from notifications.models import OutboxMessage
from tests.factories import make_org

LEAD = {
    "external_system": "crm",
    "external_id": "00Q1",
    "email": "Ann.Lee@Example.com",
    "first_name": "Ann",
    "last_name": "Lee",
    "title": "CTO",
    "phone": "+49 30 1234567",
    "company": {"name": "Example", "domain": "www.example.com", "employees": 120, "country": "DE"},
    "source": "website",
    "campaign": "autumn",
    "channel": "paid",
    "score": 40,
    "engagements": [{"kind": "demo_request", "subject": "pricing"}],
    "custom": {"plan": "pro"},
}


def test_a_posted_lead_is_judged_routed_and_timed_and_shown_at_once(post, acme, now):
    response = post(acme, "leads", LEAD)

    assert response.status_code == 201
    lead = response.json()
    assert response["Location"] == f"/api/v1/leads/{lead['id']}"
    assert lead["email"] == "ann.lee@example.com"
    assert lead["phone"] == "+49301234567"
    assert lead["company"]["domain"] == "example.com"
    assert lead["stage"] == "mql"
    assert lead["tier"] == "demo_request"
    assert lead["owner"]["id"] == str(acme.reps[0].id)
    assert lead["handoff"]["number"] == 1
    assert lead["qualification"]["met"] is True
    assert lead["qualification"]["criteria"][0]["seen"] == ["Demo request: 1"]
    assert lead["assignment"]["decision"]
    first = [timer for timer in lead["timers"] if timer["target"] == "first_touch"]
    assert {timer["clock"] for timer in first} == {"company", "owner"}
    assert {timer["due_at"] for timer in first} == {
        (now + timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
    }
    assert {timer["status"] for timer in first} == {"on_time"}
    with acme.scope():
        steps = StageChange.objects.order_by("at", "id").values_list("old", "new")
        assert list(steps) == [("", "lead"), ("lead", "mql")]
        assert OutboxMessage.objects.filter(kind="lead.assigned", member=acme.reps[0]).count() == 2
        entry = IntakeEntry.objects.get()
        assert (entry.outcome, str(entry.lead_id), entry.channel) == ("created", lead["id"], "api")
        assert '"Ann.Lee@Example.com"' in entry.payload


def test_the_answer_of_a_new_lead_is_what_reading_it_gives(post, get, acme):
    posted = post(acme, "leads", LEAD).json()
    read = get(acme, f"leads/{posted['id']}").json()
    for document in (posted, read):
        document["timers"].sort(key=lambda timer: timer["id"])
    assert posted == read


def test_a_known_person_is_re_engaged_and_not_made_twice(post, acme, api_clock, now):
    first = post(acme, "leads", LEAD).json()
    api_clock(now + timedelta(minutes=1))

    again = post(acme, "leads", {"email": "ANN.LEE@example.com", "title": "Chief of staff"})

    assert again.status_code == 200
    assert again.json()["id"] == first["id"]
    assert again.json()["title"] == "Chief of staff"
    assert again.json()["first_name"] == "Ann"
    with acme.scope():
        assert Lead.objects.count() == 1
        assert Handoff.objects.count() == 1
        assert list(Engagement.objects.order_by("received_at").values_list("kind", flat=True)) == [
            "demo_request",
            "arrival",
        ]


def test_an_external_id_finds_the_lead_without_an_email(post, acme):
    first = post(acme, "leads", LEAD).json()
    by_id = {"external_system": "crm", "external_id": "00Q1", "score": 55}
    assert post(acme, "leads", by_id).json()["id"] == first["id"]
    other_system = {"external_system": "map", "external_id": "00Q1", "score": 55}
    assert post(acme, "leads", other_system).status_code == 201


def test_email_and_external_id_of_two_leads_are_a_conflict_and_change_nothing(post, acme):
    post(acme, "leads", {**LEAD, "title": "CTO"})
    post(acme, "leads", {"email": "bob@other.com", "external_system": "crm", "external_id": "2"})

    response = post(acme, "leads", {**LEAD, "external_id": "2", "title": "Nobody"})

    assert response.status_code == 409
    assert response.json()["code"] == "conflict"
    with acme.scope():
        assert not Lead.objects.filter(title="Nobody").exists()
        assert Engagement.objects.count() == 2


def test_what_lacks_a_required_field_waits_and_moves_on_when_it_comes(post, acme):
    with acme.scope():
        acme.criteria.state = "retired"
        acme.criteria.save()
        content = {**acme.criteria.content, "required": ["phone", "account.employees"]}
        type(acme.criteria).objects.create(
            number=2,
            state="published",
            content=content,
            created_at=acme.criteria.created_at,
            created_by="system",
        )
    lead = {"email": "ann@example.com", "engagements": [{"kind": "demo_request"}]}

    waiting = post(acme, "leads", lead).json()
    assert (waiting["stage"], waiting["needs"], waiting["handoff"]) == (
        "lead",
        ["phone", "account.employees"],
        None,
    )
    assert waiting["qualification"]["met"] is True

    more = {"email": "ann@example.com", "phone": "+49301234567", "company": {"employees": 10}}
    complete = post(acme, "leads", more).json()
    assert (complete["stage"], complete["needs"]) == ("mql", [])
    assert complete["owner"] is not None


def test_a_test_lead_runs_the_whole_path_and_is_marked(post, acme):
    lead = post(acme, "leads", {**LEAD, "test": True}).json()
    assert (lead["test"], lead["stage"]) == (True, "mql")
    with acme.scope():
        assert Handoff.objects.get().is_test is True


def test_the_owner_that_another_system_chose_is_kept(post, acme):
    lead = post(acme, "leads", {**LEAD, "owner": acme.reps[2].email}).json()
    assert lead["owner"]["id"] == str(acme.reps[2].id)


def test_an_engagement_of_a_known_lead_is_kept_and_judged(post, acme):
    lead = post(acme, "leads", {"email": "ann@example.com"}).json()
    assert lead["stage"] == "lead"
    response = post(acme, f"leads/{lead['id']}/engagements", {"kind": "pricing_page", "subject": "/pricing"})
    assert response.status_code == 201
    assert response.json()["stage"] == "mql"
    assert response.json()["tier"] == "pricing_page"
    assert response.json()["engagements"][0] == {
        "kind": "pricing_page",
        "subject": "/pricing",
        "at": response.json()["occurred_at"],
    }


def test_a_list_is_filtered_and_paged(post, get, acme, api_clock, now):
    for number in range(5):
        api_clock(now + timedelta(minutes=number))
        kind = "demo_request" if number % 2 else "page_view"
        post(
            acme,
            "leads",
            {
                "email": f"a{number}@example.com",
                "source": f"s{number % 2}",
                "external_system": "crm",
                "external_id": str(number),
                "engagements": [{"kind": kind}],
            },
        )

    def emails(**query: str) -> list[str]:
        response = get(acme, "leads", **query)
        assert response.status_code == 200, response.json()
        return [lead["email"][:2] for lead in response.json()["results"]]

    assert emails() == ["a4", "a3", "a2", "a1", "a0"]
    assert emails(stage="mql") == ["a3", "a1"]
    assert emails(source="s1") == ["a3", "a1"]
    assert emails(external_id="2") == ["a2"]
    assert emails(updated_since=(now + timedelta(minutes=3)).isoformat()) == ["a4", "a3"]
    assert emails(owner=acme.reps[0].email) == ["a1"]
    assert emails(owner=str(acme.reps[1].id)) == ["a3"]
    page = get(acme, "leads", limit="2").json()
    assert [lead["email"][:2] for lead in page["results"]] == ["a4", "a3"]
    rest = []
    while page["next"]:
        page = get(acme, page["next"].split("/api/v1/")[1].split("?")[0], **_query(page["next"])).json()
        rest += [lead["email"][:2] for lead in page["results"]]
    assert rest == ["a2", "a1", "a0"]


def _query(address: str) -> dict[str, str]:
    from urllib.parse import parse_qsl, urlsplit

    return dict(parse_qsl(urlsplit(address).query))


def test_a_list_costs_the_same_for_two_leads_and_for_fifty(post, get, acme, django_assert_num_queries):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    def cost() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert get(acme, "leads").status_code == 200
        return len(captured)

    rows = [{**LEAD, "email": f"a{n}@b{n}.com", "external_id": str(n)} for n in range(50)]
    post(acme, "leads/bulk", {"leads": rows[:2]})
    few = cost()
    post(acme, "leads/bulk", {"leads": rows[2:]})
    assert cost() == few


def test_bulk_answers_each_row_in_order_and_bad_ones_fail_alone(post, acme):
    rows = [{**LEAD, "email": f"a{n}@b{n}.com", "external_id": str(n)} for n in range(6)]
    rows[2] = {**rows[2], "email": "nobody"}
    rows[3] = {**rows[3], "employees": 5}
    rows[4] = {**rows[4], "email": "a0@b0.com", "external_id": "0"}

    response = post(acme, "leads/bulk", {"leads": rows})

    assert response.status_code == 200
    results = response.json()["results"]
    assert [(row["index"], row["status"]) for row in results] == [
        (0, 201),
        (1, 201),
        (2, 400),
        (3, 400),
        (4, 200),
        (5, 201),
    ]
    assert results[2]["problem"]["errors"][0]["path"] == "/email"
    assert results[3]["problem"]["errors"][0] == {
        "path": "/employees",
        "message": "There is no field 'employees'.",
        "code": "unknown_field",
    }
    assert results[4]["lead"]["id"] == results[0]["lead"]["id"]
    assert [row["lead"]["stage"] for row in results if "lead" in row] == ["mql"] * 4
    with acme.scope():
        assert Lead.objects.count() == 3
        entry = IntakeEntry.objects.get()
        assert entry.outcome == "refused"
        assert entry.detail["rows"] == {"201": 3, "400": 2, "200": 1}
        assert [row["index"] for row in entry.detail["refused"]] == [2, 3]


def test_bulk_spreads_a_thousand_over_the_pool_and_costs_no_more_statements(post, acme):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    def cost(first: int, number: int) -> int:
        rows = [
            {**LEAD, "email": f"a{n}@b{n}.com", "external_id": str(n)} for n in range(first, first + number)
        ]
        with CaptureQueriesContext(connection) as captured:
            assert post(acme, "leads/bulk", {"leads": rows}).status_code == 200
        return len(captured)

    cost(0, 2)
    assert cost(100, 2) == cost(200, 100)
    with acme.scope():
        owned = Handoff.objects.values_list("owner_id", flat=True)
        counts = sorted(list(owned).count(rep.id) for rep in acme.reps)
    assert sum(counts) == 104
    assert counts[-1] - counts[0] <= 1


def test_a_repeated_call_with_a_key_gets_the_first_answer_and_does_nothing(post, acme):
    first = post(acme, "leads", LEAD, Idempotency_Key="k1")
    again = post(acme, "leads", LEAD, Idempotency_Key="k1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again["Idempotency-Replayed"] == "true"
    with acme.scope():
        assert Engagement.objects.count() == 1
        repeat = IntakeEntry.objects.order_by("-id").first()
        assert repeat is not None
        assert repeat.detail == {"status": 201, "repeat": True}


def test_two_organisations_keep_the_same_person_apart(post, get, acme, globex):
    ours = post(acme, "leads", LEAD).json()
    theirs = post(globex, "leads", LEAD)
    assert theirs.status_code == 201
    assert theirs.json()["id"] != ours["id"]
    assert get(globex, f"leads/{ours['id']}").status_code == 404
    assert [lead["id"] for lead in get(globex, "leads").json()["results"]] == [theirs.json()["id"]]
    refused = post(globex, f"leads/{ours['id']}/engagements", {"kind": "demo_request"})
    assert refused.status_code == 404
    with acme.scope():
        assert Engagement.objects.count() == 1


@pytest.mark.parametrize("field", ["source", "owner"])
def test_a_filter_value_of_another_organisation_shows_nothing(post, get, acme, globex, field):
    post(globex, "leads", {**LEAD, "source": "secret"})
    value = "secret" if field == "source" else str(globex.reps[0].id)
    assert get(acme, "leads", **{field: value}).json()["results"] == []


def test_without_criteria_a_lead_is_kept_unjudged(post, now, db):
    org = make_org("fresh", now=now)
    with org.scope():
        type(org.criteria).objects.all().delete()
    lead = post(org, "leads", LEAD).json()
    assert (lead["stage"], lead["qualification"], lead["handoff"]) == ("subscriber", None, None)
