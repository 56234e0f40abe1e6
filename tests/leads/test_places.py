"""Where a lead is: its own country and region, else its account's, in a judgement and in a preview alike."""

from __future__ import annotations

from datetime import datetime
from itertools import product

import pytest

from leads.criteria import facts_of
from leads.criteria_preview import _rows, _values
from leads.models import Account, Lead
from tests.factories import Org

pytestmark = pytest.mark.django_db


def test_a_preview_reads_places_as_a_judgement_does(acme: Org, now: datetime) -> None:
    with acme.scope():
        for number, (own, accounts) in enumerate(product(("", "Germany"), (None, "", "France"))):
            account = None
            if accounts is not None:
                account = Account.objects.create(
                    name=f"A{number}", country=accounts, region=accounts, created_at=now
                )
            Lead.objects.create(
                country=own,
                region=own,
                postal_code="80331",
                account=account,
                created_at=now,
                updated_at=now,
            )
        asked = ["place.country", "place.region", "lead.postal_code"]
        seen = {row["key"]: _values(row) for row in _rows(100, asked)}
        for lead in Lead.objects.select_related("account"):
            judged = facts_of(lead, lead.account, [], now).values
            for name in asked:
                assert (seen[str(lead.id)][name] or None) == (judged[name] or None)
        assert len(seen) == 6
