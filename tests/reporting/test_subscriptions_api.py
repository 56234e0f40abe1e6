"""Reports by mail on a schedule, by the API."""

from __future__ import annotations

import json
import threading
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from reporting.mailings.models import Subscription
from reporting.mailings.subscriptions import MOST
from tenants.clock import database_clock
from tenants.models import AuditEntry
from tenants.services import create_api_key
from tests.factories import Org
from tests.reporting.scenes import browser
from tests.threads import in_threads

pytestmark = pytest.mark.django_db

PATH = "/api/v1/reports/subscriptions"


def api(org: Org, **headers: str) -> Client:
    return Client(headers={**org.auth, **headers})


def wanted(org: Org, **more: Any) -> dict[str, Any]:
    return {"member": org.manager.email, "report": "funnel", "frequency": "weekly", **more}


def post(org: Org, said: Any, **headers: str) -> Any:
    return api(org, **headers).post(PATH, json.dumps(said), content_type="application/json")


def test_somebody_gets_a_report_that_a_program_asked_for(acme: Org) -> None:
    made = post(acme, wanted(acme, weekday=4, at="07:30", query="source=Web&period=7d"))
    assert made.status_code == 201
    row = made.json()
    assert (row["member"], row["report"], row["query"]) == (
        str(acme.manager.id),
        "funnel",
        "source=Web&period=7d",
    )
    assert (row["weekday"], row["day"], row["at"]) == (4, 1, "07:30")
    page = browser(acme.manager).get("/account/mails").content.decode()
    assert "Every Friday at 07:30" in page
    assert api(acme).get(PATH, {"member": str(acme.manager.id)}).json()["results"] == [row]
    assert api(acme).get(PATH, {"member": acme.admin.email}).json()["results"] == []
    assert api(acme).get(f"{PATH}/{row['id']}").json() == row
    with acme.scope():
        entry = AuditEntry.objects.get(action="subscription.made")
    assert entry.after == {"member": row["member"], "report": "funnel", "query": row["query"]}


def test_it_ends_once_and_for_all(acme: Org) -> None:
    way = f"{PATH}/{post(acme, wanted(acme)).json()['id']}"
    assert api(acme).delete(way).status_code == 204
    assert api(acme).delete(way).status_code == 404
    assert api(acme).get(PATH).json() == {"results": [], "next": None}
    with acme.scope():
        assert AuditEntry.objects.filter(action="subscription.ended").count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_who_end_it_at_once_one_does(acme: Org) -> None:
    way = f"{PATH}/{post(acme, wanted(acme)).json()['id']}"
    start, answers = threading.Barrier(2), []

    def end() -> None:
        start.wait()
        answers.append(api(acme).delete(way).status_code)

    in_threads(end, end)
    assert sorted(answers) == [204, 404]
    with acme.scope():
        assert AuditEntry.objects.filter(action="subscription.ended").count() == 1


def test_a_call_that_is_sent_again_makes_one(acme: Org) -> None:
    first = post(acme, wanted(acme), **{"Idempotency-Key": "funnel-1"}).json()
    assert post(acme, wanted(acme), **{"Idempotency-Key": "funnel-1"}).json() == first
    assert len(api(acme).get(PATH).json()["results"]) == 1


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"report": "speed"}, "/report"),
        ({"frequency": "hourly"}, "/frequency"),
        ({"weekday": 7}, "/weekday"),
        ({"day": 31}, "/day"),
        ({"at": "8"}, "/at"),
        ({"at": "25:00"}, "/at"),
        ({"member": "nobody@acme.example"}, "/member"),
        ({"member": str(uuid4())}, "/member"),
        ({"query": "from=2026-11-01"}, "/query"),
        ({"query": "period=2d"}, "/period"),
        ({"query": "team=mine"}, "/team"),
        ({"query": "by=moon"}, "/by"),
        ({"query": "by=rep", "report": "rejections"}, "/by"),
        ({"query": "period=7d", "report": "commitments"}, "/period"),
        ({"query": "follow=31"}, "/follow"),
        ({"query": "source=%00"}, "/query"),
        ({"query": "period=7d&period=30d"}, "/query"),
        ({"often": True}, "/often"),
        ({"frequency": None}, "/frequency"),
    ],
)
def test_what_cannot_be_kept_is_refused_at_its_name(acme: Org, change: Any, path: str) -> None:
    answer = post(acme, wanted(acme) | change)
    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (400, path)
    with acme.scope():
        assert not Subscription.objects.exists()


def test_nobody_gets_what_they_may_not_read(acme: Org) -> None:
    rep = acme.reps[0].email
    for report, status in (("leaks", 400), ("commitments", 400), ("compliance", 201)):
        assert post(acme, wanted(acme, member=rep, report=report)).status_code == status


def test_more_than_somebody_can_have_is_a_conflict(acme: Org) -> None:
    for _ in range(MOST):
        assert post(acme, wanted(acme)).status_code == 201
    answer = post(acme, wanted(acme))
    assert answer.status_code == 409
    assert answer.json()["detail"].startswith(f"{acme.manager.name} gets {MOST} reports already.")


def test_another_organisation_s_people_and_subscriptions_are_not_there(acme: Org, globex: Org) -> None:
    way = f"{PATH}/{post(acme, wanted(acme)).json()['id']}"
    assert api(globex).get(way).status_code == 404
    assert api(globex).delete(way).status_code == 404
    assert api(globex).get(PATH).json()["results"] == []
    answer = post(globex, wanted(globex, member=str(acme.manager.id)))
    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (400, "/member")
    assert api(acme).get(way).status_code == 200


def test_reading_and_changing_need_their_scopes(acme: Org) -> None:
    with acme.scope():
        _, text = create_api_key(
            tenant=acme.tenant, name="Other", scopes=["config:read"], now=database_clock()
        )
    reads = {"Authorization": f"Bearer {text}"}
    way = f"{PATH}/{post(acme, wanted(acme)).json()['id']}"
    assert Client(headers=reads).get(PATH).status_code == 200
    assert post(acme, wanted(acme), **reads).status_code == 403
    assert Client(headers=reads).delete(way).status_code == 403
    assert Client().get(PATH).status_code == 401
