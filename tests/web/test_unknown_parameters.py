"""A parameter with a slip in its name is refused: left out, it would answer with everything."""

import pytest
from django.test import Client

from tests.factories import Org
from tests.handoff.conftest import browser

pytestmark = pytest.mark.django_db

READS = {
    "accounts": "flag",
    "agreement/versions": "cursor",
    "commitments": "month",
    "decisions": "rule",
    "digest": "week",
    "excuses": "state",
    "kpis/costs": "month",
    "leads": "stage",
    "leads/stale": "stage",
    "leave": "member",
    "needs-data": "limit",
    "needs-data/held": "cursor",
    "policy/proposal": "days",
    "publications": "kind",
    "reports/compliance": "target",
    "reports/data-quality": "period",
    "reports/fairness": "pool",
    "reports/funnel": "follow",
    "reports/kpis": "month",
    "reports/rejections": "find",
    "reports/response-times": "segment",
    "routing/simulations": "limit",
    "reports/reassignments": "pool",
    "reviews": "state",
    "routing/territories": "draft",
    "rebalance": "member",
    "shadow": "team",
    "shadow/summary": "days",
    "timers": "status",
}


@pytest.mark.parametrize("path, name", READS.items())
def test_a_parameter_that_a_call_does_not_know_is_refused_with_the_one_that_was_meant(
    acme: Org, path: str, name: str
) -> None:
    refused = Client().get(f"/api/v1/{path}?{name}x=5", headers=acme.auth)
    assert refused.status_code == 400
    (error,) = refused.json()["errors"]
    assert (error["path"], error["code"]) == (f"/{name}x", "unknown_field")
    assert f"Did you mean {name}?" in error["message"]


@pytest.mark.parametrize(("path", "name"), [("reports/rejections", "hour"), ("leads", "sort")])
def test_nothing_is_suggested_that_is_not_near(acme: Org, path: str, name: str) -> None:
    refused = Client().get(f"/api/v1/{path}?{name}=5", headers=acme.auth)
    (error,) = refused.json()["errors"]
    assert error["message"] == f"There is no parameter {name!r}."


@pytest.mark.parametrize(
    "path", ["policy?unit=%00", "leads?%00=1", "leads?stage=mql&source=a%00b", "lead%00s"]
)
def test_an_address_of_the_api_with_a_nul_character_is_refused_with_its_place(acme: Org, path: str) -> None:
    refused = Client().get(f"/api/v1/{path}", headers=acme.auth)
    assert refused.status_code == 400
    assert refused["Content-Type"] == "application/problem+json"
    (error,) = refused.json()["errors"]
    place = path.partition("?")[2].rpartition("&")[2].partition("=")[0].replace("%00", "\x00")
    assert (error["path"], error["code"]) == (f"/{place}" if place else "", "bad_text")


def test_an_address_of_a_page_with_a_nul_character_is_refused_as_a_page(acme: Org) -> None:
    refused = browser(acme.admin).get("/search?q=a%00b")
    assert refused.status_code == 400
    assert "<h1" in refused.content.decode()


def test_an_import_that_means_a_dry_run_and_says_otherwise_takes_nothing_over(acme: Org) -> None:
    refused = Client().post(
        f"/api/v1/leave/import?member={acme.reps[0].email}&dryrun=true",
        b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n",
        content_type="text/calendar",
        headers=acme.auth,
    )
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["path"] == "/dryrun"


@pytest.mark.parametrize("path, name", READS.items())
def test_a_parameter_that_says_two_things_is_refused(acme: Org, path: str, name: str) -> None:
    """One of them would be left out, and nobody would know which."""
    refused = Client().get(f"/api/v1/{path}?{name}=5&{name}=6", headers=acme.auth)
    assert refused.status_code == 400
    assert ("repeated", f"/{name}") in [(each["code"], each["path"]) for each in refused.json()["errors"]]
