"""The same form sent by several at once: one row, and the others read what is wrong."""

from __future__ import annotations

import threading

import pytest
from django.test import Client

from tenants.clock import database_clock
from tenants.models import Member, Team, User
from tests.factories import Org, make_org
from tests.threads import in_threads

pytestmark = pytest.mark.django_db(transaction=True)
RIVALS = 4


@pytest.fixture
def org(transactional_db: None) -> Org:
    return make_org("acme", now=database_clock())


def sent_at_once(org: Org, path: str, data: dict[str, str]) -> list[tuple[int, str]]:
    """(status, page) of the same form sent by several at the same moment."""
    start = threading.Barrier(RIVALS)
    answers: list[tuple[int, str]] = []
    clients = [Client(raise_request_exception=False) for _ in range(RIVALS)]
    for client in clients:
        client.force_login(org.admin.user)

    def send(client: Client) -> None:
        start.wait()
        answer = client.post(path, data)
        answers.append((answer.status_code, answer.content.decode()))

    in_threads(*(lambda client=client: send(client) for client in clients))
    return answers


def test_a_team_of_one_name_is_made_once(org: Org) -> None:
    for number in range(3):
        answers = sent_at_once(org, "/teams/new", {"name": f"Team {number}"})
        assert sorted(status for status, _ in answers) == [302] + [422] * (RIVALS - 1)
        assert sum("There is a team of that name already." in page for _, page in answers) == 3
        with org.scope():
            assert Team.objects.filter(name=f"Team {number}").count() == 1


def test_one_e_mail_is_invited_once(org: Org) -> None:
    for number in range(3):
        email = f"nia{number}@new.example"
        data = {"name": "Nia", "email": email, "role": "rep", "team": ""}
        answers = sent_at_once(org, "/people/new", data)
        assert sorted(status for status, _ in answers) == [200] + [422] * (RIVALS - 1)
        assert sum("invitation-link" in page for _, page in answers) == 1
        assert sum("Somebody here has this e-mail already." in page for _, page in answers) == RIVALS - 1
        assert User.objects.filter(email=email).count() == 1
        with org.scope():
            assert Member.objects.filter(email=email).count() == 1
