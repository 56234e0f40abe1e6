"""Sales refuses a lead with a reason, or sends it back for later."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from core.errors import AlreadyDecided, StageError, ValidationFailed
from feedback.models import Disposition
from handoff import services
from handoff.services import Actor, Rejected
from leads.models import Assignment, Lead
from routing.models import Pool, RepLoad
from sla.models import Timer
from tenants.clock import fixed_clock
from tenants.models import AuditEntry
from tests.factories import Org
from tests.handoff.conftest import handoff_of, new_lead, owner_of, timer_of

pytestmark = pytest.mark.django_db


def reject(org: Org, lead: Lead, at: datetime, reason: str, note: str = "") -> Rejected:
    with org.scope():
        return services.reject_lead(
            lead_id=lead.id,
            reason=reason,
            note=note,
            actor=Actor.person(owner_of(org, lead)),
            clock=fixed_clock(at),
        )


def load_of(org: Org, lead: Lead) -> int:
    with org.scope():
        return RepLoad.objects.get(member=handoff_of(org, lead).owner).open_leads


def test_a_rejection_closes_the_handoff_and_lightens_its_owner(
    acme: Org, ruth: Lead, later: datetime
) -> None:
    assert load_of(acme, ruth) == 1
    assert reject(acme, ruth, later, "wrong_title", "An intern.") == Rejected("rejected")
    handoff = handoff_of(acme, ruth)
    assert (handoff.state, handoff.outcome, handoff.closed_at) == ("closed", "rejected", later)
    assert (handoff.lead.stage, handoff.lead.owner_id) == ("rejected", None)
    assert load_of(acme, ruth) == 0
    with acme.scope():
        given = Disposition.objects.select_related("reason").get(handoff=handoff)
        assert (given.kind, given.reason.slug, given.note) == ("rejected", "wrong_title", "An intern.")
        assert not Timer.objects.filter(handoff=handoff, next_at__isnull=False).exists()
        assert Assignment.objects.get(handoff=handoff).end_reason == "closed"
    assert timer_of(acme, ruth, "decision").state == "met"
    assert timer_of(acme, ruth, "first_touch").state == "cancelled"


@pytest.mark.parametrize(
    ("reason", "note", "path"),
    [
        ("", "", "/reason"),
        ("made_up", "", "/reason"),
        ("other", "  ", "/note"),
        ("other", "x" * 4001, "/note"),
    ],
)
def test_a_rejection_without_what_it_needs_changes_nothing(
    acme: Org, ruth: Lead, later: datetime, reason: str, note: str, path: str
) -> None:
    with pytest.raises(ValidationFailed) as refused:
        reject(acme, ruth, later, reason, note)
    assert refused.value.field_errors[0].path == path
    assert handoff_of(acme, ruth).state == "open"
    with acme.scope():
        assert Disposition.objects.count() == 0
    assert timer_of(acme, ruth, "decision").state == "running"


def test_other_with_a_note_is_a_reason(acme: Org, ruth: Lead, later: datetime) -> None:
    assert reject(acme, ruth, later, "other", "Sells to us.").outcome == "rejected"


def test_a_reason_of_routing_moves_the_lead_and_rejects_nothing(
    acme: Org, ruth: Lead, later: datetime
) -> None:
    before = owner_of(acme, ruth)
    result = reject(acme, ruth, later, "wrong_territory", note="Hers is Austria.")
    handoff = handoff_of(acme, ruth)
    assert result.outcome == "rerouted"
    assert result.new_owner_id == handoff.owner_id != before.id
    assert (handoff.state, handoff.lead.stage) == ("open", "mql")
    with acme.scope():
        assert Disposition.objects.count() == 0
        assert Assignment.objects.get(handoff=handoff, member=before).end_reason == "rerouted"
        assert (
            "Hers is Austria." in Assignment.objects.get(handoff=handoff, member=result.new_owner_id).reason
        )
        entry = AuditEntry.objects.get(action="rerouted", object_id=handoff.id)
    assert entry.before == {"owner": str(before.id)}
    assert entry.after == {"owner": str(result.new_owner_id)}


def test_bad_contact_data_gives_the_turn_back(acme: Org, ruth: Lead, later: datetime) -> None:
    owner = str(owner_of(acme, ruth).id)
    with acme.scope():
        taken = Pool.objects.get(id=acme.pool.id).counters[owner]
    reject(acme, ruth, later, "bad_contact_data")
    with acme.scope():
        assert Pool.objects.get(id=acme.pool.id).counters[owner] < taken


def test_an_accepted_lead_cannot_be_rejected(acme: Org, ruth: Lead, later: datetime) -> None:
    with acme.scope():
        services.accept_lead(
            lead_id=ruth.id, actor=Actor.person(owner_of(acme, ruth)), clock=fixed_clock(later)
        )
    with pytest.raises(AlreadyDecided, match="nurture"):
        reject(acme, ruth, later, "wrong_title")


def test_a_rejected_lead_cannot_be_rejected_again(acme: Org, ruth: Lead, later: datetime) -> None:
    reject(acme, ruth, later, "wrong_title")
    with pytest.raises(AlreadyDecided, match="rejected"):
        reject(acme, ruth, later, "wrong_title")


def nurture(
    org: Org, lead: Lead, at: datetime, until: date | None = None, reason: str = "not_evaluating"
) -> None:
    with org.scope():
        services.nurture_lead(
            lead_id=lead.id,
            reason=reason,
            until=until,
            actor=Actor.person(owner_of(org, lead)),
            clock=fixed_clock(at),
        )


def test_nurture_ends_the_handoff_and_a_return_opens_the_next(acme: Org, ruth: Lead, later: datetime) -> None:
    nurture(acme, ruth, later, date(2027, 3, 1))
    handoff = handoff_of(acme, ruth)
    assert (handoff.outcome, handoff.lead.stage) == ("nurture", "nurture")
    with acme.scope():
        assert Disposition.objects.get().until == date(2027, 3, 1)
    again = new_lead(acme, later + timedelta(days=2))
    assert again.id == ruth.id
    second = handoff_of(acme, ruth)
    assert (second.number, second.state, second.lead.stage) == (2, "open", "mql")


def test_nurture_works_after_acceptance_too(acme: Org, ruth: Lead, later: datetime) -> None:
    with acme.scope():
        services.accept_lead(
            lead_id=ruth.id, actor=Actor.person(owner_of(acme, ruth)), clock=fixed_clock(later)
        )
    nurture(acme, ruth, later + timedelta(hours=1))
    assert timer_of(acme, ruth, "decision").met_at == later
    assert handoff_of(acme, ruth).outcome == "nurture"


def test_nurture_until_a_day_that_has_gone_is_refused(acme: Org, ruth: Lead, later: datetime) -> None:
    with pytest.raises(ValidationFailed) as refused:
        nurture(acme, ruth, later, later.date())
    assert refused.value.field_errors[0].path == "/until"
    assert handoff_of(acme, ruth).state == "open"


# --- Later stages ---


def move(org: Org, lead: Lead, at: datetime, to: str, why: str = "") -> None:
    with org.scope():
        services.move_to_stage(
            lead_id=lead.id, to=to, why=why, actor=Actor.person(owner_of(org, lead)), clock=fixed_clock(at)
        )


def test_the_way_to_won_closes_the_handoff(acme: Org, ruth: Lead, later: datetime) -> None:
    with acme.scope():
        services.accept_lead(
            lead_id=ruth.id, actor=Actor.person(owner_of(acme, ruth)), clock=fixed_clock(later)
        )
    move(acme, ruth, later + timedelta(hours=1), "sql")
    assert handoff_of(acme, ruth).sql_at == later + timedelta(hours=1)
    move(acme, ruth, later + timedelta(hours=2), "opportunity")
    move(acme, ruth, later + timedelta(hours=3), "won", "Signed.")
    handoff = handoff_of(acme, ruth)
    assert (handoff.state, handoff.outcome, handoff.lead.stage) == ("closed", "won", "won")
    assert load_of(acme, ruth) == 0


def test_a_stage_that_the_lifecycle_does_not_know_is_refused(acme: Org, ruth: Lead, later: datetime) -> None:
    with pytest.raises(StageError):
        move(acme, ruth, later, "opportunity")
    with pytest.raises(ValidationFailed, match="Use accept"):
        move(acme, ruth, later, "sal")
    assert handoff_of(acme, ruth).lead.stage == "mql"


def test_disqualified_needs_a_reason_and_answers_the_decision(acme: Org, ruth: Lead, later: datetime) -> None:
    with pytest.raises(ValidationFailed) as refused:
        move(acme, ruth, later, "disqualified")
    assert refused.value.field_errors[0].path == "/reason"
    move(acme, ruth, later, "disqualified", "A student.")
    assert timer_of(acme, ruth, "decision").state == "met"
    assert handoff_of(acme, ruth).outcome == "disqualified"
