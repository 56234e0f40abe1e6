"""Joining an organisation: asked by an admin, decided by the person alone."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from core.errors import Conflict
from tenants import invitation_views, services
from tenants.auth import memberships_of
from tenants.models import AuditEntry, Member, Role, User
from tests.factories import PASSWORD, Org, make_org

pytestmark = pytest.mark.django_db
NEW = {"new_password1": "a longer phrase entirely", "new_password2": "a longer phrase entirely"}


@pytest.fixture
def zeta(db: None, now: datetime, settings) -> Org:
    """Behind Acme by name: whoever works here must not land in Acme."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    return make_org("zeta", now=now, password=PASSWORD)


def as_(member: Member) -> Client:
    client = Client()
    client.force_login(member.user)
    return client


def invited(org: Org, email: str, role: str = "rep") -> tuple[str, str]:
    """(page, path of the link) after the admin has asked this e-mail."""
    data = {"name": "Nia", "email": email, "role": role, "team": str(org.team.id)}
    answer = as_(org.admin).post("/people/new", data)
    assert answer["Cache-Control"] == "no-store"
    page = answer.content.decode()
    return page, link_in(page)


def link_in(page: str) -> str:
    found = re.search(r'id="invitation-link"[^>]*>http://testserver(/invitation\?key=\w+)<', page)
    assert found
    return found[1]


def member_of(org: Org, email: str) -> Member:
    with org.scope():
        return Member.objects.get(email=email)


def sent(client: Client, link: str, **data: str):
    return client.post("/invitation", {"key": link.partition("key=")[2], **data})


def test_somebody_of_another_organisation_lands_where_they_did_before(acme: Org, zeta: Org) -> None:
    rep = zeta.reps[0]
    invited(acme, rep.email, "admin")
    client = Client()
    client.post("/login", {"email": rep.email, "password": PASSWORD})
    answer = client.get("/account")
    assert answer.wsgi_request.tenant.id == zeta.id
    page = answer.content.decode()
    assert "asks you to join as RevOps admin" in page
    assert client.post(f"/organisation/{acme.id}").status_code == 404
    assert [one.tenant_id for one in memberships_of(rep.user_id)] == [zeta.id]
    # They say yes, and go on where they work, now and after the next sign-in.
    assert client.post("/invitations", {"tenant": str(acme.id), "answer": "accept"}).status_code == 302
    assert client.get("/account").wsgi_request.tenant.id == zeta.id
    again = Client()
    again.post("/login", {"email": rep.email, "password": PASSWORD})
    answer = again.get("/account")
    assert answer.wsgi_request.tenant.id == zeta.id
    assert "asks you to join" not in answer.content.decode()
    assert again.post(f"/organisation/{acme.id}").status_code == 302
    third = Client()
    third.post("/login", {"email": rep.email, "password": PASSWORD})
    assert third.get("/account").wsgi_request.tenant.id == acme.id  # the one last worked in


def test_who_is_asked_is_in_no_list_and_owns_nothing_before_they_accept(acme: Org, zeta: Org, now) -> None:
    invited(acme, zeta.reps[0].email)
    pending = member_of(acme, zeta.reps[0].email)
    assert not pending.is_active
    page = as_(acme.admin).get("/people").content.decode()
    assert f"{pending.email} · invited" in page
    assert str(pending.id) not in as_(acme.admin).get("/teams/new").content.decode()
    with acme.scope(), pytest.raises(Conflict, match="has not accepted"):
        services.change_member(
            member=pending, name="N", role=Role.REP, team=None, is_active=True, actor="x", now=now
        )
    with acme.scope(), pytest.raises(IntegrityError), transaction.atomic():
        Member.objects.filter(id=pending.id).update(is_active=True)


def test_an_admin_cannot_say_yes_for_somebody_by_the_form(acme: Org, zeta: Org) -> None:
    invited(acme, zeta.reps[0].email)
    pending = member_of(acme, zeta.reps[0].email)
    data = {"form": "person", "name": "N", "role": "rep", "team": "", "is_active": "on"}
    assert as_(acme.admin).post(f"/people/{pending.id}", data).status_code == 302
    assert not member_of(acme, pending.email).is_active


def test_the_page_is_the_same_for_an_e_mail_with_a_login_and_one_without(acme: Org, zeta: Org) -> None:
    def bare(page: str, email: str) -> str:
        page = re.sub(r'key=\w+|/people/[\w-]+|nonce="[^"]*"|csrf[^>]*>', "", page)
        return re.sub(r"\"X-CSRFToken\": \"\w+\"", "", page).replace(email, "E")

    known, _ = invited(acme, zeta.reps[0].email)
    new, _ = invited(acme, "nobody@yet.example")
    assert bare(known, zeta.reps[0].email) == bare(new, "nobody@yet.example")


