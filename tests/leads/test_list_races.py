"""Lists and the rules that ask about them, changed at the same moment."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from core.errors import Conflict, NotFound, ValidationFailed
from leads import criteria, named_lists
from leads.criteria_drafts import publish_criteria
from leads.list_csv import read_table
from leads.list_import import import_list
from leads.models import CriteriaVersion, ListEntry, NamedList
from leads.named_lists import add_entries, create_list, remove_entry, remove_list
from tenants.clock import database_clock
from tenants.versions import published_version
from tests.factories import Org, make_org
from tests.threads import in_threads, wait_until_somebody_waits

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def org(transactional_db: None) -> Org:
    return make_org("acme", now=database_clock(), hours="always")


def made(org: Org) -> NamedList:
    with org.scope():
        return create_list(name="Rivals", purpose="competitors", actor="a", now=database_clock())


def publish(org: Org) -> None:
    """Put criteria in force that leave out whoever is on the list."""
    with org.scope():
        current = published_version(CriteriaVersion)
        assert current is not None
        when = {"field": "lead.lists", "op": "contains", "value": ["rivals"]}
        content = {**current.content, "exclude": [{"name": "Rivals", "when": when}]}
        publish_criteria(content, based_on=current.number, actor="member:test", now=database_clock())


def test_a_list_is_not_removed_between_the_check_of_a_version_and_its_publication(
    org: Org, monkeypatch: pytest.MonkeyPatch
) -> None:
    rivals, refused = made(org), []

    def removes() -> None:
        with pytest.raises(Conflict) as refusal, org.scope():
            remove_list(list_id=rivals.id, actor="a", now=database_clock())
        refused.append(refusal.value)

    rival = threading.Thread(target=in_threads, args=(removes,))
    real = criteria.unknown_lists

    def and_then(content: object) -> Any:
        answer = real(content)
        rival.start()
        wait_until_somebody_waits()
        return answer

    monkeypatch.setattr(criteria, "unknown_lists", and_then)
    publish(org)
    rival.join()
    assert "in force" in refused[0].message
    with org.scope():
        assert NamedList.objects.filter(id=rivals.id).exists()


def test_a_version_is_refused_whose_list_is_being_removed(org: Org, monkeypatch: pytest.MonkeyPatch) -> None:
    rivals, refused = made(org), []

    def publishes() -> None:
        with pytest.raises(ValidationFailed) as refusal:
            publish(org)
        refused.append(refusal.value)

    rival = threading.Thread(target=in_threads, args=(publishes,))
    real = named_lists.uses_of

    def and_then(slugs: Any) -> Any:
        answer = real(slugs)
        rival.start()
        wait_until_somebody_waits()
        return answer

    monkeypatch.setattr(named_lists, "uses_of", and_then)
    with org.scope():
        remove_list(list_id=rivals.id, actor="a", now=database_clock())
    rival.join()
    assert refused[0].field_errors[0].code == "unknown_list"


def test_whoever_comes_second_to_a_list_that_is_being_removed_finds_none(
    org: Org, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Entries by hand, a file, an entry that goes, and another removal: all began while it was there."""
    rivals, refused = made(org), []
    with org.scope():
        add_entries(list_id=rivals.id, texts=["heron.example"], actor="a", now=database_clock())
        entry = ListEntry.objects.get()

    def second(do: Any, **said: Any) -> threading.Thread:
        def run() -> None:
            with pytest.raises(NotFound) as refusal, org.scope():
                do(list_id=rivals.id, actor="a", now=database_clock(), **said)
            refused.append(refusal.value)

        return threading.Thread(target=in_threads, args=(run,))

    table = read_table("company,tier\nHeron,A\n")
    seconds = [
        second(add_entries, texts=["wren.example"]),
        second(import_list, table=table),
        second(remove_entry, entry_id=entry.id),
        second(remove_list),
    ]
    real = named_lists._record

    def and_then(found: NamedList, action: str, *said: Any) -> None:
        real(found, action, *said)
        if action == "list.remove":
            for each in seconds:
                each.start()
            wait_until_somebody_waits(4)

    monkeypatch.setattr(named_lists, "_record", and_then)
    with org.scope():
        remove_list(list_id=rivals.id, actor="a", now=database_clock())
    for each in seconds:
        each.join()
    assert len(refused) == 4
    with org.scope():
        assert not ListEntry.objects.exists()
