"""The first organisation of an installation, and every next one, from the command line."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from handoff.intake import receive_lead
from leads.incoming import EngagementIn, LeadIn
from notifications.models import OutboxMessage
from routing.selectors import fallback_of
from tenants.clock import database_clock
from tenants.context import tenant_scope
from tenants.models import Member, Role, Team, Tenant, User
from tests.factories import Org

pytestmark = pytest.mark.django_db


def create(*arguments: str, **options: Any) -> str:
    out = StringIO()
    call_command("create_organisation", *arguments, stdout=out, **options)
    return out.getvalue()


def test_an_organisation_is_made_whose_admin_signs_in_and_whose_leads_are_handled() -> None:
    said = create(
        "Acme Tools", "--admin", "Ada@Acme.example", "--time-zone", "Europe/Berlin", "--country", "de"
    )
    password = said.split("shown once: ")[1].strip()
    assert Client().post("/login", {"email": "ada@acme.example", "password": password}).status_code == 302
    user = User.objects.get(email="ada@acme.example")
    client = Client()
    client.force_login(user)
    assert "Acme Tools" in client.get("/people").content.decode()
    tenant = _tenant_of(client)
    with tenant_scope(tenant):
        (member,) = Member.objects.all()
        assert (member.role, member.name) == (Role.ADMIN, "ada")
        fallback = fallback_of()
        assert fallback is not None
        assert fallback.id == member.id
        result = receive_lead(
            item=LeadIn(
                email="ann@customer.example",
                last_name="Lee",
                engagements=(EngagementIn("demo_request", "", database_clock()),),
            ),
            actor="key:test",
            clock=database_clock,
        )
        assert result.handoff is not None
        assert result.handoff.tier == "demo_request"


def _tenant_of(client: Client) -> Any:
    return client.get("/people").wsgi_request.tenant.id


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--admin", "nobody"], "nobody is no e-mail address."),
        (["--admin", "a@b.example", "--time-zone", "Berlin"], "Berlin is no IANA time zone"),
        (["--admin", "a@b.example", "--country", "XX"], "There is no public holiday calendar for XX."),
        (["--admin", "a@b.example", "--slug", "No Good"], "The slug has up to 60 small letters"),
    ],
)
def test_what_makes_no_organisation_is_refused_in_one_sentence(arguments: list[str], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        create("Acme", *arguments)
    assert not User.objects.filter(email="a@b.example").exists()


def test_a_slug_that_is_taken_is_refused(acme: Org) -> None:
    with pytest.raises(CommandError, match="There is an organisation acme already"):
        create("Acme", "--admin", "a@b.example")
    assert not User.objects.filter(email="a@b.example").exists()


def test_somebody_with_a_login_keeps_their_password(acme: Org) -> None:
    said = create("Second", "--admin", acme.admin.email)
    assert "its password stays" in said
    assert "shown once" not in said


def test_an_organisation_may_begin_in_shadow_mode_and_tells_nobody_until_it_is_switched_on() -> None:
    said = create("Acme Tools", "--admin", "ada@acme.example", "--shadow")
    assert "It begins in shadow mode" in said
    client = Client()
    client.force_login(User.objects.get(email="ada@acme.example"))
    with tenant_scope(_tenant_of(client)):
        assert Tenant.objects.get().mode == "shadow"
        assert set(Team.objects.values_list("mode", flat=True)) == {"shadow"}
        receive_lead(
            item=LeadIn(
                email="ann@customer.example",
                engagements=(EngagementIn("demo_request", "", database_clock()),),
            ),
            actor="key:test",
            clock=database_clock,
        )
        assert set(OutboxMessage.objects.values_list("kind", "state")) == {("lead.unrouted", "suppressed")}
    assert "Would have told ada that the lead has no owner." in client.get("/shadow").content.decode()
