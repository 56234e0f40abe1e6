"""The qualification page: criteria in words, and the next version by form."""

from __future__ import annotations

import json
import re
from typing import Any

from django.test import Client

from handoff.intake import receive_lead
from leads.defaults import DEFAULT_CRITERIA
from leads.incoming import CompanyIn, EngagementIn, LeadIn
from leads.models import CriteriaVersion
from leads.plain import PlainCriteria, plain_form_of
from tenants.clock import fixed_clock
from tenants.models import AuditEntry
from tenants.versions import published_version

FORM: dict[str, Any] = {
    "based_on": "1",
    "intent": ["demo_request", "webinar"],
    "days": "14",
    "employees_from": "50",
    "employees_to": "2000",
    "countries": "DE, AT",
    "exclude_flags": ["account.is_customer"],
    "exclude_domains": "rival.com\nother.example",
    "required": ["email", "phone"],
}


def enter(client: Client, member: Any) -> None:
    client.force_login(member.user, backend="tenants.auth.EmailBackend")


CHECK = "/qualification/draft/check"


def publish(client: Client, revision: int = 1, against: int = 1) -> Any:
    """The second step: what the check page's button sends."""
    return client.post(
        CHECK, {"revision": str(revision), "against": str(against), "when": "now"}, follow=True
    )


def test_the_page_says_the_criteria_in_words(client, acme):
    enter(client, acme.marketing)
    page = client.get("/qualification").content.decode()
    assert "Demo request at least once within 30 days" in page
    assert "Version 1, in force" in page
    assert "Check and publish" not in page


def test_the_form_is_a_draft_first_and_its_check_says_what_publishing_would_change(client, acme, now):
    with acme.scope():
        for employees in (120, 9000):
            item = LeadIn(
                email=f"ann@of{employees}.example",
                phone="+4930123456",
                company=CompanyIn(f"Of {employees}", employees=employees, country="DE"),
                engagements=(EngagementIn("demo_request", "", now),),
            )
            receive_lead(item=item, actor="key:test", clock=fixed_clock(now))
    enter(client, acme.admin)

    sent = client.post("/qualification", FORM)

    assert sent.headers["Location"] == CHECK
    with acme.scope():
        assert published_version(CriteriaVersion).number == 1
    page = " ".join(re.sub(r"<[^>]+>", " ", client.get(CHECK).content.decode()).split())
    assert "1 of the last 2 leads would qualify (now 2): 0 more would, 1 would no more. See the 1" in page
    assert "Fits: Employees between 50 and 2000" in page
    assert "Publish as version 2" in page
    assert "Back to the form" in page
    assert "A draft of version 2 is open." in client.get("/qualification").content.decode()


def test_what_the_check_leads_back_to_is_the_form_as_it_was_written(client, acme):
    enter(client, acme.admin)
    client.post("/qualification", FORM)
    page = client.get("/qualification")
    form = page.context["plain"]
    assert (form["days"].value(), form["countries"].value(), form["revision"].value()) == (14, "DE, AT", 1)
    assert client.post("/qualification", {**FORM, "revision": "1", "days": "21"}).status_code == 302
    with acme.scope():
        assert CriteriaVersion.objects.get(state="draft").revision == 2
    assert client.post("/qualification/draft/discard", {"revision": "2", "sure": "1"}).status_code == 302
    with acme.scope():
        assert CriteriaVersion.objects.count() == 1


def test_the_form_and_one_more_button_publish_the_next_version(client, acme):
    enter(client, acme.admin)
    assert client.get("/qualification").status_code == 200

    client.post("/qualification", FORM)
    assert "Version 2 is in force." in publish(client).content.decode()

    with acme.scope():
        first, second = CriteriaVersion.objects.order_by("number")
        assert (first.state, second.state, second.number) == ("retired", "published", 2)
        assert second.content["fit"]["all"][0]["value"] == [50, 2000]
        assert second.content["exclude"][1]["when"]["value"] == ["rival.com", "other.example"]
        assert second.content["required"] == ["email", "phone"]
        assert second.published_by == f"member:{acme.admin.id}"
        assert AuditEntry.objects.filter(action="published", object_id=second.id).exists()
    page = client.get("/qualification").content.decode()
    assert "Employees between 50 and 2000" in page
    assert 'value="14"' in page


def test_json_is_published_and_its_errors_come_with_paths(client, acme):
    enter(client, acme.admin)
    content = {"rule": {"field": "lead.titel", "op": "equals", "value": "x"}, "required": ["shoe"]}
    refused = client.post("/qualification", {"based_on": "1", "content": json.dumps(content)})
    assert refused.status_code == 422
    assert "/rule/field" in refused.content.decode()
    assert "/required/0" in refused.content.decode()
    for text in ("{", "[]", '"x"', "[" * 100_000, '{"rule": "\\u0000"}'):
        assert client.post("/qualification", {"based_on": "1", "content": text}).status_code == 422
    content = {"rule": {"field": "lead.title", "op": "equals", "value": "CTO"}}
    assert client.post("/qualification", {"based_on": "1", "content": json.dumps(content)}).status_code == 302
    publish(client)
    assert "Edit them as a tree, or as JSON" in client.get("/qualification").content.decode()
    with acme.scope():
        assert CriteriaVersion.objects.count() == 2


