"""The product refuses to run as a role that row security does not bind."""

import pytest
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from tenants.startup import assert_safe_role, unsafe_reason

pytestmark = pytest.mark.django_db


def test_the_app_role_may_run() -> None:
    assert_safe_role()
    assert run_checks(tags=["database"], databases=["default"]) == []


def test_the_owner_of_the_tables_may_not() -> None:
    with pytest.raises(ImproperlyConfigured, match=r"slaportal_owner owns the table .* Set DATABASE_URL"):
        assert_safe_role("owner")


class FakeCursor:
    """Answers the question about the role as another server would."""

    def __init__(self, row: tuple) -> None:
        self.row = row

    def __enter__(self) -> "FakeCursor":
        return self

    def __exit__(self, *args: object) -> None:
        return None

    def execute(self, *args: object) -> None:
        return None

    def fetchone(self) -> tuple:
        return self.row


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (("root", True, True, "tenants_tenant", True, True), "superuser"),
        (("x", False, True, None, False, False), "BYPASSRLS"),
        (("x", False, False, "leads_lead", False, False), "owns the table leads_lead"),
        (("x", False, False, None, True, False), "may become slaportal_resolver"),
        (("x", False, False, None, False, True), "may create objects"),
    ],
)
def test_each_danger_is_named(monkeypatch: pytest.MonkeyPatch, row: tuple, said: str) -> None:
    monkeypatch.setattr(connection, "cursor", lambda: FakeCursor(row))
    assert said in unsafe_reason()
