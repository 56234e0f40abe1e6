"""Leads on their way through sales, made by the real intake at moments that the tests choose."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from handoff.intake import receive_lead
from handoff.views import base
from leads.incoming import CompanyIn, EngagementIn, LeadIn
from leads.models import Handoff, Lead
from sla.models import Timer
from tenants.clock import fixed_clock
from tenants.models import Member
from tests.factories import Org

NewLead = Callable[..., Lead]


def new_lead(org: Org, now: datetime, email: str = "ruth@okapi.example", **said: Any) -> Lead:
    """A lead that asked for a demo, unless `kind` says something else; routed by the turn."""
    kind = said.pop("kind", "demo_request")
    domain = email.split("@")[1]
    company = "Okapi Freight" if domain == "okapi.example" else domain.split(".")[0].title()
    with org.scope():
        result = receive_lead(
            item=LeadIn(
                email=email,
                first_name=said.pop("first_name", "Ruth"),
                last_name=said.pop("last_name", "Adeyemi"),
                company=CompanyIn(name=company, domain=domain),
                engagements=(EngagementIn(kind, "", now),),
                **said,
            ),
            actor="key:test",
            clock=fixed_clock(now),
        )
        return Lead.objects.get(id=result.lead.id)


def handoff_of(org: Org, lead: Lead) -> Handoff:
    """The lead's last handoff as it is stored now."""
    with org.scope():
        return Handoff.objects.select_related("owner", "lead").filter(lead=lead).order_by("-number")[0]


def owner_of(org: Org, lead: Lead) -> Member:
    owner = handoff_of(org, lead).owner
    assert owner is not None
    return owner


def someone_else(org: Org, lead: Lead) -> Member:
    """A rep who does not own the lead."""
    owner = owner_of(org, lead)
    return next(rep for rep in org.reps if rep.id != owner.id)


def timer_of(org: Org, lead: Lead, target: str, clock: str = "owner") -> Timer:
    """The latest timer of this target and clock as it is stored now."""
    with org.scope():
        found = Timer.objects.filter(handoff__lead=lead, target=target, clock=clock).order_by("-started_at")
        return found[0]


def browser(member: Member) -> Client:
    """Somebody logged in."""
    client = Client()
    client.force_login(member.user)
    return client


@pytest.fixture
def ruth(acme: Org, now: datetime) -> Lead:
    """A demo request of Acme's, owned by one of its reps since `now`."""
    return new_lead(acme, now)


@pytest.fixture
def later(now: datetime) -> datetime:
    """Two minutes on: within the five that a demo request allows."""
    return now + timedelta(minutes=2)


@pytest.fixture
def at_hand(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], None]:
    """Let the pages live at this moment."""

    def stand_still(moment: datetime) -> None:
        monkeypatch.setattr(base, "deciding_clock", fixed_clock(moment))
        monkeypatch.setattr(base, "reading_clock", fixed_clock(moment))

    return stand_still
