"""A parameter with a slip in its name is refused: left out, it would answer with everything."""

import pytest
from django.test import Client

from tests.factories import Org

pytestmark = pytest.mark.django_db

READS = {
    "accounts": "flag",
    "excuses": "state",
    "leads": "stage",
    "leave": "member",
    "policy/proposal": "days",
    "publications": "kind",
    "reports/compliance": "target",
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


def test_an_import_that_means_a_dry_run_and_says_otherwise_takes_nothing_over(acme: Org) -> None:
    refused = Client().post(
        f"/api/v1/leave/import?member={acme.reps[0].email}&dryrun=true",
        b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n",
        content_type="text/calendar",
        headers=acme.auth,
    )
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["path"] == "/dryrun"
