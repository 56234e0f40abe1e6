"""Signing in: by whom, how often, and where it leads."""

import json

import pytest
from django.test import Client

from tenants.models import Role, Team, User
from tenants.services import add_member
from tests.factories import PASSWORD, Org, make_org

pytestmark = pytest.mark.django_db


@pytest.fixture
def org(db: None, now, settings) -> Org:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    return make_org("acme", now=now, password=PASSWORD)


def sign_in(email: str, password: str = PASSWORD, *, address: str = "10.0.0.1", **data: str):
    client = Client(REMOTE_ADDR=address)
    return client, client.post("/login", {"email": email, "password": password, **data})


def test_the_right_password_opens_and_its_e_mail_may_be_in_capitals(org: Org) -> None:
    client, answer = sign_in("REP1@acme.example")
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert client.get("/account").status_code == 200


@pytest.mark.parametrize(
    ("email", "password"), [("rep1@acme.example", "wrong"), ("nobody@acme.example", PASSWORD)]
)
def test_a_wrong_pair_is_told_without_saying_which_half(org: Org, email: str, password: str) -> None:
    client, answer = sign_in(email, password)
    assert answer.status_code == 422
    assert b"E-mail or password is wrong." in answer.content
    assert client.get("/account").status_code == 302


def test_a_visitor_is_sent_to_sign_in_and_back(org: Org) -> None:
    answer = Client().get("/account?x=1")
    assert answer["Location"] == "/login?next=%2Faccount%3Fx%3D1"
    _, answer = sign_in("rep1@acme.example", next="/account?x=1")
    assert answer["Location"] == "/account?x=1"


def test_whoever_sent_a_form_after_their_session_ended_comes_back_to_the_page_with_the_form(org: Org) -> None:
    form = "/qualification/draft/discard"
    answer = Client().post(form, headers={"Referer": "http://testserver/qualification/draft?x=1"})
    assert answer["Location"] == "/login?next=%2Fqualification%2Fdraft%3Fx%3D1"
    for referer in ("", "https://evil.example/qualification", "http://testserver"):
        assert Client().post(form, headers={"Referer": referer})["Location"] == "/login?next=%2F"


def test_an_address_that_takes_only_a_form_says_so_to_whoever_opens_it(org: Org) -> None:
    client, _ = sign_in("rep1@acme.example")
    answer = client.get("/logout")
    assert (answer.status_code, answer["Allow"]) == (405, "POST")
    assert "Nothing was done" in answer.content.decode()
    assert Client().delete("/api/v1/criteria", headers=org.auth)["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    "foreign", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "\\\\evil"]
)
def test_next_never_leads_elsewhere(org: Org, foreign: str) -> None:
    _, answer = sign_in("rep1@acme.example", next=foreign)
    assert answer["Location"] == "/"


@pytest.mark.parametrize("no_path", ["x", "0", "tenants:account", "account", "/x\r\nA: b", "/x\ty"])
def test_next_that_is_no_path_leads_to_the_start(org: Org, no_path: str) -> None:
    client, answer = sign_in("rep1@acme.example", next=no_path)
    assert (answer.status_code, answer["Location"]) == (302, "/")
    again = client.get("/login", {"next": no_path})
    assert (again.status_code, again["Location"]) == (302, "/")


def test_ten_failures_make_this_account_wait_at_this_address_only(org: Org) -> None:
    for _ in range(10):
        assert sign_in("rep1@acme.example", "wrong")[1].status_code == 422
    _, refused = sign_in("rep1@acme.example")
    assert refused.status_code == 429
    assert 1 <= int(refused["Retry-After"]) <= 900
    assert b"Too many tries" in refused.content
    assert sign_in("rep1@acme.example", address="10.0.0.2")[1].status_code == 302
    assert sign_in("rep2@acme.example")[1].status_code == 302


def test_a_success_forgives_the_failures_before_it(org: Org) -> None:
    for _ in range(9):
        sign_in("rep1@acme.example", "wrong")
    assert sign_in("rep1@acme.example")[1].status_code == 302
    assert sign_in("rep1@acme.example", "wrong")[1].status_code == 422
    assert sign_in("rep1@acme.example")[1].status_code == 302


def test_behind_a_proxy_the_address_is_what_the_proxy_added(org: Org, settings) -> None:
    settings.BEHIND_PROXY = True
    client = Client(REMOTE_ADDR="10.9.9.9")
    wrong = {"email": "rep1@acme.example", "password": "wrong"}
    for number in range(10):
        client.post("/login", wrong, headers={"X-Forwarded-For": f"1.1.1.{number}, 7.7.7.7"})
    right = {**wrong, "password": PASSWORD}
    assert client.post("/login", right, headers={"X-Forwarded-For": "8.8.8.8, 7.7.7.7"}).status_code == 429
    assert client.post("/login", right, headers={"X-Forwarded-For": "7.7.7.7, 8.8.8.8"}).status_code == 302


def test_somebody_who_left_cannot_work(org: Org) -> None:
    with org.scope():
        type(org.reps[0]).objects.filter(id=org.reps[0].id).update(is_active=False)
    client, _ = sign_in("rep1@acme.example")
    assert client.get("/account").status_code == 403


