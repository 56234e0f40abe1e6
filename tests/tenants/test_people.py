"""People, teams, leave and keys: who may change what, and what is refused."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from core.errors import Conflict
from tenants import services
from tenants.models import ApiKey, AuditEntry, Leave, Member, RepProfile, Role, Team
from tests.factories import Org

pytestmark = pytest.mark.django_db


def as_(member: Member) -> Client:
    client = Client()
    client.force_login(member.user)
    return client


def fresh(org: Org, member: Member) -> Member:
    with org.scope():
        return Member.objects.get(id=member.id)


@pytest.mark.parametrize("role", ["reps", "marketing", "executive"])
@pytest.mark.parametrize("path", ["/people", "/keys", "/people/new", "/teams/new"])
def test_these_pages_are_for_admins_and_managers(acme: Org, role: str, path: str) -> None:
    member = acme.reps[0] if role == "reps" else getattr(acme, role)
    assert as_(member).get(path).status_code == 403


@pytest.mark.parametrize("path", ["/keys", "/people/new", "/teams/new"])
def test_these_are_for_admins(acme: Org, path: str) -> None:
    assert as_(acme.manager).get(path).status_code == 403
    assert as_(acme.admin).get(path).status_code == 200


def test_a_manager_sees_the_own_teams_only(acme: Org) -> None:
    with acme.scope():
        other = Team.objects.create(name="Outbound")
        Member.objects.filter(id=acme.reps[1].id).update(team=other)
    page = as_(acme.manager).get("/people").content.decode()
    assert "Rep1 Acme" in page
    assert "Rep2 Acme" not in page
    assert "Rep2 Acme" in as_(acme.admin).get("/people").content.decode()
    assert as_(acme.manager).get(f"/people/{acme.reps[1].id}").status_code == 404
    assert as_(acme.manager).post(f"/people/{acme.reps[1].id}/leave", {}).status_code == 404


def test_the_page_of_people_costs_the_same_for_any_number(acme: Org, django_assert_max_num_queries) -> None:
    with acme.scope():
        for number in range(30):
            member = services.add_member(
                tenant=acme.tenant,
                name=f"P{number}",
                email=f"p{number}@x.example",
                role=Role.REP,
                team=acme.team,
            )
            services.set_rep_profile(member=member)
    client = as_(acme.admin)
    with django_assert_max_num_queries(20):
        assert client.get("/people").status_code == 200


def test_an_admin_changes_role_and_team_and_the_audit_says_so(acme: Org) -> None:
    rep = acme.reps[0]
    data = {"form": "person", "name": "New Name", "role": "manager", "team": "", "is_active": "on"}
    assert as_(acme.admin).post(f"/people/{rep.id}", data).status_code == 302
    changed = fresh(acme, rep)
    assert (changed.name, changed.role, changed.team_id) == ("New Name", "manager", None)
    with acme.scope():
        entry = AuditEntry.objects.get(object_type="member", action="changed")
    assert entry.actor == f"member:{acme.admin.id}"
    team = str(acme.team.id)
    assert entry.before == {"name": "Rep1 Acme", "role": "rep", "team": team, "is_active": True}
    assert entry.after == {"name": "New Name", "role": "manager", "team": None, "is_active": True}


def test_a_manager_cannot_raise_anybody(acme: Org) -> None:
    rep = acme.reps[0]
    data = {"form": "person", "name": rep.name, "role": "admin", "team": "", "is_active": "on"}
    as_(acme.manager).post(f"/people/{rep.id}", data)
    assert fresh(acme, rep).role == "rep"


def test_a_manager_sets_hours_and_caps(acme: Org) -> None:
    rep = acme.reps[0]
    data = {"form": "profile", "time_zone": "Asia/Tokyo", "weight": "3", "cap_open": "7", "cap_per_day": ""}
    assert as_(acme.manager).post(f"/people/{rep.id}", data).status_code == 302
    with acme.scope():
        profile = RepProfile.objects.get(member=rep)
    assert (
        profile.time_zone,
        profile.weight,
        profile.cap_open,
        profile.cap_per_day,
        profile.on_rotation,
    ) == (
        "Asia/Tokyo",
        3,
        7,
        None,
        False,
    )


@pytest.mark.parametrize(
    "bad", [{"weight": "0"}, {"cap_open": "-1"}, {"time_zone": "X/Y"}, {"weight": "9" * 30}]
)
def test_a_bad_profile_is_told_and_changes_nothing(acme: Org, bad: dict[str, str]) -> None:
    rep = acme.reps[0]
    data = {"form": "profile", "time_zone": "Asia/Tokyo", "weight": "3", **bad}
    answer = as_(acme.admin).post(f"/people/{rep.id}", data)
    assert answer.status_code == 422
    assert b"sp-error" in answer.content
    with acme.scope():
        assert RepProfile.objects.get(member=rep).time_zone == "Europe/Berlin"


def test_a_calendar_of_another_organisation_is_no_choice(acme: Org, globex: Org) -> None:
    rep = acme.reps[0]
    data = {
        "form": "profile",
        "time_zone": "Asia/Tokyo",
        "weight": "3",
        "calendar": str(globex.tenant.calendar_id),
    }
    assert as_(acme.admin).post(f"/people/{rep.id}", data).status_code == 422
    with acme.scope():
        assert RepProfile.objects.get(member=rep).calendar_id is None


def test_the_last_admin_stays(acme: Org) -> None:
    data = {"form": "person", "name": "Ada", "role": "rep", "team": "", "is_active": "on"}
    answer = as_(acme.admin).post(f"/people/{acme.admin.id}", data)
    assert answer.status_code == 409
    assert b"last admin" in answer.content
    assert fresh(acme, acme.admin).role == "admin"


def test_who_still_carries_work_is_not_switched_off(acme: Org, monkeypatch) -> None:
    def guard(member: Member) -> None:
        raise Conflict(f"{member.name} has 3 open leads.")

    monkeypatch.setattr(services, "departure_guards", [guard])
    data = {"form": "person", "name": "Rep1", "role": "rep", "team": ""}
    answer = as_(acme.admin).post(f"/people/{acme.reps[0].id}", data)
    assert answer.status_code == 409
    assert b"3 open leads" in answer.content
    assert fresh(acme, acme.reps[0]).is_active


def test_a_refusal_reaches_a_part_of_a_page_as_a_toast(acme: Org) -> None:
    data = {"form": "person", "name": "Ada", "role": "rep", "team": ""}
    answer = as_(acme.admin).post(f"/people/{acme.admin.id}", data, headers={"HX-Request": "true"})
    assert answer.status_code == 409
    assert "last admin" in answer["HX-Trigger"]
    assert answer["HX-Reswap"] == "none"


def test_leave_covers_whole_days_of_the_reps_zone(acme: Org) -> None:
    rep, first = acme.reps[0], timezone.now().date() + timedelta(days=10)
    data = {"first_day": first.isoformat(), "last_day": first.isoformat(), "reason": "Holiday"}
    assert as_(acme.manager).post(f"/people/{rep.id}/leave", data).status_code == 302
    with acme.scope():
        leave = Leave.objects.get()
    import zoneinfo

    berlin = zoneinfo.ZoneInfo("Europe/Berlin")
    assert leave.starts_at.astimezone(berlin).isoformat()[:19] == f"{first}T00:00:00"
    assert leave.ends_at.astimezone(berlin).isoformat()[:19] == f"{first + timedelta(days=1)}T00:00:00"
    assert as_(acme.manager).post(f"/leave/{leave.id}/remove").status_code == 302
    with acme.scope():
        assert not Leave.objects.exists()
        assert AuditEntry.objects.filter(object_type="leave").count() == 2


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("2020-01-01", "2020-01-02"),
        ("2099-01-02", "2099-01-01"),
        ("x", ""),
        ("9999-12-31", "9999-12-31"),
        ("9999-06-01", "9999-07-01"),
        ("0001-01-01", "0001-01-01"),
    ],
)
def test_leave_that_is_over_or_backward_is_refused(acme: Org, first: str, last: str) -> None:
    data = {"first_day": first, "last_day": last}
    answer = as_(acme.manager).post(f"/people/{acme.reps[0].id}/leave", data)
    assert answer.status_code == 422
    assert b"sp-error" in answer.content
    with acme.scope():
        assert not Leave.objects.exists()


def test_an_e_mail_is_here_once(acme: Org) -> None:
    data = {"name": "Rep", "email": acme.reps[0].email, "role": "rep", "team": ""}
    assert b"has this e-mail already" in as_(acme.admin).post("/people/new", data).content


def test_a_team_is_made_and_changed(acme: Org) -> None:
    client = as_(acme.admin)
    assert client.post("/teams/new", {"name": "EMEA", "manager": str(acme.manager.id)}).status_code == 302
    with acme.scope():
        team = Team.objects.get(name="EMEA")
    assert team.manager_id == acme.manager.id
    assert client.post(f"/teams/{team.id}", {"name": "EMEA 2"}).status_code == 302
    again = client.post("/teams/new", {"name": "EMEA 2"})
    assert again.status_code == 422
    assert b"of that name already" in again.content


def test_a_key_is_shown_once_works_and_is_revoked(acme: Org) -> None:
    import re

    client = as_(acme.admin)
    page = client.post("/keys", {"name": "CRM", "scopes": ["leads:read"], "expires": "30"})
    text = re.search(r"slp_[a-z0-9]{8}_[A-Za-z0-9]{40}", page.content.decode())[0]
    assert page["Cache-Control"] == "no-store"
    assert text not in client.get("/keys").content.decode()
    with acme.scope():
        key = ApiKey.objects.get(name="CRM")
    assert key.created_by_id == acme.admin.id
    assert key.expires_at - key.created_at == timedelta(days=30)
    assert text.split("_")[2] not in key.secret_hash
    assert client.post(f"/keys/{key.id}/revoke").status_code == 302
    with acme.scope():
        assert ApiKey.objects.get(name="CRM").revoked_at is not None


def test_a_key_needs_a_known_scope(acme: Org) -> None:
    answer = as_(acme.admin).post("/keys", {"name": "CRM", "scopes": ["everything"]})
    assert answer.status_code == 422
    with acme.scope():
        assert not ApiKey.objects.filter(name="CRM").exists()


def test_the_audit_says_which_hours_a_rep_had_and_has(acme: Org) -> None:
    rep = acme.reps[0]
    calendar = str(acme.tenant.calendar_id)
    data = {"form": "profile", "time_zone": "Asia/Tokyo", "weight": "3", "calendar": calendar}
    assert as_(acme.admin).post(f"/people/{rep.id}", data).status_code == 302
    with acme.scope():
        entry = AuditEntry.objects.get(object_type="repprofile", object_id=rep.id)
    assert entry.action == "changed"
    assert (entry.before["calendar"], entry.after["calendar"]) == (None, calendar)
    assert (entry.before["time_zone"], entry.after["time_zone"]) == ("Europe/Berlin", "Asia/Tokyo")
    assert (entry.before["weight"], entry.after["weight"]) == (1, 3)


@pytest.mark.parametrize("had_hours", [True, False])
def test_a_zone_that_somebody_chose_for_themselves_is_in_the_audit(acme: Org, had_hours: bool) -> None:
    person = acme.reps[0] if had_hours else acme.marketing
    data = {"theme": "auto", "shortcuts": "on", "time_zone": "Asia/Tokyo"}
    for _ in range(2):  # saved again with nothing changed it says nothing
        assert as_(person).post("/account", data).status_code == 302
    with acme.scope():
        entry = AuditEntry.objects.get(object_type="repprofile", object_id=person.id)
    assert entry.actor == f"member:{person.id}"
    assert entry.action == ("changed" if had_hours else "created")
    assert (entry.before or {}).get("time_zone") == ("Europe/Berlin" if had_hours else None)
    assert (entry.after["time_zone"], entry.after["on_rotation"]) == ("Asia/Tokyo", had_hours)


def test_older_names_of_zones_are_offered_to_nobody_but_who_has_one(acme: Org) -> None:
    person = acme.reps[0]
    page = as_(person).get("/account").content.decode()
    assert '<option value="America/New_York"' in page
    assert '<option value="UTC"' in page
    for older in ("US/Eastern", "Etc/GMT+5", "EST"):
        assert f'<option value="{older}"' not in page
    with acme.scope():
        RepProfile.objects.filter(member=person).update(time_zone="US/Eastern")
    page = as_(person).get("/account").content.decode()
    assert '<option value="US/Eastern" selected' in page
    data = {"theme": "auto", "shortcuts": "on", "time_zone": "US/Eastern"}
    assert as_(person).post("/account", data).status_code == 302
    with acme.scope():
        assert RepProfile.objects.get(member=person).time_zone == "US/Eastern"
    assert as_(person).post("/account", data | {"time_zone": "Mars/Base"}).status_code == 422


def test_a_manager_is_not_their_own_backup(acme: Org) -> None:
    manager = str(acme.manager.id)
    data = {"name": "Inbound", "manager": manager, "backup": manager}
    answer = as_(acme.admin).post(f"/teams/{acme.team.id}", data)
    assert answer.status_code == 422
    assert "cannot stand in for themselves. Choose somebody else." in answer.content.decode()
    with acme.scope():
        assert Team.objects.get(id=acme.team.id).backup_id is None
    rep = str(acme.reps[0].id)
    assert as_(acme.admin).post(f"/teams/{acme.team.id}", {**data, "backup": rep}).status_code == 302


def test_the_audit_says_what_a_team_was_before(acme: Org) -> None:
    data = {"name": "Inbound EMEA", "manager": "", "director": str(acme.director.id), "backup": ""}
    as_(acme.admin).post("/teams/new", {"name": "Outbound"})
    assert as_(acme.admin).post(f"/teams/{acme.team.id}", data).status_code == 302
    with acme.scope():
        made = AuditEntry.objects.get(object_type="team", action="created")
        entry = AuditEntry.objects.get(object_type="team", action="changed")
    assert (made.before, made.after["name"]) == (None, "Outbound")
    director = str(acme.director.id)
    rest = {"director": director, "backup": None, "calendar": None}
    assert entry.before == {"name": "Inbound", "manager": str(acme.manager.id), **rest}
    assert entry.after == {"name": "Inbound EMEA", "manager": None, **rest}


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        (10, 9, "The last day is the first or a later one."),
        (10, 410, "At most 400 days"),
        (12, 30, "Some of these days are leave already."),
        (1, 10, "Some of these days are leave already."),
    ],
)
def test_leave_that_makes_no_sense_is_refused_beside_its_field(
    acme: Org, first: int, last: int, said: str
) -> None:
    rep, client, today = acme.reps[0], as_(acme.manager), timezone.now().date()

    def send(start: int, end: int) -> Any:
        days = [(today + timedelta(days=number)).isoformat() for number in (start, end)]
        return client.post(f"/people/{rep.id}/leave", {"first_day": days[0], "last_day": days[1]})

    if said.startswith("Some"):
        assert send(10, 14).status_code == 302
    refused = send(first, last)
    assert said in refused.content.decode()
    with acme.scope():
        assert Leave.objects.count() == (1 if said.startswith("Some") else 0)
    if said.startswith("Some"):
        assert send(15, 16).status_code == 302  # right after it
