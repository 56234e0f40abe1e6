"""The shapes of the lead API, in and out. `strict` reads by the incoming ones; the description shows all of
them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from leads.incoming import (
    COMPANY_LIMITS,
    ENGAGEMENT_LIMITS,
    LEAD_LIMITS,
    MAX_BIG_INTEGER,
    MAX_ENGAGEMENTS,
    MAX_INTEGER,
)
from leads.lifecycle import Stage
from sla.models import Timer
from sla.status import Status

MAX_BULK = 1_000


def _text(limit: int, help_text: str = "") -> serializers.CharField:
    return serializers.CharField(
        max_length=limit, required=False, allow_blank=True, allow_null=True, help_text=help_text
    )


class EngagementInSerializer(serializers.Serializer[Any]):
    """Something the lead did."""

    kind = serializers.CharField(
        max_length=ENGAGEMENT_LIMITS["kind"],
        help_text="demo_request, pricing_page, contact_form, page_view, ...",
    )
    subject = _text(ENGAGEMENT_LIMITS["subject"], "What it was about: a page, a paper, a webinar.")
    at = serializers.DateTimeField(
        required=False, allow_null=True, help_text="With offset; when the lead came in, unless given."
    )


class CompanyInSerializer(serializers.Serializer[Any]):
    """The lead's company; its domain, or that of the e-mail, finds the account."""

    name = _text(COMPANY_LIMITS["name"])
    domain = _text(COMPANY_LIMITS["domain"])
    employees = serializers.IntegerField(min_value=0, max_value=MAX_INTEGER, required=False, allow_null=True)
    revenue = serializers.IntegerField(
        min_value=0,
        max_value=MAX_BIG_INTEGER,
        required=False,
        allow_null=True,
        help_text="A year, in your currency.",
    )
    industry = _text(COMPANY_LIMITS["industry"])
    country = _text(COMPANY_LIMITS["country"])
    region = _text(COMPANY_LIMITS["region"])


class LeadInSerializer(serializers.Serializer[Any]):
    """One arrival of one person. Say who it is by `email`, or by `external_system` and `external_id`."""

    external_system = _text(LEAD_LIMITS["external_system"], "The system that `external_id` comes from.")
    external_id = _text(LEAD_LIMITS["external_id"], "Unique within its system.")
    email = serializers.EmailField(max_length=254, required=False, allow_blank=True, allow_null=True)
    first_name = _text(LEAD_LIMITS["first_name"])
    last_name = _text(LEAD_LIMITS["last_name"])
    title = _text(LEAD_LIMITS["title"])
    phone = _text(LEAD_LIMITS["phone"])
    postal_code = _text(LEAD_LIMITS["postal_code"])
    owner = _text(LEAD_LIMITS["owner"], "E-mail of the member that another system chose, where it routes.")
    stage = _text(
        LEAD_LIMITS["stage"],
        "What that system calls the stage that the lead is at. It may hand the lead over: see /handover.",
    )
    company = CompanyInSerializer(required=False, allow_null=True)
    source = _text(LEAD_LIMITS["source"])  # type: ignore[assignment]
    campaign = _text(LEAD_LIMITS["campaign"])
    channel = _text(LEAD_LIMITS["channel"])
    score = serializers.IntegerField(
        min_value=-MAX_INTEGER, max_value=MAX_INTEGER, required=False, allow_null=True
    )
    occurred_at = serializers.DateTimeField(
        required=False, allow_null=True, help_text="With offset; at most two minutes ahead of our clock."
    )
    engagements = EngagementInSerializer(  # type: ignore[call-arg]
        many=True, required=False, allow_null=True, max_length=MAX_ENGAGEMENTS
    )
    custom = serializers.DictField(required=False, allow_null=True, help_text="Your own fields.")
    test = serializers.BooleanField(
        required=False, allow_null=True, help_text="Real path, left out of every number."
    )


