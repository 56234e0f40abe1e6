"""Shapes of the API about handed-over leads: what may be sent is read strictly by them, what comes back is
described."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from handoff import limits
from handoff.services import LATER_STAGES
from leads import opportunities
from leads.lifecycle import Stage
from leads.models import Handoff, Opportunity, Touch
from sla.ledger import Kind
from sla.models import Excuse, Timer
from sla.status import Status


def by_field(
    help_text: str = "Id or e-mail of the member for whom the key acts; a rep may answer for own leads only.",
) -> serializers.CharField:
    """The field `by`."""
    return serializers.CharField(max_length=254, required=False, allow_null=True, help_text=help_text)


def text_field(limit: int, help_text: str = "", *, required: bool = False) -> serializers.CharField:
    return serializers.CharField(
        max_length=limit,
        required=required,
        allow_blank=not required,
        allow_null=not required,
        help_text=help_text,
    )


class TouchInSerializer(serializers.Serializer[Any]):
    """An attempt to reach the lead."""

    kind = serializers.ChoiceField(choices=Touch.Kind.values)
    at = serializers.DateTimeField(
        required=False, allow_null=True, help_text="When it was made, with offset; now, unless given."
    )
    outcome = text_field(limits.TOUCH_OUTCOME)
    note = text_field(limits.TOUCH_NOTE)
    by = by_field(
        "Id or e-mail of the member who made it. Of a rep it counts as a response only if the lead was that "
        "rep's at the time, or nobody's; else it is kept and answers no promise."
    )
    automatic = serializers.BooleanField(
        required=False, allow_null=True, help_text="A sequence tool made it: never a response."
    )
    external_id = text_field(limits.EXTERNAL_ID, "Your id of it; sent twice it is kept once.")


class AcceptInSerializer(serializers.Serializer[Any]):
    """Sales takes the lead."""

    by = by_field()


def _fields() -> serializers.DictField:
    return serializers.DictField(
        required=False,
        help_text="What the step asks for and is not known, by name: "
        '{"phone": "+49 30 1234567", "account.employees": 120, "custom.amount": "50000"}.',
    )


class AcceptLeadInSerializer(AcceptInSerializer):
    """Sales takes the lead, and fills in what must be known by then."""

    fields = _fields()  # type: ignore[assignment]


class RejectInSerializer(serializers.Serializer[Any]):
    """Sales refuses the lead."""

    reason = text_field(40, "Slug of the taxonomy: wrong_title, no_budget, other, ...", required=True)
    note = text_field(limits.ANSWER_NOTE, "Needed where the reason says so.")
    by = by_field()


class NurtureInSerializer(serializers.Serializer[Any]):
    """Not now."""

    reason = text_field(40, "Slug of the taxonomy: not_evaluating, no_response, ...", required=True)
    until = serializers.DateField(required=False, allow_null=True, help_text="A day to come.")
    note = text_field(limits.ANSWER_NOTE)
    by = by_field()


class ProgressInSerializer(serializers.Serializer[Any]):
    """Contacted, progressing."""

    note = text_field(limits.ANSWER_NOTE, "What marketing should know.")
    by = by_field()


class PauseInSerializer(serializers.Serializer[Any]):
    """The clocks stand still."""

    reason = text_field(40, "One that the policy allows: waiting_for_lead, ...", required=True)
    until = serializers.DateTimeField(
        required=False,
        allow_null=True,
        help_text="The clocks go on then; absent: as late as the policy allows.",
    )
    note = text_field(limits.PAUSE_NOTE)
    by = by_field()


class ExcuseInSerializer(serializers.Serializer[Any]):
    """A broken clock is to be excused."""

    kind = serializers.ChoiceField(choices=Excuse.Kind.values)
    note = text_field(limits.EXCUSE_NOTE, "What happened.", required=True)
    by = by_field()


class ExcuseAnswerInSerializer(serializers.Serializer[Any]):
    """What is said to an excuse."""

    note = text_field(limits.EXCUSE_NOTE, "Why; whoever asked reads it.", required=True)
    by = by_field(
        "Id or e-mail of the member for whom the key acts: a manager of the owner's team, or an admin."
    )


class ExcuseSerializer(serializers.Serializer[Any]):
    """An excuse. A clock that was answered in time after all is not missed, whatever its excuse says."""

    id = serializers.UUIDField()
    timer = serializers.UUIDField()
    handoff = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=Excuse.Kind.values)
    note = serializers.CharField()
    state = serializers.ChoiceField(choices=Excuse.State.values)
    asked_at = serializers.DateTimeField()
    asked_by = serializers.CharField(help_text="member:<id>, or key:<prefix> for a program.")
    decided_at = serializers.DateTimeField(allow_null=True)
    decided_by = serializers.CharField(allow_blank=True)
    decision_note = serializers.CharField(allow_blank=True)


class DealInSerializer(serializers.Serializer[Any]):
    """What is said of a deal with a stage. A null is as if it was not said."""

    name = text_field(opportunities.LONGEST_NAME)
    amount = serializers.DecimalField(
        max_digits=opportunities.DIGITS,
        decimal_places=opportunities.PLACES,
        min_value=0,
        required=False,
        allow_null=True,
        help_text='A number, or a text, which says cents exactly: "12500.50".',
    )
    currency = text_field(3, "ISO 4217; your organisation's, unless given.")
    close_date = serializers.DateField(
        required=False, allow_null=True, help_text="Expected; of a closed one, when it closed."
    )


class OpportunityInSerializer(DealInSerializer):
    """A deal of a lead."""

    outcome = serializers.ChoiceField(
        choices=["open", *Opportunity.Outcome.values],
        required=False,
        allow_null=True,
        help_text="open lets a closed one go on.",
    )
    opened_at = serializers.DateTimeField(
        required=False, allow_null=True, help_text="Of a new one; now, unless given."
    )
    owner = by_field("Id or e-mail of the member whose deal it is; of a new one the lead's owner.")
    external_system = text_field(40, "The system that `external_id` comes from.")
    external_id = text_field(120, "Your id of it: sent again, that opportunity is changed.")
    by = by_field()


class OpportunitySerializer(serializers.Serializer[Any]):
    """A deal as it is now, with what was forecast first."""

    id = serializers.UUIDField()
    lead = serializers.UUIDField()
    handoff = serializers.UUIDField(allow_null=True)
    name = serializers.CharField()
    amount = serializers.DecimalField(max_digits=14, decimal_places=2, allow_null=True, coerce_to_string=True)
    currency = serializers.CharField()
    close_date = serializers.DateField(allow_null=True)
    first_amount = serializers.DecimalField(
        max_digits=14, decimal_places=2, allow_null=True, coerce_to_string=True
    )
    first_close_date = serializers.DateField(allow_null=True)
    outcome = serializers.ChoiceField(choices=["open", *Opportunity.Outcome.values])
    opened_at = serializers.DateTimeField()
    closed_at = serializers.DateTimeField(allow_null=True)
    owner = serializers.UUIDField(allow_null=True)
    external_system = serializers.CharField()
    external_id = serializers.CharField()


class OpportunitiesSerializer(serializers.Serializer[Any]):
    results = OpportunitySerializer(many=True)


class StageInSerializer(serializers.Serializer[Any]):
    """A later stage."""

    to = serializers.ChoiceField(choices=[str(stage) for stage in LATER_STAGES])
    reason = text_field(
        40, "Of lost and disqualified: slug of the taxonomy. Without it a `why` is kept as “other”."
    )
    why = text_field(limits.STAGE_WHY, "Needed for won, and where the reason asks for a note.")
    answers = serializers.DictField(
        required=False,
        help_text="To the SQL criteria in force, by key: true or false, a choice, a text, a number, a day.",
    )
    fields = _fields()  # type: ignore[assignment]
    opportunity = DealInSerializer(
        required=False,
        allow_null=True,
        help_text="With opportunity, won and lost: amount, currency and close date of the deal.",
    )
    by = by_field()


class ClaimInSerializer(serializers.Serializer[Any]):
    """Who claims the lead."""

    by = serializers.CharField(
        max_length=254, help_text="Id or e-mail of the member, who sits in the pool that the lead waits in."
    )


class ReassignInSerializer(serializers.Serializer[Any]):
    """A new owner."""

    to = serializers.CharField(
        max_length=254,
        required=False,
        allow_null=True,
        help_text="Id or e-mail of a member who takes leads; the next in the pool, unless given.",
    )
    why = text_field(limits.MOVE_WHY, required=True)
    by = by_field()


# --- What comes back ---


class PersonSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    email = serializers.CharField()


class TimerRowSerializer(serializers.Serializer[Any]):
    """A clock of one target."""

    id = serializers.UUIDField()
    lead = serializers.UUIDField()
    handoff = serializers.UUIDField()
    owner = serializers.UUIDField(allow_null=True, help_text="Whom an owner clock judges.")
    target = serializers.CharField()
    clock = serializers.ChoiceField(choices=Timer.Clock.values)
    tier = serializers.CharField()
    state = serializers.ChoiceField(choices=Timer.State.values)
    status = serializers.ChoiceField(choices=[each.value for each in Status])
    started_at = serializers.DateTimeField()
    warn_at = serializers.DateTimeField(allow_null=True)
    due_at = serializers.DateTimeField()
    met_at = serializers.DateTimeField(allow_null=True)
    breached_at = serializers.DateTimeField(allow_null=True)


class AnsweredHandoffSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    number = serializers.IntegerField()
    state = serializers.ChoiceField(choices=Handoff.State.values)
    outcome = serializers.CharField(allow_blank=True)
    started_at = serializers.DateTimeField()
    accepted_at = serializers.DateTimeField(allow_null=True)
    first_touch_at = serializers.DateTimeField(allow_null=True)
    closed_at = serializers.DateTimeField(allow_null=True)


class AnswerSerializer(serializers.Serializer[Any]):
    """The lead after the act."""

    lead = serializers.UUIDField()
    result = serializers.CharField(
        help_text="accepted, rejected, rerouted, nurture, moved, assigned, claimed, stays"
    )
    stage = serializers.ChoiceField(choices=Stage.values)
    owner = PersonSerializer(allow_null=True)
    handoff = AnsweredHandoffSerializer()
    timers = TimerRowSerializer(many=True)


class TouchSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    lead = serializers.UUIDField()
    handoff = serializers.UUIDField(allow_null=True)
    kind = serializers.ChoiceField(choices=Touch.Kind.values)
    at = serializers.DateTimeField()
    logged_at = serializers.DateTimeField()
    outcome = serializers.CharField(allow_blank=True)
    note = serializers.CharField(allow_blank=True)
    by = serializers.UUIDField(allow_null=True)
    automatic = serializers.BooleanField()
    external_id = serializers.CharField(allow_blank=True)


class TimelineItemSerializer(serializers.Serializer[Any]):
    kind = serializers.CharField(help_text="engagement, stage, assignment, timer, touch, disposition, hold")
    at = serializers.DateTimeField()
    title = serializers.CharField()
    text = serializers.CharField(allow_blank=True)
    note = serializers.CharField(allow_blank=True)
    data = serializers.DictField()  # type: ignore[assignment]  # a name that the base has too


class TimelineSerializer(serializers.Serializer[Any]):
    results = TimelineItemSerializer(many=True)
    next = serializers.URLField(allow_null=True)


class CandidateSerializer(serializers.Serializer[Any]):
    """Who was looked at, with the numbers that counted; docs/routing.md has every one."""

    member = serializers.UUIDField()
    name = serializers.CharField()
    result = serializers.CharField(help_text="chosen, next or refused")
    reason = serializers.CharField()
    words = serializers.CharField()


class DecisionLineSerializer(serializers.Serializer[Any]):
    """Who got a lead, by which rule, and why, in codes."""

    id = serializers.UUIDField()
    lead = serializers.UUIDField()
    handoff = serializers.UUIDField()
    at = serializers.DateTimeField()
    trigger = serializers.CharField()
    outcome = serializers.CharField()
    reason = serializers.CharField()
    rule = serializers.CharField(allow_blank=True)
    pool = serializers.CharField(allow_null=True)
    owner = serializers.UUIDField(allow_null=True)
    rule_set_version = serializers.UUIDField(allow_null=True)
    tie_break = serializers.CharField(allow_blank=True)


class DecisionInputsSerializer(serializers.Serializer[Any]):
    """What is kept of a lead in decisions about it."""

    decisions = serializers.IntegerField(help_text="That hold what the rules read of the lead.")


class DecisionVersionsSerializer(serializers.Serializer[Any]):
    """Numbers of the versions that were in force."""

    rules = serializers.IntegerField(allow_null=True)
    criteria = serializers.IntegerField(allow_null=True)
    policy = serializers.IntegerField(allow_null=True)


class DecisionSerializer(DecisionLineSerializer):
    """Who got a lead, and why not the others."""

    versions = DecisionVersionsSerializer()
    inputs = serializers.DictField(
        allow_null=True,
        help_text="What the rules read of the lead; null where nothing, or once cleared.",
    )
    turn_given_back = serializers.BooleanField(
        help_text="A test lead is nobody's turn: the one that the candidates' counters show was given back."
    )
    layers = serializers.DictField()
    candidates = CandidateSerializer(many=True)


class ExplainSerializer(serializers.Serializer[Any]):
    """Why it qualified, why this person, why this deadline."""

    lead = serializers.UUIDField()
    stage = serializers.ChoiceField(choices=Stage.values)
    needs = serializers.ListField(child=serializers.CharField())
    quality = serializers.DictField(
        help_text="completeness, lacks (what a handoff asks for, and why it lacks), held_until."
    )
    score = serializers.DictField(
        help_text="As of now: from (outside or signals), points, and lines, each with its words."
    )
    qualification = serializers.DictField(allow_null=True)
    assignment = serializers.DictField(allow_null=True)
    decision = DecisionSerializer(allow_null=True)
    deadline = serializers.DictField(allow_null=True)


class LedgerEntrySerializer(serializers.Serializer[Any]):
    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    kind = serializers.ChoiceField(choices=[str(kind) for kind in Kind])
    member = serializers.UUIDField(allow_null=True)
    seconds = serializers.FloatField()


class LedgerSerializer(serializers.Serializer[Any]):
    """Every second of a handoff in exactly one entry, in order and without a hole."""

    lead = serializers.UUIDField()
    handoff = serializers.UUIDField(allow_null=True)
    wall_seconds = serializers.FloatField()
    entries = LedgerEntrySerializer(many=True)


class ExplainedDaySerializer(serializers.Serializer[Any]):
    day = serializers.DateField()
    when = serializers.CharField(
        allow_blank=True, help_text="The hours that counted, in the calendar's zone."
    )
    seconds = serializers.IntegerField()
    total = serializers.IntegerField()
    note = serializers.CharField(allow_blank=True, help_text="Why it did not count, or not in full.")


class TimerMoveSerializer(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    old_due_at = serializers.DateTimeField()
    new_due_at = serializers.DateTimeField()


class TimerExplainSerializer(serializers.Serializer[Any]):
    """How one deadline comes about."""

    timer = serializers.UUIDField()
    handoff = serializers.UUIDField()
    target = serializers.CharField()
    clock = serializers.CharField()
    owner = serializers.UUIDField(allow_null=True)
    promise = serializers.CharField(allow_blank=True)
    tier = serializers.CharField()
    tier_name = serializers.CharField()
    rule = serializers.CharField(allow_blank=True, help_text="Whom the tier is for.")
    policy_version = serializers.IntegerField()
    business_unit = serializers.CharField(
        allow_blank=True, help_text="The unit whose policy that is; blank for the organisation's main policy."
    )
    calendar = serializers.DictField(allow_null=True, help_text="Null by the wall clock.")
    started_at = serializers.DateTimeField()
    due_at = serializers.DateTimeField()
    duration_seconds = serializers.IntegerField()
    total_seconds = serializers.IntegerField(help_text="The sum of the days.")
    remaining_seconds = serializers.IntegerField(
        allow_null=True, help_text="Time left on this clock, negative when late; null once it is closed."
    )
    days = ExplainedDaySerializer(many=True)
    moves = TimerMoveSerializer(many=True, help_text="When it was moved to another version by order.")
