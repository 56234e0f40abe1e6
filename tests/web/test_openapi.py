"""The API's description, and its pages without the network."""

import re
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.core.management import call_command
from django.test import Client

pytestmark = pytest.mark.django_db


def schema(urls: str = "") -> dict:
    return Client().get("/api/schema/", headers={"Accept": "application/vnd.oai.openapi+json"}).json()


@pytest.mark.urls("tests.web.urls_for_tests")
def test_each_operation_documents_its_problems_scope_and_key() -> None:
    described = schema()
    post = described["paths"]["/api/v1/accounts"]["post"]
    assert {"400", "401", "403", "404", "405", "406", "409", "413", "415", "422", "429", "500", "503"} <= set(
        post["responses"]
    )
    for status, answer in post["responses"].items():
        if status >= "400":
            assert answer["content"] == {
                "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
            }
    assert "`leads:write`" in post["description"]
    assert any(one["name"] == "Idempotency-Key" and one["in"] == "header" for one in post["parameters"])
    get = described["paths"]["/api/v1/accounts"]["get"]
    assert "422" not in get["responses"]
    assert "413" not in get["responses"]
    assert post["security"] == [{"ApiKey": []}]
    assert described["components"]["securitySchemes"]["ApiKey"]["scheme"] == "bearer"


def test_the_description_is_whole_without_a_warning(tmp_path: Path) -> None:
    call_command("spectacular", "--fail-on-warn", "--validate", "--file", str(tmp_path / "schema.yml"))


def test_every_operation_of_the_product_needs_a_key() -> None:
    for path, operations in schema()["paths"].items():
        for method, operation in operations.items():
            assert operation.get("security") == [{"ApiKey": []}], f"{method} {path}"


def test_the_docs_come_from_our_own_files_and_keep_the_policy() -> None:
    answer = Client().get("/api/docs/")
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "<style" not in page
    assert "style=" not in page
    assert re.findall(r"<script>(.+?)</script>", page, re.DOTALL) == []
    sources = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(sources) == 5
    for source in sources:
        assert source.startswith(("/static/", "/api/docs/")), source
        if source.startswith("/static/"):
            assert finders.find(source.removeprefix("/static/")), source
    assert "script-src 'self'" in answer["Content-Security-Policy"]
    script = Client().get("/api/docs/?script=")
    assert script["Content-Type"].startswith("application/javascript")
    assert b"/api/schema/" in script.content