class LeadPatchSerializer(serializers.Serializer[Any]):
    """What is known of a lead, put right. A field that is not sent stays; one that is blank or null is
    emptied."""

    email = serializers.EmailField(max_length=254, required=False, allow_blank=True, allow_null=True)
    first_name = _text(LEAD_LIMITS["first_name"])
    last_name = _text(LEAD_LIMITS["last_name"])
    title = _text(LEAD_LIMITS["title"])
    phone = _text(LEAD_LIMITS["phone"])
    postal_code = _text(LEAD_LIMITS["postal_code"])
    company = CompanyInSerializer(
        required=False,
        help_text="Of the account that the lead belongs to, for all its leads. "
        "Another domain moves the lead to that account.",
    )
    source = _text(LEAD_LIMITS["source"])  # type: ignore[assignment]
    campaign = _text(LEAD_LIMITS["campaign"])
    channel = _text(LEAD_LIMITS["channel"])
    score = serializers.IntegerField(
        min_value=-MAX_INTEGER, max_value=MAX_INTEGER, required=False, allow_null=True
    )
    updated_at = serializers.DateTimeField(
        required=False, help_text="As you read it: 409 where the lead changed since. Without it nobody looks."
    )


class BulkInSerializer(serializers.Serializer[Any]):
    """Up to 1,000 leads; each lands or is refused for itself."""

    leads = serializers.ListField(child=LeadInSerializer(), min_length=1, max_length=MAX_BULK)


class OwnerSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    email = serializers.EmailField()


class CompanySerializer(serializers.Serializer[Any]):
    name = serializers.CharField(allow_blank=True)
    domain = serializers.CharField(allow_blank=True)
    employees = serializers.IntegerField(allow_null=True)
    revenue = serializers.IntegerField(allow_null=True)
    industry = serializers.CharField(allow_blank=True)
    country = serializers.CharField(allow_blank=True)
    region = serializers.CharField(allow_blank=True)


class EngagementSerializer(serializers.Serializer[Any]):
    kind = serializers.CharField()
    subject = serializers.CharField(allow_blank=True)
    at = serializers.DateTimeField()


class HandoffSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    number = serializers.IntegerField(help_text="1 for the lead's first cycle, 2 when it came back, ...")
    state = serializers.ChoiceField(choices=["open", "closed"])
    outcome = serializers.CharField(allow_blank=True)
    started_at = serializers.DateTimeField()


@extend_schema_field(
    {"description": "What was seen: a value, a list of what was met, or null.", "nullable": True}
)
class AnyValueField(serializers.JSONField):
    """Any JSON value."""


class CriterionSerializer(serializers.Serializer[Any]):
    label = serializers.CharField()  # type: ignore[assignment]
    state = serializers.ChoiceField(choices=["met", "not_met", "missing"])
    seen = AnyValueField(allow_null=True)
    expected = AnyValueField(allow_null=True)
    path = serializers.CharField()


class TriggerSerializer(serializers.Serializer[Any]):
    """What handed the lead over, where that may be something else than the criteria."""

    met = serializers.BooleanField()
    by = serializers.CharField(
        allow_blank=True, help_text="criteria, outside_stage, score or form; blank where nothing did."
    )
    text = serializers.CharField()


class QualificationSerializer(serializers.Serializer[Any]):
    met = serializers.BooleanField()
    version = serializers.IntegerField(help_text="Of the criteria; 0 where none are published.")
    criteria = CriterionSerializer(many=True)
    trigger = TriggerSerializer(
        required=False, help_text="Only where something else than the criteria may hand a lead over."
    )


class SqlAnswerSerializer(serializers.Serializer[Any]):
    """One SQL criterion and what sales said."""

    key = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    answer = serializers.CharField(help_text="yes_no, choice, text, number or date.")
    value = AnyValueField(allow_null=True)
    must = serializers.BooleanField()
    met = serializers.BooleanField(allow_null=True, help_text="Null where it was not answered.")


class SqlAnswersSerializer(serializers.Serializer[Any]):
    """What sales answered to the SQL criteria of the handoff, with the version that asked."""

    version = serializers.IntegerField(help_text="0 for those that hold until a version is published.")
    met = serializers.BooleanField(help_text="Every criterion.")
    at = serializers.DateTimeField()
    answers = SqlAnswerSerializer(many=True)


class AssignmentSerializer(serializers.Serializer[Any]):
    decision = serializers.UUIDField(allow_null=True)
    reason = serializers.CharField(allow_blank=True)


