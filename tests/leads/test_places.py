"""Where a lead is: its own country and region, else its account's, in a judgement and in a preview alike."""

from __future__ import annotations

from datetime import datetime
from itertools import product

import pytest

from core.rules import compile_rule
from leads.criteria import SCHEMA, facts_of
from leads.models import Account, Lead
from leads.preview_facts import see_leads
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
        known = {"all": [{"field": name, "op": "exists", "value": True} for name in asked]}
        seen = {lead.key: lead.values for lead in see_leads(100, [compile_rule(known, SCHEMA)])}
        for lead in Lead.objects.select_related("account"):
            judged = facts_of(lead, lead.account, [], now).values
            for name in asked:
                assert (seen[str(lead.id)][name] or None) == (judged[name] or None)
        assert len(seen) == 6