def test_signing_out_is_a_post(org: Org) -> None:
    client, _ = sign_in("rep1@acme.example")
    assert client.get("/logout").status_code == 405
    assert client.post("/logout")["Location"] == "/login"
    assert client.get("/account").status_code == 302


def test_a_form_without_its_token_is_refused(org: Org) -> None:
    client = Client(enforce_csrf_checks=True)
    answer = client.post("/login", {"email": "rep1@acme.example", "password": PASSWORD})
    assert answer.status_code == 403


# The demo


def write_demo(path) -> None:
    rows = [{"email": "rep1@acme.example", "name": "Rep1", "role": "Rep", "organisation": "Acme"}]
    path.write_text(json.dumps({"logins": rows}))


def test_the_demo_offers_its_people_by_one_click(org: Org, settings, tmp_path) -> None:
    settings.DEMO, settings.DEMO_LOGINS = True, tmp_path / "demo.json"
    write_demo(settings.DEMO_LOGINS)
    assert b'value="rep1@acme.example"' in Client().get("/login").content
    client = Client()
    assert client.post("/login/demo", {"email": "rep1@acme.example"}).status_code == 302
    assert client.get("/account").status_code == 200
    assert Client().post("/login/demo", {"email": "ada@acme.example"}).status_code == 404


def test_outside_the_demo_no_click_opens_anything(org: Org, settings, tmp_path) -> None:
    settings.DEMO, settings.DEMO_LOGINS = False, tmp_path / "demo.json"
    write_demo(settings.DEMO_LOGINS)
    assert b"rep1@acme.example" not in Client().get("/login").content
    assert Client().post("/login/demo", {"email": "rep1@acme.example"}).status_code == 404


# Organisations


def test_one_person_switches_between_organisations(org: Org, now) -> None:
    other = make_org("globex", now=now)
    with other.scope():
        team = Team.objects.get()
        add_member(tenant=other.tenant, name="R", email="rep1@acme.example", role=Role.MANAGER, team=team)
    client, _ = sign_in("rep1@acme.example")
    assert b"Acme" in client.get("/account").content
    assert client.get("/people").status_code == 403
    assert client.post(f"/organisation/{other.id}").status_code == 302
    assert client.get("/people").status_code == 200


def test_an_organisation_of_others_is_not_there(org: Org, now) -> None:
    other = make_org("globex", now=now)
    client, _ = sign_in("rep1@acme.example")
    assert client.post(f"/organisation/{other.id}").status_code == 404
    assert b"Globex" not in client.get("/account").content


# One's own account


def test_settings_of_ones_own_are_kept(org: Org) -> None:
    client, _ = sign_in("mark@acme.example")
    answer = client.post("/account", {"theme": "dark", "time_zone": "Pacific/Honolulu"})
    assert answer.status_code == 302
    user = User.objects.get(email="mark@acme.example")
    assert (user.theme, user.shortcuts) == ("dark", False)
    page = client.get("/account").content
    assert b'data-theme="dark"' in page
    assert b'value="Pacific/Honolulu" selected' in page


def test_an_unknown_zone_or_theme_is_refused(org: Org) -> None:
    client, _ = sign_in("mark@acme.example")
    assert client.post("/account", {"theme": "dark", "time_zone": "Moon/Base"}).status_code == 422
    assert client.post("/account/theme", {"theme": "pink"}).status_code == 400
    assert User.objects.get(email="mark@acme.example").theme == "auto"


def test_the_theme_is_changed_from_the_menu(org: Org) -> None:
    client, _ = sign_in("mark@acme.example")
    assert client.post("/account/theme", {"theme": "dark"}, headers={"HX-Request": "true"}).status_code == 204
    assert User.objects.get(email="mark@acme.example").theme == "dark"


def test_a_new_password_needs_the_present_one_and_ends_other_sessions(org: Org) -> None:
    here, _ = sign_in("rep1@acme.example")
    there, _ = sign_in("rep1@acme.example", address="10.0.0.2")
    new = {"new_password1": "a longer phrase entirely", "new_password2": "a longer phrase entirely"}
    assert here.post("/account/password", {"old_password": "wrong", **new}).status_code == 422
    assert here.post("/account/password", {"old_password": PASSWORD, **new}).status_code == 302
    assert here.get("/account").status_code == 200
    assert there.get("/account").status_code == 302
    assert sign_in("rep1@acme.example", "a longer phrase entirely")[1].status_code == 302


def test_the_present_password_cannot_be_guessed_from_an_open_session(org: Org) -> None:
    client, _ = sign_in("rep1@acme.example")
    data = {"old_password": "wrong", "new_password1": "x", "new_password2": "x"}
    statuses = [client.post("/account/password", data).status_code for _ in range(12)]
    assert statuses == [422] * 10 + [429] * 2


def test_an_installation_without_an_organisation_says_what_to_run(db: None) -> None:
    page = Client().get("/login").content.decode()
    assert "There is no organisation here yet." in page
    assert "manage.py create_organisation" in page


def test_with_an_organisation_the_page_says_nothing_of_the_server(org: Org) -> None:
    assert b"create_organisation" not in Client().get("/login").content
    assert b"create_organisation" not in sign_in("nobody@acme.example")[1].content
