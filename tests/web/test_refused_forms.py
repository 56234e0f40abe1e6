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


def test_a_value_out_of_bounds_is_told_in_our_words(acme: Org) -> None:
    client = as_(acme.admin)
    stale = client.post("/qualification/stages", {"stale_sal": "0", "stale_mql": "9999"}).content.decode()
    for page, said in ((stale, "At least 1."), (stale, "At most 250.")):
        assert said in page
        assert "Ensure this value" not in page


def test_what_has_a_value_or_must_have_one_is_not_called_optional(acme: Org) -> None:
    client = as_(acme.admin)
    address = client.post("/accounts/lists", {"name": "Rivals", "purpose": "competitors"}).url
    page = client.get("/qualification/judge-again").content.decode()
    assert "Which leads" in page
    assert "(optional)" not in page
    bring = client.get(f"{address}/import").content.decode()
    assert "(optional)" not in bring[bring.index("CSV file") :].split("</label>")[0]
    refused = client.post(f"{address}/import", {"do": "preview"})
    assert refused.status_code == 422
    assert "Choose a file." in refused.content.decode()
