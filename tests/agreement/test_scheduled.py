"""What is scheduled when both sides sign is agreed with it, and comes into force as it was agreed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from reporting.agreement.gather import present_terms
from reporting.agreement.models import Agreement
from reporting.agreement.terms import as_document, from_document
from reporting.agreement.watch import watch_tenant
from routing.models import RuleSetVersion
from sla.models import PolicyVersion
from tenants import versions
from tenants.models import VersionedModel
from tests.agreement.conftest import agreements, browser, lines_of, seen_by, sign, sign_both
from tests.factories import Org

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
MINUTES = {"minutes": 10}


def scheduled(
    org: Org, model: type[VersionedModel], now: datetime, days: int, duration: dict[str, int] = MINUTES
) -> Any:
    """The next version of a kind, to come into force in so many days; of the policy with another first touch
    for demo requests."""
    with org.scope():
        draft = versions.start_draft(model, actor="system", now=now)
        content = draft.content
        if model is PolicyVersion:
            content["tiers"][0]["targets"][0]["duration"] = duration
        saved = versions.save_draft(draft, content=content, expected_revision=1, actor="system", now=now)
        return versions.publish(saved, actor="system", now=now, effective_at=now + days * DAY)


def order_of(version: Any) -> Any:
    found = versions.last_order(version)
    assert found is not None
    return found


def state_over_the_api(org: Org) -> dict[str, Any]:
    sent = Client().get("/api/v1/agreement", headers={"authorization": f"Bearer {org.api_key}"})
    return dict(sent.json())


def test_what_is_scheduled_stands_in_the_terms_with_what_it_changes_and_when(acme: Org, now) -> None:
    scheduled(acme, PolicyVersion, now, 5)
    scheduled(acme, RuleSetVersion, now, 3)
    with acme.scope():
        section = present_terms(acme.tenant, now).terms.section("later")
    assert section is not None
    routing, policy = section.groups
    assert routing.heading == "20 Nov 2026, 10:00 CET: version 2 of the routing rules comes into force"
    assert routing.lines == ("It says who gets which lead, and changes nothing else that is agreed here.",)
    assert policy.heading == "22 Nov 2026, 10:00 CET: version 2 of the SLA policy comes into force"
    assert policy.lines == (
        "Response times, no longer: Demo request, first touch: within 5 minutes of working time",
        "Response times, from then on: Demo request, first touch: within 10 minutes of working time",
    )
    assert "What is already scheduled" in lines_of(browser(acme.reps[0]).get("/agreement"))


def test_once_signed_it_comes_into_force_without_asking_anybody(acme: Org, now, at) -> None:
    scheduled(acme, PolicyVersion, now, 5)
    sign_both(acme)
    for moment in (now + 4 * DAY, now + 6 * DAY):
        at(moment)
        page = browser(acme.manager).get("/agreement")
        assert (page.context["is_standing"], page.context["changes"]) == (True, [])
        with acme.scope():
            assert watch_tenant(now=moment) == 0
    # The engine wrote meanwhile that it is in force.
    with acme.scope():
        versions.settle(PolicyVersion, now + 6 * DAY)
    page = browser(acme.manager).get("/agreement")
    assert page.context["is_standing"]
    assert "within 10 minutes of working time" in lines_of(page)
    assert page.context["terms"].section("later") is None
    assert browser(acme.manager).get("/agreement.pdf").status_code == 200


def test_scheduled_after_the_signatures_it_asks_for_new_ones(acme: Org, now) -> None:
    sign_both(acme)
    with acme.scope():
        Agreement.objects.update(frozen_until=None)
    scheduled(acme, PolicyVersion, now, 5)
    page = browser(acme.manager).get("/agreement")
    assert not page.context["is_standing"]
    assert [change.slug for change in page.context["changes"]] == ["later"]
    assert "Demo request, first touch: within 10 minutes" in lines_of(page)


def test_called_off_after_the_signatures_it_asks_for_new_ones(acme: Org, now, at) -> None:
    version = scheduled(acme, PolicyVersion, now, 5)
    sign_both(acme)
    with acme.scope():
        versions.cancel(order_id=order_of(version).id, actor="system", now=now)
        assert watch_tenant(now=now) == 1
    assert [each.slug for each in browser(acme.manager).get("/agreement").context["changes"]] == ["later"]
    # When its time has passed, what was agreed is not what runs.
    at(now + 6 * DAY)
    assert [each.slug for each in browser(acme.manager).get("/agreement").context["changes"]] == ["response"]


def test_something_else_scheduled_for_that_day_is_not_what_was_agreed(acme: Org, now) -> None:
    version = scheduled(acme, PolicyVersion, now, 5)
    sign_both(acme)
    with acme.scope():
        versions.cancel(order_id=order_of(version).id, actor="system", now=now)
        versions.discard_draft(versions.open_draft(PolicyVersion), actor="system", now=now)
        Agreement.objects.update(frozen_until=None)
    scheduled(acme, PolicyVersion, now, 5, {"minutes": 20})
    assert not browser(acme.manager).get("/agreement").context["is_standing"]


def test_the_second_side_may_sign_after_it_came(acme: Org, now, at) -> None:
    scheduled(acme, PolicyVersion, now, 5)
    assert sign(acme.marketing, "marketing").status_code == 302
    opened = seen_by(browser(acme.manager))
    at(now + 6 * DAY)
    assert sign(acme.manager, "sales", seen=opened).status_code == 302
    assert [(each["number"], each["state"]) for each in agreements(acme)] == [(1, "in_force")]
    assert browser(acme.manager).get("/agreement").context["is_standing"]


def test_two_that_are_scheduled_come_one_after_the_other(acme: Org, now) -> None:
    scheduled(acme, PolicyVersion, now, 5)
    scheduled(acme, RuleSetVersion, now, 7)
    with acme.scope():
        terms = present_terms(acme.tenant, now).terms
        after = present_terms(acme.tenant, now + 6 * DAY).terms
    signed = from_document(as_document(terms))
    assert signed.digest == terms.digest != after.digest
    assert signed.at(now + 4 * DAY).digest == terms.digest
    assert signed.at(now + 6 * DAY).digest == after.digest
    assert len(signed.at(now + 6 * DAY).section("later").groups) == 1
    assert signed.at(now + 8 * DAY).section("later") is None


def test_programs_are_told_the_same(acme: Org, globex: Org) -> None:
    """By the present moment, which the interface reads from the database."""
    from tenants.clock import database_clock

    with acme.scope():
        now = database_clock()
    scheduled(acme, PolicyVersion, now, 5)
    told = state_over_the_api(acme)
    (section,) = [each for each in told["sections"] if each["slug"] == "later"]
    assert section["promise"][0]["kind"] == "policy"
    assert "response" in section["promise"][0]["promises"]
    assert not [each for each in state_over_the_api(globex)["sections"] if each["slug"] == "later"]
