"""What several people say about one company at the same time: nobody's word is taken back."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from core.errors import ValidationFailed
from handoff.intake import receive_lead
from leads import account_compare, account_names, accounts, list_import
from leads.account_edit import change_account
from leads.account_merge import merge_accounts, undo_merge
from leads.incoming import CompanyIn, LeadIn
from leads.list_csv import read_table
from leads.list_plan import ListPlan
from leads.models import Account, AccountSettings, Lead
from leads.named_lists import create_list
from leads.upsert import upsert_leads
from tenants.clock import database_clock
from tenants.models import AuditEntry
from tests.factories import Org, make_org
from tests.threads import in_threads, wait_until_somebody_waits

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


def test_a_merge_waits_for_leads_that_are_on_their_way_to_the_lost_account(
    org: Org, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The arrival has found the account when somebody merges it away: the lead ends with the winner."""
    with org.scope():
        now = database_clock()
        lost = Account.objects.create(name="Heron", domain="heron.example", created_at=now)
        winner = Account.objects.create(name="Heron plc", domain="heron.test", created_at=now)
    started: list[threading.Thread] = []
    found = accounts._find_accounts

    def found_and_merged(*wanted: Any) -> Any:
        answer = found(*wanted)
        if not started:
            started.append(threading.Thread(target=in_threads, args=(merge,)))
            started[0].start()
            wait_until_somebody_waits()
        return answer

    def merge() -> None:
        with org.scope():
            merge_accounts(winner_id=winner.id, loser_id=lost.id, actor="system", now=database_clock())

    monkeypatch.setattr(accounts, "_find_accounts", found_and_merged)
    arrives(org)
    started[0].join()
    with org.scope():
        assert Lead.objects.get().account_id == winner.id


def test_many_leads_and_many_merges_at_once_leave_no_lead_with_a_lost_account(org: Org) -> None:
    with org.scope():
        now = database_clock()
        firms = [
            Account.objects.create(name=f"Firm {n}", domain=f"firm{n}.example", created_at=now)
            for n in range(6)
        ]

    def bring(number: int) -> Callable[[], None]:
        def run() -> None:
            for turn in range(10):
                items = [
                    LeadIn(email=f"p{number}-{turn}-{n}@firm{n}.example", company=CompanyIn(employees=turn))
                    for n in range(6)
                ]
                with org.scope():
                    upsert_leads(items, now=database_clock())

        return run

    def merge_and_undo() -> None:
        for turn in range(6):
            with org.scope():
                merge = merge_accounts(
                    winner_id=firms[turn % 2].id,
                    loser_id=firms[2 + turn % 4].id,
                    actor="system",
                    now=database_clock(),
                )
            if turn < 2:
                with org.scope():
                    undo_merge(merge_id=merge.id, actor="system", now=database_clock())

    in_threads(bring(0), bring(1), merge_and_undo)
    with org.scope():
        assert Lead.objects.count() == 120
        assert Lead.objects.filter(account__merged_into__isnull=False).count() == 0
        assert Account.objects.count() == 6


def test_two_who_put_each_other_on_top_make_no_circle(org: Org) -> None:
    with org.scope():
        now = database_clock()
        one = Account.objects.create(name="One", created_at=now)
        two = Account.objects.create(name="Two", created_at=now)

    def under(child: Account, parent: Account) -> Callable[[], None]:
        def run() -> None:
            with suppress(ValidationFailed), org.scope():
                change_account(
                    account_id=child.id, changes={"parent": parent.id}, actor="a", now=database_clock()
                )

        return run

    in_threads(under(one, two), under(two, one))
    with org.scope():
        assert Account.objects.filter(parent__isnull=False).count() == 1


def test_a_website_whose_domain_an_arrival_makes_meanwhile_is_refused_at_its_place(
    org: Org, monkeypatch: pytest.MonkeyPatch
) -> None:
    with org.scope():
        wren = Account.objects.create(name="Wren", domain="wren.example", created_at=database_clock())
    real, done = account_names._check_free, []

    def and_then(*said: Any) -> None:
        real(*said)
        if not done:
            done.append(True)
            in_threads(lambda: arrives(org, name="Heron"))

    monkeypatch.setattr(account_names, "_check_free", and_then)
    with pytest.raises(ValidationFailed) as refused, org.scope():
        change_account(
            account_id=wren.id, changes={"website": "heron.example"}, actor="a", now=database_clock()
        )
    (error,) = refused.value.field_errors
    assert (error.path, error.code) == ("/website", "taken")
    assert "Heron has this already" in error.message


