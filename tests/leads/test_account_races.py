"""What several people say about one company at the same time: nobody's word is taken back."""

from __future__ import annotations

from typing import Any

import pytest

from handoff.intake import receive_lead
from leads import accounts
from leads.incoming import CompanyIn, LeadIn
from leads.models import Account
from tenants.clock import database_clock
from tests.factories import Org, make_org
from tests.threads import in_threads

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def org(transactional_db: None) -> Org:
    return make_org("acme", now=database_clock(), hours="always")


def arrives(org: Org, **said: Any) -> None:
    with org.scope():
        item = LeadIn(email="ann@heron.example", company=CompanyIn(domain="heron.example", **said))
        receive_lead(item=item, actor="system", clock=database_clock)


def test_an_arrival_takes_nothing_back_that_was_said_since_it_read_the_account(
    org: Org, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says what the industry is; meanwhile somebody puts the size right and the name."""
    arrives(org, name="Heron", employees=5)
    found = accounts._find_accounts
    asked: list[object] = []

    def found_and_overtaken(*wanted: Any) -> Any:
        answer = found(*wanted)
        if not asked:
            asked.append(wanted)
            in_threads(change)
        return answer

    def change() -> None:
        with org.scope():
            Account.objects.update(employees=900, name="Heron plc")

    monkeypatch.setattr(accounts, "_find_accounts", found_and_overtaken)
    arrives(org, industry="Freight")
    with org.scope():
        account = Account.objects.get()
        assert (account.name, account.employees, account.industry) == ("Heron plc", 900, "Freight")