def test_wrong_fields_are_said_at_the_field_and_nothing_is_written(client, acme):
    enter(client, acme.admin)
    for change, sentence in (
        ({"intent": []}, "Choose at least one"),
        ({"days": "0"}, "At least 1."),
        ({"employees_to": "10"}, "smaller than where it begins"),
        ({"exclude_domains": "rival"}, "This is no domain: rival"),
        ({"required": ["shoe_size"]}, "Select a valid choice"),
    ):
        response = client.post("/qualification", {**FORM, **change})
        assert response.status_code == 422
        assert sentence in response.content.decode()
    with acme.scope():
        assert CriteriaVersion.objects.count() == 1


def test_a_version_that_came_between_is_not_overwritten(client, acme):
    enter(client, acme.admin)
    client.post("/qualification", FORM)
    publish(client)
    stale = client.post("/qualification", FORM)
    assert stale.status_code == 409
    assert "Somebody published another version meanwhile" in stale.content.decode()
    with acme.scope():
        assert CriteriaVersion.objects.count() == 2
    shown = stale.context["plain"]
    assert shown["based_on"].value() == "2", "whoever has read it may send theirs again"
    assert client.post("/qualification", {**FORM, "based_on": "2"}).status_code == 302


def test_a_draft_that_somebody_saved_meanwhile_is_not_overwritten(client, acme):
    enter(client, acme.admin)
    client.post("/qualification", FORM)
    stale = client.post("/qualification", {**FORM, "days": "7"})
    assert stale.status_code == 409
    assert stale.context["plain"]["days"].value() == "7"
    assert stale.context["plain"]["revision"].value() == "1"
    with acme.scope():
        draft = CriteriaVersion.objects.get(state="draft")
        assert draft.content["rule"]["any"][0]["engagements"]["within_days"] == 14
    assert client.post("/qualification", {**FORM, "days": "7", "revision": "1"}).status_code == 302


def test_who_may_not_edit_may_not_publish(client, acme, globex):
    for member, status in ((acme.marketing, 403), (acme.manager, 403), (acme.reps[0], 403)):
        enter(client, member)
        assert client.post("/qualification", FORM).status_code == status
    enter(client, acme.reps[0])
    assert client.get("/qualification").status_code == 403
    client.logout()
    assert client.get("/qualification").status_code == 302
    with acme.scope():
        assert CriteriaVersion.objects.count() == 1


def test_plain_values_go_there_and_back():
    for plain in (
        PlainCriteria(intent=("demo_request",)),
        PlainCriteria(intent=("webinar", "email_reply"), days=7, employees_from=5, countries=("DE",)),
        PlainCriteria(
            intent=("webinar",),
            employees_to=9,
            exclude_flags=("account.is_customer",),
            exclude_domains=("a.com",),
        ),
    ):
        assert plain_form_of(plain.content()) == plain
    assert plain_form_of(DEFAULT_CRITERIA) is not None
    assert plain_form_of({"rule": {"field": "lead.title", "op": "equals", "value": "x"}}) is None
    assert plain_form_of({**DEFAULT_CRITERIA, "fit": {"not": {"all": []}}}) is None
    # The boxes of the form would leave them out.
    assert plain_form_of(PlainCriteria(intent=("demo_request", "unlisted")).content()) is None
    assert plain_form_of(PlainCriteria(intent=("webinar",), required=("unlisted",)).content()) is None


def test_what_is_missing_is_named_in_words_and_leads_to_where_it_is_filled_in(client, acme, now):
    with acme.scope():
        acme.criteria.state = "retired"
        acme.criteria.save()
        content = {**acme.criteria.content, "required": ["last_name", "account.employees"]}
        CriteriaVersion.objects.create(
            number=2,
            state="published",
            content=content,
            created_at=now,
            created_by="system",
            published_at=now,
        )
        said = LeadIn(email="ann@heron.example", engagements=(EngagementIn("demo_request", "", now),))
        receive_lead(item=said, actor="key:test", clock=fixed_clock(now))
    enter(client, acme.marketing)
    page = " ".join(client.get("/qualification").content.decode().split())
    assert "what sales must know. Last name: 1, Employees: 1." in page
    assert "<td>Last name, Employees</td>" in page
    assert 'href="/needs-data"' in page
    assert "last_name" not in page


def test_an_author_of_json_finds_the_language_on_the_page(client, acme):
    enter(client, acme.admin)
    page = client.get("/qualification").content.decode()
    assert "docs/rules.md" not in page
    assert "<code>account.employees</code>" in page
    assert "at_least, at_most, between" in page