def test_several_who_save_the_first_settings_at_once_come_one_after_the_other(
    org: Org, monkeypatch: pytest.MonkeyPatch
) -> None:
    everybody = threading.Barrier(4)
    real = account_compare.insert_rows

    def together(*said: Any, **more: Any) -> Any:
        everybody.wait()
        return real(*said, **more)

    monkeypatch.setattr(account_compare, "insert_rows", together)

    def save(threshold: int) -> Callable[[], None]:
        def run() -> None:
            with org.scope():
                account_compare.change_account_settings(
                    suggest=True, threshold=threshold, actor="a", now=database_clock()
                )

        return run

    in_threads(*map(save, (81, 82, 83, 84)))
    with org.scope():
        assert AccountSettings.objects.get().threshold in (81, 82, 83, 84)
        assert AuditEntry.objects.filter(action="account.settings").count() == 4


def brings(org: Org, text: str) -> ListPlan:
    """Bring a file into a new list."""
    with org.scope():
        now = database_clock()
        found = create_list(name="Ours", purpose="named", actor="a", now=now)
        return list_import.import_list(list_id=found.id, table=read_table(text), actor="a", now=now)


def meanwhile(monkeypatch: pytest.MonkeyPatch, do: Callable[[], None]) -> None:
    """Once an import has been planned and before it makes accounts, do this once."""
    real, done = list_import.write_entries, []

    def and_then(*said: Any, **more: Any) -> int:
        answer = real(*said, **more)
        if not done:
            done.append(True)
            do()
        return answer

    monkeypatch.setattr(list_import, "write_entries", and_then)


def test_a_file_takes_the_account_that_an_arrival_made_at_the_same_moment(
    org: Org, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its domain, also where another row of the file stands below it."""
    meanwhile(monkeypatch, lambda: in_threads(lambda: arrives(org, name="Heron", country="DE")))
    plan = brings(org, "domain,tier,parent\nheron.example,A,\nwren.example,B,heron.example\n")
    assert (plan.counts["accounts_made"], plan.counts["accounts_changed"]) == (1, 1)
    with org.scope():
        heron, wren = Account.objects.order_by("domain")
        assert (heron.name, heron.country, heron.tier) == ("Heron", "DE", "A")
        assert (wren.tier, wren.parent_id) == ("B", heron.id)
        assert Lead.objects.get().account_id == heron.id


def test_a_file_and_an_arrival_that_name_a_company_at_once_make_one_account(
    org: Org, monkeypatch: pytest.MonkeyPatch
) -> None:
    def comes() -> None:
        with org.scope():
            item = LeadIn(email="ann@gmail.com", company=CompanyIn(name="Heron"))
            receive_lead(item=item, actor="system", clock=database_clock)

    rival = threading.Thread(target=in_threads, args=(comes,))

    def starts() -> None:
        rival.start()
        wait_until_somebody_waits()

    meanwhile(monkeypatch, starts)
    brings(org, "company,tier\nHeron,A\n")
    rival.join()
    with org.scope():
        account = Account.objects.get()
        assert (account.name, account.tier) == ("Heron", "A")
        assert Lead.objects.get().account_id == account.id


def test_a_name_that_an_arrival_makes_an_account_of_meanwhile_is_refused(
    org: Org, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else two rows would have it, and which of them the next one joins would be left to chance."""
    with org.scope():
        heron = Account.objects.create(name="Heron", domain="heron.example", created_at=database_clock())
    refused: list[str] = []

    def named() -> None:
        with org.scope():
            try:
                account_names.add_name(
                    account_id=heron.id, name="Heron Freight", actor="a", now=database_clock()
                )
            except ValidationFailed as refusal:
                refused.append(refusal.field_errors[0].code)

    rival = threading.Thread(target=in_threads, args=(named,))
    made = accounts.insert_rows

    def made_and_overtaken(*rows: Any, **how: Any) -> Any:
        answer = made(*rows, **how)
        if not rival.ident:
            rival.start()
            wait_until_somebody_waits()
        return answer

    monkeypatch.setattr(accounts, "insert_rows", made_and_overtaken)
    with org.scope():
        item = LeadIn(email="ann@gmail.com", company=CompanyIn(name="Heron Freight"))
        receive_lead(item=item, actor="system", clock=database_clock)
    rival.join()
    assert refused == ["taken"]
    with org.scope():
        assert Account.objects.filter(name="Heron Freight").count() == 1