def test_a_new_person_sets_a_password_under_the_link_once(acme: Org) -> None:
    _, link = invited(acme, "Nia@new.example")
    client = Client()
    assert b"Acme asks you to join" in client.get(link).content
    assert sent(client, link, new_password1="x", new_password2="y").status_code == 422
    assert sent(client, link, **NEW).status_code == 302
    assert client.get("/account").wsgi_request.tenant.id == acme.id
    assert member_of(acme, "nia@new.example").is_active
    again = Client().post("/login", {"email": "nia@new.example", "password": NEW["new_password1"]})
    assert again.status_code == 302
    assert Client().get(link).status_code == 404
    assert (
        sent(Client(), link, new_password1="another phrase", new_password2="another phrase").status_code
        == 404
    )
    with acme.scope():
        actions = list(AuditEntry.objects.filter(object_type="member").values_list("action", flat=True))
    assert sorted(actions) == ["accepted", "invited"]


def test_a_known_person_signs_in_under_the_link_and_answers(acme: Org, zeta: Org) -> None:
    rep = zeta.reps[0]
    _, link = invited(acme, rep.email)
    client = Client()
    page = client.get(link).content.decode()
    sign_in = re.search(r'href="(/login\?next=[^"]+)"', page)[1]
    wanted = Client().get(sign_in).content.decode()
    assert 'name="next" value="/invitation?key=' in wanted
    client.post("/login", {"email": rep.email, "password": PASSWORD})
    assert b'value="accept"' in client.get(link).content
    assert sent(client, link, answer="accept").status_code == 302
    assert member_of(acme, rep.email).is_active


def test_the_link_gives_nobody_the_login_of_somebody_who_has_one(acme: Org, zeta: Org) -> None:
    """The admin who asks sees the link: it must not open what the person has elsewhere."""
    rep, passwordless = zeta.reps[0], zeta.reps[1]
    User.objects.filter(pk=passwordless.user_id).update(password="!")  # set up without one
    for person in (rep, passwordless):
        before = User.objects.get(pk=person.user_id).password
        _, link = invited(acme, person.email)
        answer = sent(Client(), link, **NEW)
        assert b"has a login already" in answer.content
        assert User.objects.get(pk=person.user_id).password == before
        assert not member_of(acme, person.email).is_active


def test_a_link_serves_nobody_else_who_is_signed_in(acme: Org, zeta: Org) -> None:
    _, link = invited(acme, zeta.reps[0].email)
    other = as_(zeta.reps[1])
    assert b"signed in with another e-mail" in other.get(link).content
    sent(other, link, answer="accept", **NEW)
    assert not member_of(acme, zeta.reps[0].email).is_active
    assert other.post("/invitations", {"tenant": str(acme.id), "answer": "accept"}).status_code == 404


def test_a_link_is_dead_after_a_week_a_new_one_or_its_withdrawal(acme: Org, monkeypatch) -> None:
    _, first = invited(acme, "nia@new.example")
    admin, page = as_(acme.admin), f"/people/{member_of(acme, 'nia@new.example').id}"
    second = link_in(admin.post(f"{page}/invitation", {"act": "renew"}).content.decode())
    assert Client().get(first).status_code == 404
    assert Client().get(second).status_code == 200
    real = invitation_views.database_clock
    with monkeypatch.context() as later:
        later.setattr(invitation_views, "database_clock", lambda: real() + timedelta(days=7, minutes=1))
        assert Client().get(second).status_code == 404
    assert admin.post(f"{page}/invitation", {"act": "withdraw"}).status_code == 302
    assert Client().get(second).status_code == 404
    assert "has not joined" in admin.get(page).content.decode()


@pytest.mark.parametrize("key", ["", "x", "0" * 72, "é" * 72, "g" * 72])
def test_a_key_that_is_not_ours_opens_nothing(acme: Org, key: str) -> None:
    assert Client().get("/invitation", {"key": key}).status_code == 404


def test_who_declines_is_not_in_and_is_not_asked_again_by_itself(acme: Org, zeta: Org) -> None:
    rep = zeta.reps[0]
    _, link = invited(acme, rep.email)
    client = as_(rep)
    assert client.post("/invitations", {"tenant": str(acme.id), "answer": "maybe"}).status_code == 400
    assert client.post("/invitations", {"tenant": str(acme.id), "answer": "decline"}).status_code == 302
    assert b"asks you to join" not in client.get("/account").content
    assert Client().get(link).status_code == 404
    assert not member_of(acme, rep.email).is_active


def test_who_is_in_no_organisation_finds_the_invitation_after_signing_in(acme: Org, zeta: Org) -> None:
    rep = zeta.reps[0]
    with zeta.scope():
        Member.objects.filter(id=rep.id).update(is_active=False)
    invited(acme, rep.email)
    client = as_(rep)
    assert client.get("/")["Location"] == "/invitations"
    assert b"asks you to join" in client.get("/invitations").content
    client.post("/invitations", {"tenant": str(acme.id), "answer": "accept"})
    assert client.get("/account").wsgi_request.tenant.id == acme.id


def test_who_has_joined_is_not_asked_again(acme: Org) -> None:
    rep = acme.reps[0]
    assert as_(acme.admin).post(f"/people/{rep.id}/invitation", {"act": "renew"}).status_code == 409
    assert as_(acme.manager).post(f"/people/{rep.id}/invitation", {"act": "renew"}).status_code == 403
    assert member_of(acme, rep.email).is_active


def test_a_visitor_is_sent_to_sign_in_before_the_invitations_are_shown() -> None:
    assert Client().get("/invitations")["Location"] == "/login?next=%2Finvitations"
