"""A refused form answers 422 on every page, with what was typed; 409 where somebody else came first."""

from __future__ import annotations

import pytest
from django.test import Client

from tenants.models import Calendar, Member
from tests.factories import Org

pytestmark = pytest.mark.django_db


def as_(member: Member) -> Client:
    client = Client()
    client.force_login(member.user)
    return client


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/account", {"theme": "pink"}),
        ("/account/password", {"old_password": "x"}),
        ("/people/new", {"name": "Ann", "email": "nobody"}),
        ("/people/{rep}", {"form": "person", "name": ""}),
        ("/people/{rep}", {"form": "profile", "daily_cap": "-5"}),
        ("/people/{rep}/leave", {"first_day": "2026-12-02", "last_day": "2026-12-01"}),
        ("/teams/new", {"name": ""}),
        ("/keys", {"name": ""}),
        ("/webhooks", {"url": "nowhere"}),
        ("/routing/settings", {"fallback": "nobody"}),
        ("/qualification", {"based_on": "1", "content": "{"}),
        ("/calendars/new", {"name": "", "step": "save"}),
        ("/calendars/{calendar}/edit", {"name": "", "step": "save"}),
    ],
)
def test_a_refused_form_is_unprocessable(acme: Org, path: str, sent: dict[str, str]) -> None:
    with acme.scope():
        calendar = Calendar.objects.all()[0]
    address = path.format(rep=acme.reps[0].id, calendar=calendar.id)
    answer = as_(acme.admin).post(address, sent)
    assert answer.status_code == 422
    assert 'class="sp-error' in answer.content.decode()


def test_a_wrong_password_is_unprocessable_too(acme: Org) -> None:
    answer = Client().post("/login", {"email": acme.admin.email, "password": "wrong"})
    assert answer.status_code == 422
    assert "E-mail or password is wrong." in answer.content.decode()


def test_asking_for_a_countrys_holidays_is_no_refusal(acme: Org) -> None:
    answer = as_(acme.admin).post("/calendars/new", {"name": "", "step": "holidays", "country": "DE"})
    assert answer.status_code == 200
