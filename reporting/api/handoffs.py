"""The funnel, rejections and response times for programs: the numbers of the pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from drf_spectacular.utils import OpenApiParameter, OpenApiTypes, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from leads.lifecycle import Stage
from reporting import params, selectors
from reporting.api.compliance import KIND
from reporting.api.handoff_lists import HANDOFF_PAGE, handoff_row
from reporting.definitions import BAND_LABELS, COHORT_WEEKS, DURATIONS, FOLLOWED, LATER_STAGES, STAGES, Share
from reporting.measures import SEGMENTS
from reporting.selectors.created import leads_created
from reporting.selectors.feedback import corrected_share
from web.api import TenantAPIView
from web.openapi import PAGE_PARAMETERS, page_serializer
from web.pagination import api_page, known_query

_FILTERS: Final = ("team", "rep", "source", "campaign", "channel", "segment", "tier", "kind")
_PERIOD: Final = ("period", "from", "to")


class ReachedShareSerializer(serializers.Serializer[Any]):
    count = serializers.IntegerField()
    base = serializers.IntegerField(help_text="What the rate is of.")
    rate = serializers.FloatField(allow_null=True, help_text="Per cent; null where the base is 0.")
    left_out = serializers.IntegerField(help_text="Handoffs that are not in the base.")


class SpreadSerializer(serializers.Serializer[Any]):
    count = serializers.IntegerField()
    median_seconds = serializers.IntegerField(allow_null=True)
    p90_seconds = serializers.IntegerField(allow_null=True)


class StagesSerializer(serializers.Serializer[Any]):
    """How many reached each stage."""

    def get_fields(self) -> dict[str, Any]:
        return {stage: serializers.IntegerField() for stage in STAGES}


class ConversionsSerializer(serializers.Serializer[Any]):
    """Of the MQLs, how many reached each later stage."""

    def get_fields(self) -> dict[str, Any]:
        return {stage: ReachedShareSerializer() for stage in LATER_STAGES}


class AnswersSerializer(serializers.Serializer[Any]):
    accepted = serializers.IntegerField()
    rejected = serializers.IntegerField()
    nurtured = serializers.IntegerField()
    undecided = serializers.IntegerField(help_text="Without a standing answer; in no rate.")
    acceptance = ReachedShareSerializer(
        help_text="accepted of accepted + rejected + nurtured, as answered: whatever disputes found."
    )


class FunnelRowSerializer(serializers.Serializer[Any]):
    key = serializers.CharField(allow_null=True, allow_blank=True, help_text="null: nobody.")
    name = serializers.CharField()
    subscribers = serializers.IntegerField(
        allow_null=True, help_text="Leads created in the period; null where the split or a filter forbids it."
    )
    leads = serializers.IntegerField(allow_null=True, help_text="Of these, beyond Subscriber now.")
    mqls = serializers.IntegerField(help_text="All of the period, also those too young to be followed.")
    reached = StagesSerializer()
    of_mqls = ConversionsSerializer()
    answers = AnswersSerializer()
    amount = serializers.DecimalField(max_digits=20, decimal_places=2, coerce_to_string=True)
    won_amount = serializers.DecimalField(max_digits=20, decimal_places=2, coerce_to_string=True)


class CohortSerializer(serializers.Serializer[Any]):
    week = serializers.DateField(help_text="Its Monday.")
    mqls = serializers.IntegerField()
    reached = serializers.ListField(
        child=serializers.IntegerField(allow_null=True),
        help_text="Within 1, 2, ... weeks of MQL; null where not all have been followed for so long.",
    )


class SpreadsSerializer(serializers.Serializer[Any]):
    """Durations by name. first_touch and decision are working seconds, the others by the wall clock."""

    def get_fields(self) -> dict[str, Any]:
        return {name: SpreadSerializer() for name in DURATIONS}


class PeriodSerializer(serializers.Serializer[Any]):
    to = serializers.DateField()
    time_zone = serializers.CharField(help_text="Days are this zone's.")
    kind = serializers.CharField(help_text="Which handoffs are counted: inbound, outbound or both.")

    def get_fields(self) -> dict[str, Any]:
        """`from` is no name that Python lets a class have."""
        return {"from": serializers.DateField(), **super().get_fields()}


class FunnelSerializer(PeriodSerializer):
    by = serializers.ChoiceField(choices=list(selectors.HANDOFF_SPLITS))
    follow = serializers.IntegerField(allow_null=True, help_text="Days; null is so far.")
    cohort = serializers.ChoiceField(choices=list(LATER_STAGES))
    currency = serializers.CharField()
    total = FunnelRowSerializer()
    groups = serializers.IntegerField(help_text="How many there are; the results are the largest.")
    results = FunnelRowSerializer(many=True)
    durations = SpreadsSerializer()
    cohorts = CohortSerializer(many=True)


class RejectionReasonSerializer(serializers.Serializer[Any]):
    reason = serializers.CharField(allow_blank=True, help_text="Slug; empty where none was given.")
    label = serializers.CharField()  # type: ignore[assignment]
    count = serializers.IntegerField()
    before = serializers.IntegerField(help_text="In as many days right before.")
    share = ReachedShareSerializer(help_text="Of all rejections of the period.")


class RejectionRowSerializer(AnswersSerializer):
    key = serializers.CharField(allow_blank=True)
    name = serializers.CharField()
    mqls = serializers.IntegerField()


class RejectionsSerializer(PeriodSerializer):
    by = serializers.ChoiceField(choices=list(selectors.REJECTION_SPLITS))
    total = AnswersSerializer()
    corrected = ReachedShareSerializer(
        help_text="Rejected, without those that a dispute overturned, which are left out of both parts."
    )
    reasons = RejectionReasonSerializer(many=True)
    groups = serializers.IntegerField(help_text="How many there are; the results are the largest.")
    results = RejectionRowSerializer(many=True)


class ResponseTimesSerializer(PeriodSerializer):
    mqls = serializers.IntegerField()
    durations = SpreadsSerializer()
    contacted = ReachedShareSerializer()
    untouched_72h = ReachedShareSerializer(
        help_text="Neither touched nor closed within 72 hours; left out are those closed before, and MQLs"
        " younger than that."
    )
    attempts = serializers.DictField(help_text="By people: count, median and p90 of their number.")


def handoff_parameters(
    splits: Mapping[str, Any] | tuple[str, ...] | None, *more: OpenApiParameter
) -> list[Any]:
    by = [OpenApiParameter("by", str, enum=list(splits), default="source")] if splits else []
    return [
        *by,
        *more,
        OpenApiParameter("period", str, enum=list(params.PERIODS), default="90d"),
        OpenApiParameter("from", OpenApiTypes.DATE, description="Default: 29 days before `to`."),
        OpenApiParameter("to", OpenApiTypes.DATE, description="Default: today."),
        *(
            OpenApiParameter(name, str, description="An id, or `none`: without one.")
            for name in ("team", "rep")
        ),
        *(
            OpenApiParameter(name, str, description="`none`: without one.")
            for name in ("source", "campaign", "channel")
        ),
        OpenApiParameter("segment", str, enum=[*SEGMENTS, params.NONE]),
        OpenApiParameter("tier", str, description="Slug."),
        KIND,
    ]


_FOLLOW: Final = OpenApiParameter(
    "follow",
    str,
    enum=[str(days) for days in FOLLOWED],
    description="Follow each MQL for as many days, and leave out those that are younger. Default: so far.",
)
_FIND: Final = OpenApiParameter("find", str, description="Only groups whose name has this in it.")


class HandoffReportView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"GET": "reports:read"}

    def question(self, request: Request, *names: str) -> tuple[dict[str, str], selectors.Question]:
        known_query(request, *names, *_PERIOD, *_FILTERS)
        query = request.query_params.dict()
        if not any(query.get(name) for name in _PERIOD):
            query["period"] = "90d"
        return query, params.question_for_api(query, tenant=self.tenant, now=self.clock())

    def told(self, question: selectors.Question) -> dict[str, Any]:
        return {
            "from": question.first,
            "to": question.last,
            "time_zone": self.tenant.time_zone,
            "kind": question.kind,
        }


class FunnelView(HandoffReportView):
    """GET reports/funnel"""

    @extend_schema(
        operation_id="reports_funnel",
        summary="How many leads came how far, split, how quickly, and by week",
        description=(
            "MQLs of the period, by the day on which they became MQL. A later stage counts as reached for the"
            " earlier ones. At most 50 groups, those with the most MQLs."
        ),
        parameters=handoff_parameters(
            selectors.HANDOFF_SPLITS,
            _FOLLOW,
            OpenApiParameter("cohort", str, enum=list(LATER_STAGES), default=Stage.SQL.value),
            _FIND,
        ),
        responses=FunnelSerializer,
    )
    def get(self, request: Request) -> Response:
        query, question = self.question(request, "by", "follow", "cohort", "find")
        by = params.choice(query, "by", tuple(selectors.HANDOFF_SPLITS), "source")
        cohort = params.choice(query, "cohort", LATER_STAGES, Stage.SQL.value)
        follow = params.days_followed(query)
        ground = selectors.handoff_ground(question)
        tiers = selectors.handoff_choices(question, ground).tiers if by == "tier" else {}
        found = selectors.funnel(
            question,
            by,
            now=self.clock(),
            names=selectors.load_names(tiers),
            ground=ground,
            follow=follow,
            cohort_of=cohort,
            find=query.get("find", "")[:80],
        )
        return Response(
            {
                **self.told(question),
                "by": by,
                "follow": follow,
                "cohort": cohort,
                "currency": self.tenant.currency,
                "total": _row(None, "", found.whole, follow, found.subscribers, found.leads),
                "groups": found.number,
                "results": [
                    _row(each.key, each.name, each.tally, follow, each.subscribers, each.leads)
                    for each in found.groups
                ],
                "durations": {name: spread.as_dict() for name, spread in found.durations.items()},
                "cohorts": [
                    {"week": each.monday, "mqls": each.mqls, "reached": each.reached}
                    for each in found.cohorts
                ],
            }
        )


class FunnelLeadsView(HandoffReportView):
    """GET reports/funnel/leads"""

    @extend_schema(
        operation_id="reports_funnel_leads",
        summary="The leads behind a number of the funnel, of rejections or of response times",
        description=(
            "Exactly the handoffs that it counts, the latest first: with the report's period and filters."
        ),
        parameters=handoff_parameters(
            None,
            OpenApiParameter(
                "stage",
                str,
                enum=list(selectors.LISTED),
                default=STAGES[0],
                description="What is counted: a stage that was reached, an answer, an end, or a duration.",
            ),
            OpenApiParameter(
                "before", str, enum=list(LATER_STAGES), description="Of these, those that did not reach it."
            ),
            OpenApiParameter(
                "weeks", int, description=f"Reached within so many weeks of MQL, 1 to {COHORT_WEEKS}."
            ),
            OpenApiParameter("reason", str, description="Rejected for it: a slug; `none`: without a reason."),
            OpenApiParameter(
                "response",
                str,
                enum=list(BAND_LABELS),
                description="How soon they were reached, in working time: a band of the worth of speed.",
            ),
            _FOLLOW,
            *PAGE_PARAMETERS,
        ),
        responses={200: HANDOFF_PAGE},
    )
    def get(self, request: Request) -> Response:
        query, question = self.question(request, *params.NUMBER, "cursor", "limit")
        found = params.number_asked(query).listed(question, now=self.clock())
        rows, following = api_page(request, found, order=("-started_at", "-id"))
        return Response({"results": [handoff_row(row) for row in rows], "next": following})


class CreatedLeadSerializer(serializers.Serializer[Any]):
    lead = serializers.UUIDField()
    created_at = serializers.DateTimeField()
    stage = serializers.CharField(help_text="Now.")
    source = serializers.CharField(allow_blank=True)  # type: ignore[assignment]
    campaign = serializers.CharField(allow_blank=True)
    channel = serializers.CharField(allow_blank=True)


class CreatedLeadsView(HandoffReportView):
    """GET reports/funnel/created"""

    @extend_schema(
        operation_id="reports_funnel_created",
        summary="The leads behind subscribers and leads of the funnel",
        description=(
            "Leads that were created in the period, the latest first: all, or those beyond Subscriber. None"
            " where a filter is about what only a handoff has."
        ),
        parameters=handoff_parameters(
            None,
            OpenApiParameter("which", str, enum=["subscribers", "leads"], default="subscribers"),
            *PAGE_PARAMETERS,
        ),
        responses={200: page_serializer("CreatedLeadPage", CreatedLeadSerializer)},
    )
    def get(self, request: Request) -> Response:
        query, question = self.question(request, "which", "cursor", "limit")
        which = params.choice(query, "which", ("subscribers", "leads"), "subscribers")
        found = leads_created(question, beyond=which == "leads")
        rows, following = api_page(request, found, order=("-created_at", "-id"))
        names = ("created_at", "stage", "source", "campaign", "channel")
        told = [{"lead": row.id, **{name: getattr(row, name) for name in names}} for row in rows]
        return Response({"results": told, "next": following})


def _row(
    key: object,
    name: str,
    tally: selectors.Tally,
    follow: int | None,
    subscribers: int | None,
    leads: int | None,
) -> dict[str, Any]:
    return {
        "key": None if key is None else str(key),
        "name": name,
        "subscribers": subscribers,
        "leads": leads,
        "mqls": tally.all["mqls"],
        "reached": {stage: tally.reached(stage, follow) for stage in STAGES},
        "of_mqls": {stage: tally.conversion(STAGES[0], stage, follow).as_dict() for stage in LATER_STAGES},
        "answers": _answers(tally),
        "amount": f"{tally.all['amount']:.2f}",
        "won_amount": f"{tally.all['won_amount']:.2f}",
    }


def _answers(tally: selectors.Tally) -> dict[str, Any]:
    names = ("accepted", "rejected", "nurtured", "undecided")
    return {**{name: tally.all[name] for name in names}, "acceptance": tally.acceptance.as_dict()}


class RejectionsView(HandoffReportView):
    """GET reports/rejections"""

    @extend_schema(
        operation_id="reports_rejections",
        summary="Rejections by reason, and how much sales accepts by source or campaign",
        description="A rejection counts on the day on which its lead became MQL.",
        parameters=handoff_parameters(selectors.REJECTION_SPLITS, _FIND),
        responses=RejectionsSerializer,
    )
    def get(self, request: Request) -> Response:
        query, question = self.question(request, "by", "find")
        by = params.choice(query, "by", selectors.REJECTION_SPLITS, "source")
        found = selectors.rejections(
            question,
            by,
            now=self.clock(),
            names=selectors.load_names(),
            ground=selectors.handoff_ground(question),
            find=query.get("find", "")[:80],
        )
        rejected = found.whole.all["rejected"]
        return Response(
            {
                **self.told(question),
                "by": by,
                "total": _answers(found.whole),
                "corrected": corrected_share(question, found).as_dict(),
                "reasons": [
                    {
                        "reason": row.slug,
                        "label": row.label,
                        "count": row.count,
                        "before": row.before,
                        "share": Share(row.count, rejected).as_dict(),
                    }
                    for row in found.reasons
                ],
                "groups": found.number,
                "results": [
                    {
                        "key": str(each.key),
                        "name": each.name,
                        "mqls": each.tally.all["mqls"],
                        **_answers(each.tally),
                    }
                    for each in found.groups
                ],
            }
        )


class ResponseTimesView(HandoffReportView):
    """GET reports/response-times"""

    @extend_schema(
        operation_id="reports_response_times",
        summary="How quickly leads are assigned, touched, decided and moved on",
        description=(
            "Of the MQLs of the period that came so far. Medians and 90th percentiles are at most 3.4% from"
            " the exact value. Narrow it by the filters: `rep=` for one person, `source=` for one source."
        ),
        parameters=handoff_parameters(None),
        responses=ResponseTimesSerializer,
    )
    def get(self, request: Request) -> Response:
        _, question = self.question(request)
        found = selectors.response_times(
            question, now=self.clock(), ground=selectors.handoff_ground(question)
        )
        return Response(
            {
                **self.told(question),
                "mqls": found.whole.all["mqls"],
                "durations": {name: spread.as_dict() for name, spread in found.durations.items()},
                "contacted": found.whole.contacted.as_dict(),
                "untouched_72h": found.whole.untouched.as_dict(),
                "attempts": {
                    "count": found.attempts.count,
                    "median": found.attempts.median,
                    "p90": found.attempts.p90,
                },
            }
        )
