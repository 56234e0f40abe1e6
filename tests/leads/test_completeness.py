"""Completeness by source, and the alarm when a source becomes worse."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from math import comb
from typing import Any

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from handoff import tasks
from leads import completeness as completeness_module
from leads import source_alarms
from leads.completeness import by_source
from leads.criteria import values_of
from leads.degradation import Tally, chance_of, has_dropped, has_recovered
from leads.models import Account, Handoff, Lead, SourceAlarm
from leads.quality import COMPLETE, completeness
from leads.source_alarms import context_of, watch_sources, watch_sources_daily
from notifications.channels.base import Rendered
from notifications.channels.webhook import body_of
from notifications.context import Row
from notifications.models import OutboxMessage
from tests.factories import Org
from tests.handoff.conftest import browser
from tests.handoff.test_readiness import came
from tests.leads.test_criteria_draft import text_of
from tests.threads import in_threads

NOW = datetime(2026, 11, 17, 9, tzinfo=UTC)
BAD: dict[str, Any] = {"invalid": ["invalid_phone"]}


def add(org: Org, number: int, at: datetime, source: str = "web", **said: Any) -> None:
    """Leads as intake leaves them."""
    with org.scope():
        start = Lead.objects.count()
        values: dict[str, Any] = {"phone": "+4930901820", "invalid": [], **said}
        Lead.objects.bulk_create(
            [
                Lead(
                    tenant_id=org.id,
                    email=f"lead{start + index}@okapi.example",
                    first_name="Ruth",
                    source=source,
                    created_at=at,
                    updated_at=at,
                    **values,
                )
                for index in range(number)
            ]
        )


# --- The test of chance ---


def _tally(drawn: int) -> Tally:
    """Any of up to 60 leads out of one number: one draw instead of two that hang together."""
    good, of = divmod(drawn, 60)
    return Tally(good % (of + 2), of + 1)


tallies = st.integers(0, 60 * 61 - 1).map(_tally)


@given(tallies, tallies)
def test_the_chance_is_the_share_of_all_ways_to_fall_so_or_worse(before: Tally, after: Tally) -> None:
    everybody, good = before.of + after.of, before.good + after.good
    ways = sum(comb(good, k) * comb(everybody - good, after.of - k) for k in range(after.good + 1))
    assert chance_of(before, after) == pytest.approx(ways / comb(everybody, after.of), rel=1e-6)


@given(tallies, tallies)
def test_few_leads_never_raise_an_alarm(before: Tally, after: Tally) -> None:
    if before.of < 30 or after.of < 30:
        assert not has_dropped(before, after)


@given(st.integers(30, 5_000), st.integers(30, 5_000), st.floats(0, 1))
def test_the_same_share_is_no_drop(first: int, second: int, share: float) -> None:
    assert not has_dropped(Tally(round(first * share), first), Tally(round(second * share), second))


def test_a_real_drop_is_one_and_a_small_or_uncertain_one_is_not() -> None:
    assert has_dropped(Tally(960, 1000), Tally(60, 100), comparisons=50)
    assert not has_dropped(Tally(96_000, 100_000), Tally(9_000, 10_000))  # certain, and of six points
    assert not has_dropped(Tally(27, 30), Tally(23, 30))  # thirteen points, and chance
    assert has_recovered(0.96, Tally(92, 100))
    assert not has_recovered(0.96, Tally(27, 29))


# --- By source ---


@pytest.mark.django_db
def test_each_source_has_its_numbers_and_only_real_leads_count(acme: Org, globex: Org) -> None:
    add(acme, 3, NOW)
    add(acme, 1, NOW, **BAD)
    add(acme, 1, NOW, phone="")
    add(acme, 2, NOW, source="", invalid=None)
    add(acme, 4, NOW, is_test=True)
    add(acme, 5, NOW - timedelta(days=40))
    add(globex, 7, NOW)
    with acme.scope():
        old = Lead.objects.create(email="old@x.example", source="web", created_at=NOW, updated_at=NOW)
        Handoff.objects.create(lead=old, number=1, started_at=NOW, is_history=True)
        web, none = by_source(NOW - timedelta(days=1), NOW + timedelta(days=1))
    assert (web.source, web.leads, web.known["phone"], web.good("phone")) == ("web", 5, 4, 3)
    assert (web.tally("phone"), web.tally("phone:valid")) == (Tally(4, 5), Tally(3, 4))
    assert (none.source, none.leads, none.tally("phone:valid")) == ("", 2, Tally(0, 0))
    assert none.good("phone") == 2


@pytest.mark.django_db
def test_rows_and_facts_count_a_field_alike(acme: Org) -> None:
    with acme.scope():
        accounts = [
            None,
            Account.objects.create(name="Okapi", domain="okapi.example", created_at=NOW, country="DE"),
            Account.objects.create(name="Zebra", employees=0, industry="Zoo", created_at=NOW),
        ]
        for index in range(12):
            Lead.objects.create(
                account=accounts[index % 3],
                source=str(index),
                email="" if index % 2 else f"a{index}@okapi.example",
                title="CTO" if index % 4 == 0 else "",
                country="AT" if index % 5 == 0 else "",
                company_name="Own" if index % 4 == 1 else "",
                invalid=[],
                created_at=NOW,
                updated_at=NOW,
            )
        rows = {each.source: each for each in by_source(NOW, NOW + timedelta(seconds=1))}
        for lead in Lead.objects.select_related("account"):
            found = completeness(values_of(lead, lead.account))
            known = {name for name in COMPLETE if rows[lead.source].known[name]}
            assert known == set(COMPLETE) - set(found.missing)


@pytest.mark.django_db
def test_intake_keeps_what_it_finds_wrong(acme: Org, now: datetime) -> None:
    assert came(acme, now, phone="+49 30 1").invalid == ["invalid_phone"]
    assert came(acme, now, phone="+49 30 901820").invalid == []


@pytest.mark.django_db
def test_the_page_the_file_and_the_call_say_the_same(
    acme: Org, globex: Org, django_assert_max_num_queries: Any
) -> None:
    recent = datetime.now(UTC) - timedelta(hours=1)
    add(acme, 3, recent)
    add(acme, 1, recent, **BAD)
    add(globex, 1, recent, source="foreign")
    client = browser(acme.marketing)
    with django_assert_max_num_queries(20):
        page = text_of(client.get("/data-quality"))
    assert "75% 3 of 4 1 wrong" in page
    assert "foreign" not in page
    assert '"web","4"' in client.get("/data-quality.csv").content.decode().replace("web,4", '"web","4"')
    answer = Client().get("/api/v1/reports/data-quality", headers=acme.auth).json()
    (row,) = answer["results"]
    phone = next(each for each in row["fields"] if each["field"] == "phone")
    assert (row["leads"], phone["known"], phone["checked"], phone["valid"]) == (4, 4, 4, 3)
    assert browser(acme.reps[0]).get("/data-quality").status_code == 403
    wrong = Client().get("/api/v1/reports/data-quality?period=8d", headers=acme.auth)
    assert (wrong.status_code, wrong.json()["errors"][0]["path"]) == (400, "/period")


# --- The alarm ---


def told(org: Org) -> set[Any]:
    with org.scope():
        return set(OutboxMessage.objects.filter(kind="quality.degraded").values_list("member_id", flat=True))


@pytest.mark.django_db
def test_a_source_that_becomes_worse_is_told_once_and_ends_when_it_is_good_again(
    acme: Org, globex: Org
) -> None:
    for org in (acme, globex):
        add(org, 200, NOW - timedelta(days=20))
    add(acme, 60, NOW - timedelta(days=2), phone="")
    add(globex, 60, NOW - timedelta(days=2))
    with acme.scope():
        assert watch_sources(NOW) == 1
        assert watch_sources(NOW + timedelta(hours=1)) == 0
        alarm = SourceAlarm.objects.get()
        assert (alarm.source, alarm.field, alarm.before_good, alarm.after_good) == ("web", "phone", 200, 0)
    assert told(acme) == {acme.admin.id, acme.marketing.id}
    with globex.scope():
        assert watch_sources(NOW) == 0
    assert told(globex) == set()
    page = text_of(browser(acme.marketing).get("/data-quality"))
    assert "Phone known" in page
    assert "0% 0 of 60 leads" in page
    add(acme, 100, NOW + timedelta(days=9))
    with acme.scope():
        assert watch_sources(NOW + timedelta(days=10)) == 0
        assert SourceAlarm.objects.get().ended_at == NOW + timedelta(days=10)
    assert "Good again" in text_of(browser(acme.marketing).get("/data-quality"))


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_many_engines_compare_the_sources_once_a_day(acme: Org, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[datetime] = []

    def counted(since: datetime, until: datetime) -> list[Any]:
        looks.append(until)
        return by_source(since, until)

    monkeypatch.setattr(source_alarms, "by_source", counted)

    def engine(now: datetime) -> None:
        with acme.scope():
            watch_sources_daily(now)

    in_threads(*(partial(engine, NOW + timedelta(hours=hour)) for hour in (0, 0, 1, 2)))
    assert len(looks) == 2  # the last days, and the weeks before
    engine(NOW + timedelta(days=1))
    assert len(looks) == 4


@pytest.mark.django_db
def test_a_look_that_raises_is_tried_again_the_same_day(acme: Org, monkeypatch: pytest.MonkeyPatch) -> None:
    add(acme, 200, NOW - timedelta(days=20))
    add(acme, 60, NOW - timedelta(days=2), phone="")

    def broken(*_: Any) -> Any:
        raise RuntimeError

    monkeypatch.setattr(source_alarms, "by_source", broken)
    with pytest.raises(RuntimeError), acme.scope():
        watch_sources_daily(NOW)
    monkeypatch.undo()
    with acme.scope():
        assert watch_sources_daily(NOW) == 1
        assert watch_sources_daily(NOW) == 0


@pytest.mark.django_db
def test_wrong_values_raise_an_alarm_where_missing_ones_do_not(acme: Org) -> None:
    add(acme, 200, NOW - timedelta(days=20))
    add(acme, 60, NOW - timedelta(days=2), **BAD)
    with acme.scope():
        assert watch_sources(NOW) == 1
        assert SourceAlarm.objects.get().field == "phone:valid"


@pytest.mark.django_db
def test_the_message_says_both_numbers(acme: Org) -> None:

    add(acme, 200, NOW - timedelta(days=20))
    add(acme, 60, NOW - timedelta(days=2), phone="")
    with acme.scope():
        watch_sources(NOW)
        alarm = SourceAlarm.objects.get()
        row = Row(alarm.id, "quality.degraded", f"source_alarm:{alarm.id}", {}, acme.admin.id, NOW)
        context = context_of([row], NOW)[alarm.id]
    said = "Phone known: 0% in the last 7 days (0 of 60 leads), 100% in the 28 days before (200 of 200)."
    assert (context.words["what"], context.words["first"]) == ("phone known", said)
    assert (context.words["second"], context.words["more"]) == ("", "")
    assert context.path == "/data-quality"


@pytest.mark.django_db
def test_all_that_one_import_lacks_is_one_message_and_each_source_has_its_own(acme: Org) -> None:
    lacking = {"phone": "", "title": "", "company_name": "", "last_name": "", "country": ""}
    full = {name: "Known" for name in lacking if name != "phone"}
    for source in ("web", "fair"):
        add(acme, 200, NOW - timedelta(days=20), source, **full)
        add(acme, 60, NOW - timedelta(days=2), source, **lacking)
    with acme.scope():
        assert watch_sources(NOW) == 10
        sent = OutboxMessage.objects.filter(kind="quality.degraded", channel="inapp", member=acme.admin)
        rows = [Row(each.id, each.kind, each.subject, each.data, each.member_id, NOW) for each in sent]
        contexts = context_of(rows, NOW)
        calls = [json.loads(body_of(_rendered(row, contexts[row.id].facts))) for row in rows]
        assert watch_sources(NOW + timedelta(days=1)) == 0
        assert sent.count() == 2
    assert {each.words["source"] for each in contexts.values()} == {"web", "fair"}
    for each in contexts.values():
        assert each.words["what"].endswith(" and 4 more")
        assert each.words["third"]
        assert each.words["more"] == "And 2 more."
        assert len(each.facts["alarms"]) == 5
        assert each.facts["measure"] == each.facts["alarms"][0]["measure"]
    for call in calls:  # what a webhook is sent
        fields = {alarm["measure"]: (alarm["before"], alarm["after"]) for alarm in call["data"]["alarms"]}
        assert fields.keys() == {"phone", "title", "company_name", "last_name", "country"}
        assert fields["phone"] == ({"good": 200, "of": 200}, {"good": 0, "of": 60})


def _rendered(row: Row, facts: Mapping[str, Any]) -> Rendered:
    return Rendered(row.id, row.id, row.kind, row.subject, row.data, NOW, "", "", "", facts)


@pytest.mark.django_db
def test_of_a_busy_period_the_newest_leads_count(acme: Org, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(completeness_module, "MOST_LEADS", 5)
    add(acme, 4, NOW - timedelta(hours=2), phone="")
    add(acme, 5, NOW - timedelta(hours=1))
    with acme.scope():
        (web,) = by_source(NOW - timedelta(days=1), NOW)
    assert (web.leads, web.known["phone"]) == (5, 5)


@pytest.mark.django_db
def test_an_organisation_whose_old_simulations_cannot_be_removed_keeps_nobody_waiting(
    acme: Org, globex: Org, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def forget(tenant_id: Any, *, now: datetime) -> int:
        asked.append(tenant_id)
        if len(asked) == 1:
            raise RuntimeError
        return 1

    monkeypatch.setattr(tasks.runs, "forget_old", forget)
    assert tasks.forget_simulations_tick() == 1
    assert set(asked) == {acme.id, globex.id}
