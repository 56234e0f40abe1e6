"""Everybody is asked to read what was signed, and it is known who has not."""

import pytest

from reporting.agreement.models import Agreement, Reading
from tenants.models import Member, Role
from tenants.services import add_member
from tests.agreement.conftest import agreements, browser, lines_of, sign, sign_both
from tests.factories import Org
from tests.web.test_shell import items

pytestmark = pytest.mark.django_db
NOTE = "Marketing and sales signed an agreement. Read it, and confirm that you have."


def badge_of(member: Member) -> tuple[int, str]:
    (found,) = [item for item in items(browser(member)) if item["label"] == "Agreement"]
    return found["count"], found["badge_tone"]


def read(member: Member, agreement_id: object):
    return browser(member).post("/agreement/read", {"agreement": str(agreement_id)})


def test_somebody_who_has_not_read_it_is_asked_on_the_first_page_and_by_a_number(acme: Org) -> None:
    rep = acme.reps[0]
    assert NOTE not in browser(rep).get("/inbox").content.decode()
    assert badge_of(rep) == (0, "")
    signed = sign_both(acme)
    assert NOTE in browser(rep).get("/inbox").content.decode()
    assert NOTE not in browser(rep).get("/account").content.decode()
    assert badge_of(rep) == (1, "")
    assert read(rep, signed.id).status_code == 302
    assert NOTE not in browser(rep).get("/inbox").content.decode()
    assert badge_of(rep) == (0, "")
    assert "You confirmed that you have read version 1." in lines_of(browser(rep).get("/agreement"))


def test_whoever_joins_later_is_asked(acme: Org) -> None:
    sign_both(acme)
    with acme.scope():
        new = add_member(tenant=acme.tenant, name="Nia New", email="nia@acme.example", role=Role.MARKETING)
    assert NOTE in browser(new).get("/compliance").content.decode()
    assert "Nia New" in lines_of(browser(acme.manager).get("/agreement"))


def test_whoever_signed_has_read_it(acme: Org) -> None:
    sign_both(acme)
    page = browser(acme.manager).get("/agreement")
    assert page.context["has_read"]
    assert (page.context["readers"].active_read, page.context["readers"].of) == (2, 8)


def test_those_who_lead_see_who_has_not_and_reps_do_not(acme: Org) -> None:
    sign_both(acme)
    assert "Rep2 Acme" in lines_of(browser(acme.executive).get("/agreement"))
    assert "Rep2 Acme" not in lines_of(browser(acme.reps[0]).get("/agreement"))
    with acme.scope():
        Member.objects.filter(id=acme.reps[1].id).update(is_active=False)
    assert "Rep2 Acme" not in lines_of(browser(acme.executive).get("/agreement"))


def test_confirming_twice_is_one_confirmation(acme: Org) -> None:
    signed = sign_both(acme)
    for _ in range(2):
        assert read(acme.reps[0], signed.id).status_code == 302
    with acme.scope():
        assert Reading.objects.filter(member=acme.reps[0]).count() == 1


def test_a_version_that_was_replaced_meanwhile_is_not_confirmed(acme: Org) -> None:
    first = sign_both(acme)
    with acme.scope():
        Agreement.objects.filter(id=first.id).update(digest="0" * 64)
    sign_both(acme)
    refused = read(acme.reps[0], first.id)
    assert refused.status_code == 409
    assert "Another version is in force by now." in lines_of(refused)
    assert badge_of(acme.reps[0]) == (1, "")


@pytest.mark.parametrize("sent", ["", "x"])
def test_what_is_no_version_is_refused(acme: Org, sent: str) -> None:
    sign_both(acme)
    assert read(acme.reps[0], sent).status_code == 422


def test_another_organisations_version_is_not_confirmed(acme: Org, globex: Org) -> None:
    theirs = sign_both(globex)
    assert read(acme.admin, theirs.id).status_code == 409
    with globex.scope():
        assert Reading.objects.count() == 2


def test_whoever_may_still_sign_is_reminded_in_red_of_an_open_version(acme: Org) -> None:
    sign(acme.marketing, "marketing")
    assert badge_of(acme.manager) == (1, "risk")
    assert badge_of(acme.marketing) == (0, "")
    assert badge_of(acme.reps[0]) == (0, "")
    assert [each["state"] for each in agreements(acme)] == ["open"]


def test_what_the_rail_asks_costs_one_query_a_page(acme: Org, django_assert_max_num_queries) -> None:
    sign_both(acme)
    client = browser(acme.reps[0])
    client.get("/account")
    with django_assert_max_num_queries(18):
        client.get("/account")
