"""The API against its own description: whatever is sent, no 5xx, and no answer that it does not name."""

from __future__ import annotations

import re
from typing import Any

import pytest
import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.factories import Org

pytestmark = pytest.mark.django_db(transaction=True)  # the calls open and close connections of their own

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.fixture
def lead_ids(post: Any, acme: Org) -> list[str]:
    """A handed-over lead, and one that waits for intent."""
    body = {"email": "ann@example.com", "engagements": [{"kind": "demo_request"}]}
    return [
        post(acme, "leads", body).json()["id"],
        post(acme, "leads", {"email": "bob@example.com"}).json()["id"],
    ]


def attack(org: Org, lead_ids: list[str], *, examples: int) -> list[str]:
    """Send generated calls to every operation; gives back what each failing one said."""
    schema = schemathesis.openapi.from_wsgi("/api/schema/?format=json", WSGIHandler())
    failures = []
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) >= 5
    for operation in operations:

        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(), known=st.sampled_from([None, *lead_ids]))
        def send(case: Any, known: str | None) -> None:
            if known and "lead_id" in case.path_parameters:
                case.path_parameters["lead_id"] = known
            case.call_and_validate(headers=org.auth, checks=CHECKS)

        try:
            send()
        except Exception as error:
            failures.append(f"{operation.label}: {error}")
    return failures


def test_generated_calls_meet_only_what_the_description_names(acme, lead_ids):
    failures = attack(acme, lead_ids, examples=2)
    assert not failures, "\n\n".join(failures)


@pytest.mark.slow
def test_many_generated_calls_meet_only_what_the_description_names(acme, lead_ids):
    failures = attack(acme, lead_ids, examples=150)
    assert not failures, "\n\n".join(failures)


def test_every_call_needs_a_key(client, acme, db):
    """Without one each operation answers 401, whatever else is wrong with the call."""
    schema = client.get("/api/schema/?format=json").json()
    for path, operations in schema["paths"].items():
        address = re.sub(r"\{\w+\}", "any", re.sub(r"\{\w+_id\}", str(acme.id), path))
        for method in operations:
            response = getattr(client, method)(address, content_type="application/json")
            assert response.status_code == 401, f"{method} {path}"