class AttemptsSerializer(serializers.Serializer[Any]):
    """Contact attempts by people that the lead's tier asks for."""

    needed = serializers.IntegerField()
    made = serializers.IntegerField()
    owed = serializers.IntegerField()
    channels_needed = serializers.IntegerField()
    channels = serializers.ListField(child=serializers.CharField(), help_text="Kinds of touch used so far.")
    next_channels = serializers.ListField(
        child=serializers.CharField(), help_text="Kinds of touch that get on with it best."
    )
    completed_at = serializers.DateTimeField(allow_null=True)


class TimerSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    target = serializers.CharField(
        help_text="first_touch, decision, attempts, sql_decision, or from stage to stage: sal_to_sql."
    )
    clock = serializers.ChoiceField(choices=Timer.Clock.choices)
    state = serializers.ChoiceField(choices=Timer.State.choices)
    status = serializers.ChoiceField(choices=[each.value for each in Status])
    started_at = serializers.DateTimeField()
    warn_at = serializers.DateTimeField(allow_null=True)
    due_at = serializers.DateTimeField()
    met_at = serializers.DateTimeField(allow_null=True)
    breached_at = serializers.DateTimeField(allow_null=True)


class DataFindingSerializer(serializers.Serializer[Any]):
    field = serializers.CharField()
    code = serializers.CharField()
    words = serializers.CharField()


class CompletenessSerializer(serializers.Serializer[Any]):
    """How much of what a complete lead has is known and can be true."""

    known = serializers.IntegerField()
    of = serializers.IntegerField()
    missing = serializers.ListField(child=serializers.CharField())
    invalid = serializers.ListField(child=serializers.CharField())
    findings = DataFindingSerializer(many=True, help_text="What is wrong with what is known.")


class LeadSerializer(serializers.Serializer[Any]):
    """A lead as it stands, with its latest handoff."""

    id = serializers.UUIDField()
    external_system = serializers.CharField(allow_blank=True)
    external_id = serializers.CharField(allow_blank=True)
    email = serializers.CharField(allow_blank=True)
    first_name = serializers.CharField(allow_blank=True)
    last_name = serializers.CharField(allow_blank=True)
    title = serializers.CharField(allow_blank=True)
    phone = serializers.CharField(allow_blank=True)
    postal_code = serializers.CharField(allow_blank=True)
    company = CompanySerializer()
    source = serializers.CharField(allow_blank=True)  # type: ignore[assignment]
    campaign = serializers.CharField(allow_blank=True)
    channel = serializers.CharField(allow_blank=True)
    score = serializers.IntegerField(allow_null=True)
    occurred_at = serializers.DateTimeField(help_text="When the lead last did something.")
    engagements = EngagementSerializer(many=True, help_text="The latest 20.")
    custom = serializers.DictField()
    test = serializers.BooleanField()
    stage = serializers.ChoiceField(choices=Stage.choices)
    needs = serializers.ListField(
        child=serializers.CharField(), help_text="Handoff requirements that are missing."
    )
    completeness = CompletenessSerializer()
    owner = OwnerSerializer(allow_null=True)
    handoff = HandoffSerializer(allow_null=True)
    outside_stage = serializers.CharField(
        allow_blank=True, help_text="What the system that sent it last called its stage."
    )
    qualification = QualificationSerializer(allow_null=True)
    sql = SqlAnswersSerializer(allow_null=True, help_text="Null before the SQL step.")
    assignment = AssignmentSerializer(allow_null=True)
    tier = serializers.CharField(allow_null=True)
    timers = TimerSerializer(many=True)
    attempts = AttemptsSerializer(allow_null=True, help_text="Null where the tier asks for none.")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


@extend_schema_field({"$ref": "#/components/schemas/Problem"})
class ProblemField(serializers.JSONField):
    """A problem document."""


class BulkRowSerializer(serializers.Serializer[Any]):
    index = serializers.IntegerField()
    status = serializers.IntegerField(help_text="201 new, 200 known, else the status of `problem`.")
    lead = LeadSerializer(required=False)
    problem = ProblemField(required=False)


class BulkOutSerializer(serializers.Serializer[Any]):
    """What became of each row, in order."""

    results = BulkRowSerializer(many=True)
