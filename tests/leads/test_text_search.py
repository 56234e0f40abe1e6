"""Accounts and entries are found by how they begin, by an index, under row security."""

from __future__ import annotations

from datetime import datetime
from uuid import uuid4

import pytest
from django.db import connections

from leads.account_edit import find_accounts
from leads.account_names import add_name
from leads.models import Account
from leads.named_lists import create_list, entries_of, read_entry, write_entries
from tenants.bulk import fresh, insert_rows
from tests.factories import Org, make_org

# What the planner knows of a table is the owner's to find out, of rows that are committed.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def org(transactional_db: None, now: datetime) -> Org:
    return make_org("acme", now=now)


def analyse() -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute("analyze leads_account, leads_listentry")


def test_an_account_is_found_by_how_any_of_its_names_or_domains_begins(org: Org, now: datetime) -> None:
    with org.scope():
        heron = Account.objects.create(name="Heron Freight", domain="heron.example", created_at=now)
        Account.objects.create(name="Kestrel", domain="kestrel.example", created_at=now)
        add_name(account_id=heron.id, name="ÄRA Logistics", actor="a", now=now)
        add_name(account_id=heron.id, domain="ferry.example", actor="a", now=now)
        for text in ("hEr", "heron.ex", "ära", "Ferry"):
            assert [each.id for each in find_accounts(text=text)] == [heron.id]
        for text in ("eron", "her%", "hero_"):
            assert not find_accounts(text=text)
        Account.objects.filter(id=heron.id).update(name="Wren")
        assert [each.name for each in find_accounts(text="wr")] == ["Wren"]
        names = [f"{number:04}-{uuid4()}" for number in range(5_000)]
        insert_rows(
            [fresh(Account, name=each, domain=f"{each}.example", created_at=now) for each in names],
        )
    analyse()
    with org.scope():
        plan = find_accounts(text="Her").order_by("name", "id").explain()
    assert plan.count("~>=~ 'her'") == 2  # once by name, once by domain
    assert "Seq Scan on leads_account" not in plan


def test_the_entries_of_a_list_are_found_and_paged_by_an_index(org: Org, now: datetime) -> None:
    more = [f"firm{number}.example" for number in range(5_000)]
    with org.scope():
        found = create_list(name="Rivals", purpose="competitors", actor="a", now=now)
        texts = ["heron.example", "Heron Freight", "wren.example", *more]
        write_entries(found, map(read_entry, texts), now=now)
        ours = entries_of(found, text=" HERON")
        assert [each.shown for each in ours.order_by("shown")] == ["Heron Freight", "heron.example"]
    analyse()
    with org.scope():
        assert "~>=~ 'heron'" in ours.explain()
        plan = entries_of(found).order_by("shown", "id")[:50].explain()
    assert "list_entry_by_shown" in plan
    assert "Sort" not in plan
