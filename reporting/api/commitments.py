"""Commitments for programs: how they stand, and their targets with history."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter, OpenApiTypes, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.errors import FieldError, ValidationFailed
from leads import strict
from reporting.commitments.book import Book, Line, Point, book_of
from reporting.commitments.calculator import DAYS, FOLLOWED, inputs_of, needed
from reporting.commitments.catalog import CATALOG, Side, Unit
from reporting.commitments.forecast import LEVEL, Forecast
from reporting.commitments.forms import CalculatorForm
from reporting.commitments.models import CommitmentNote, CommitmentTarget
from reporting.commitments.params import month_from, present_month
from reporting.commitments.services import (
    MOST_MQLS,
    MOST_WHY,
    Wanted,
    get_kind,
    set_target,
)
from reporting.commitments.sources import sources_of
from reporting.commitments.targets import Targets, Term, load_targets
from web.api import TenantAPIView
from web.pagination import known_query

_STANDING = serializers.ChoiceField(choices=["on_target", "watch", "off_target"], allow_null=True)


class CommitmentShareSerializer(serializers.Serializer[Any]):
    count = serializers.IntegerField()
    base = serializers.IntegerField()
    rate = serializers.FloatField(allow_null=True, help_text="Per cent; null where the base is 0.")
    left_out = serializers.IntegerField()


class CommitmentForecastSerializer(serializers.Serializer[Any]):
    expected = serializers.FloatField()
    low = serializers.FloatField()
    high = serializers.FloatField()
    level = serializers.FloatField(help_text="Share of months that end between low and high.")


class CommitmentPointSerializer(serializers.Serializer[Any]):
    first = serializers.DateField()
    value = serializers.FloatField(allow_null=True)
    base = serializers.IntegerField()
    target = serializers.IntegerField(allow_null=True, help_text="That held then.")
    standing = _STANDING


class CommitmentWeekSerializer(serializers.Serializer[Any]):
    monday = serializers.DateField()
    count = serializers.IntegerField()
    is_over = serializers.BooleanField()
    kept = serializers.BooleanField(allow_null=True, help_text="Null while it can still be reached.")


class CommitmentTermSerializer(serializers.Serializer[Any]):
    target = serializers.IntegerField(allow_null=True, help_text="MQLs a month, or per cent; null: none.")
    weekly_floor = serializers.IntegerField(allow_null=True)
    counts_rejected = serializers.BooleanField(help_text="Of MQLs a month: whether rejected ones count.")
    valid_from = serializers.DateField(allow_null=True, help_text="Null for a default.")
    id = serializers.UUIDField(allow_null=True)


class CommitmentLineSerializer(serializers.Serializer[Any]):
    commitment = serializers.ChoiceField(choices=list(CATALOG))
    side = serializers.ChoiceField(choices=[side.value for side in Side])
    label = serializers.CharField()  # type: ignore[assignment]
    unit = serializers.ChoiceField(choices=[unit.value for unit in Unit])
    term = CommitmentTermSerializer()
    actual = serializers.FloatField(allow_null=True)
    share = CommitmentShareSerializer(allow_null=True)
    base = serializers.CharField(help_text="What the base is.")
    left_out = serializers.CharField(help_text="Who is left out, and why.")
    refused = serializers.IntegerField(help_text="Of MQLs a month: those that sales rejected.")
    pace = serializers.FloatField(allow_null=True, help_text="Where it should be by now.")
    forecast = CommitmentForecastSerializer(allow_null=True)
    standing = _STANDING
    why = serializers.CharField(allow_blank=True, help_text="Why there is no number.")
    months = CommitmentPointSerializer(many=True)
    weeks = CommitmentPointSerializer(many=True)
    floor_weeks = CommitmentWeekSerializer(many=True)


class CommitmentSourceSerializer(serializers.Serializer[Any]):
    source = serializers.CharField(allow_blank=True)  # type: ignore[assignment]
    mqls = serializers.IntegerField()
    completeness = CommitmentShareSerializer()
    accuracy = CommitmentShareSerializer()


class CommitmentNoteSerializer(serializers.Serializer[Any]):
    commitment = serializers.ChoiceField(choices=list(CATALOG))
    text = serializers.CharField()
    at = serializers.DateTimeField()
    by = serializers.CharField()


class CommitmentsSerializer(serializers.Serializer[Any]):
    month = serializers.CharField()
    last = serializers.DateField(help_text="The last day that counts.")
    time_zone = serializers.CharField()
    business_days_passed = serializers.FloatField()
    business_days = serializers.IntegerField()
    results = CommitmentLineSerializer(many=True)
    sources = CommitmentSourceSerializer(many=True)
    notes = CommitmentNoteSerializer(many=True)


class CommitmentsView(TenantAPIView):
    """GET commitments"""

    scopes: ClassVar[dict[str, str]] = {"GET": "reports:read"}

    @extend_schema(
        operation_id="commitments",
        summary="What both sides owe each other in a month, and how it stands",
        parameters=[OpenApiParameter("month", str, description="2026-11; the present one without it.")],
        responses=CommitmentsSerializer,
    )
    def get(self, request: Request) -> Response:
        known_query(request, "month")
        now = self.clock()
        month = month_from(request.query_params.dict(), tenant=self.tenant, now=now)
        book = book_of(tenant=self.tenant, month=month, now=now)
        sources = (
            []
            if book.is_future
            else sources_of(tenant=self.tenant, first=month, last=book.last, now=now, ground=book.ground)[0]
        )
        return Response(
            {
                "month": f"{month:%Y-%m}",
                "last": book.last,
                "time_zone": self.tenant.time_zone,
                "business_days_passed": round(book.business[0], 2),
                "business_days": book.business[1],
                "results": [_line(line) for line in book.lines],
                "sources": [
                    {
                        "source": row.source,
                        "mqls": row.mqls,
                        **{key: share.as_dict() for key, share in row.shares.items()},
                    }
                    for row in sources
                ],
                "notes": _notes(book),
            }
        )


def _notes(book: Book) -> list[dict[str, Any]]:
    found = CommitmentNote.objects.filter(month=book.month).order_by("at", "id")
    return [
        {"commitment": each.commitment, "text": each.text, "at": each.at, "by": each.by} for each in found
    ]


def _line(line: Line) -> dict[str, Any]:
    floor = line.term.weekly_floor
    return {
        "commitment": line.kind.key,
        "side": line.kind.side.value,
        "label": line.kind.label,
        "unit": line.kind.unit.value,
        "term": _term(line.term),
        "actual": line.actual,
        "share": None if line.share is None else line.share.as_dict(),
        "base": line.kind.base,
        "left_out": line.kind.left_out,
        "refused": line.refused,
        "pace": None if line.pace is None else round(line.pace, 2),
        "forecast": _forecast(line.forecast),
        "standing": line.status,
        "why": line.why,
        "months": [_point(each) for each in line.months],
        "weeks": [_point(each) for each in line.weeks],
        "floor_weeks": [
            {
                "monday": each.monday,
                "count": each.count,
                "is_over": each.is_over,
                "kept": None if floor is None else each.is_kept(floor),
            }
            for each in line.floor_weeks
        ],
    }


def _forecast(found: Forecast | None) -> dict[str, float] | None:
    if found is None:
        return None
    bounds = {"expected": found.expected, "low": found.low, "high": found.high}
    return {**{name: round(value, 2) for name, value in bounds.items()}, "level": LEVEL}


def _point(point: Point) -> dict[str, Any]:
    return {
        "first": point.first,
        "value": point.value,
        "base": point.base,
        "target": point.target,
        "standing": point.status,
    }


def _term(term: Term) -> dict[str, Any]:
    return {
        "target": term.target,
        "weekly_floor": term.weekly_floor,
        "counts_rejected": term.counts_rejected,
        "valid_from": None if term.row is None else term.row.valid_from,
        "id": term.row_id,
    }


# --- Targets ------------------------------------------------------------------------------------------------


class CommitmentHistorySerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    target = serializers.IntegerField(allow_null=True)
    weekly_floor = serializers.IntegerField(allow_null=True)
    counts_rejected = serializers.BooleanField()
    valid_from = serializers.DateField()
    set_at = serializers.DateTimeField()
    set_by = serializers.CharField()
    why = serializers.CharField()


class CommitmentTargetsSerializer(serializers.Serializer[Any]):
    commitment = serializers.ChoiceField(choices=list(CATALOG))
    side = serializers.ChoiceField(choices=[side.value for side in Side])
    unit = serializers.ChoiceField(choices=[unit.value for unit in Unit])
    present = CommitmentTermSerializer(help_text="What holds in the present month.")
    upcoming = CommitmentTermSerializer(many=True)
    history = CommitmentHistorySerializer(
        many=True, help_text="Everything that was ever set, the latest first."
    )


class CommitmentTargetListSerializer(serializers.Serializer[Any]):
    results = CommitmentTargetsSerializer(many=True)


class CommitmentTargetInSerializer(serializers.Serializer[Any]):
    commitment = serializers.ChoiceField(choices=list(CATALOG))
    target = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=1,
        max_value=MOST_MQLS,
        help_text="MQLs a month, or per cent; left out or null: nothing is promised.",
    )
    weekly_floor = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=MOST_MQLS)
    counts_rejected = serializers.BooleanField(required=False, help_text="True unless said.")
    valid_from = serializers.DateField(help_text="The first of this month or of a later one.")
    why = serializers.CharField(max_length=MOST_WHY)
    instead_of = serializers.UUIDField(
        required=False,
        allow_null=True,
        help_text="Id of the target that was set last; 409 where another was set since. Null: none was.",
    )


class CommitmentTargetsInSerializer(serializers.Serializer[Any]):
    targets = CommitmentTargetInSerializer(many=True)


_read: Callable[..., dict[str, Any]] = strict.reader_of(CommitmentTargetsInSerializer)


class CommitmentTargetsView(TenantAPIView):
    """GET, PUT commitments/targets"""

    scopes: ClassVar[dict[str, str]] = {"GET": "config:read", "PUT": "config:write"}

    @extend_schema(
        operation_id="commitment_targets",
        summary="Targets of commitments, with their history",
        responses=CommitmentTargetListSerializer,
    )
    def get(self, request: Request) -> Response:
        known_query(request)
        return self._all()

    @extend_schema(
        operation_id="set_commitment_targets",
        summary="Promise something from a month on",
        description=(
            "Sets all of them or none. What was set before stays as history, and months that are over are"
            " judged by what held then. Saying again what is promised changes nothing."
        ),
        request=CommitmentTargetsInSerializer,
        responses=CommitmentTargetListSerializer,
    )
    def put(self, request: Request) -> Response:
        sent: Any = request.data
        said, now = strict.read(_read, sent), self.clock()
        for place, each in enumerate(said["targets"]):
            given = sent["targets"][place]
            wanted = Wanted(
                target=each.get("target"),
                valid_from=each["valid_from"],
                why=each["why"],
                weekly_floor=each.get("weekly_floor"),
                counts_rejected=each.get("counts_rejected", True),
                instead_of=each.get("instead_of"),
                checks_last="instead_of" in given,
            )
            set_target(
                tenant=self.tenant,
                kind=get_kind(each["commitment"], f"/targets/{place}/commitment"),
                wanted=wanted,
                actor=self.actor,
                now=now,
                at=f"/targets/{place}",
            )
        return self._all()

    def _all(self) -> Response:
        month = present_month(self.tenant, self.clock())
        targets = load_targets(self.tenant.target_percent)
        return Response(
            {
                "results": [
                    {
                        "commitment": kind.key,
                        "side": kind.side.value,
                        "unit": kind.unit.value,
                        "present": _term(targets.of(kind, month)),
                        "upcoming": [_term(term) for term in targets.upcoming(kind, month)],
                        "history": _history(targets, kind.key),
                    }
                    for kind in CATALOG.values()
                ]
            }
        )


def _history(targets: Targets, key: str) -> list[dict[str, Any]]:
    return [_row(row) for row in targets.history(CATALOG[key])]


def _row(row: CommitmentTarget) -> dict[str, Any]:
    return {
        "id": row.id,
        "target": row.target,
        "weekly_floor": row.weekly_floor,
        "counts_rejected": row.counts_rejected,
        "valid_from": row.valid_from,
        "set_at": row.set_at,
        "set_by": row.set_by,
        "why": row.why,
    }


# --- The calculator -----------------------------------------------------------------------------------------


class CalculatorInputsSerializer(serializers.Serializer[Any]):
    to = serializers.DateField()
    value = serializers.DecimalField(
        max_digits=16,
        decimal_places=2,
        allow_null=True,
        coerce_to_string=True,
        help_text="Of an opportunity that an MQL brought, on average; null where none has an amount.",
    )
    valued = serializers.IntegerField(help_text="MQLs with an amount, which the value is of.")
    opportunities = serializers.IntegerField(help_text="MQLs that became opportunities.")
    conversion = CommitmentShareSerializer(
        help_text=f"MQL to opportunity within {FOLLOWED} days; younger MQLs are left out."
    )
    imported = serializers.IntegerField(
        help_text="Of its base, imported ones, whose files may say nothing of opportunities."
    )

    def get_fields(self) -> dict[str, Any]:
        """`from` is no name that Python lets a class have."""
        return {"from": serializers.DateField(), **super().get_fields()}


class CalculatorSerializer(serializers.Serializer[Any]):
    currency = serializers.CharField()
    own = CalculatorInputsSerializer(help_text=f"What the MQLs of {DAYS} days say.")
    mqls = serializers.IntegerField(allow_null=True, help_text="A month; null without a pipeline.")
    why = serializers.CharField(allow_blank=True, help_text="The sum in words, for a target's why.")


class CalculatorView(TenantAPIView):
    """GET commitments/calculator"""

    scopes: ClassVar[dict[str, str]] = {"GET": "reports:read"}

    @extend_schema(
        operation_id="commitment_calculator",
        summary="How many MQLs a month a pipeline target takes",
        description=(
            "pipeline / value of an opportunity / conversion, rounded up. What is not given is the"
            " organisation's own; 400 at its name where there is none."
        ),
        parameters=[
            OpenApiParameter("pipeline", OpenApiTypes.DECIMAL, description="A month, in the currency."),
            OpenApiParameter("value", OpenApiTypes.DECIMAL, description="Of an opportunity."),
            OpenApiParameter("conversion", OpenApiTypes.DECIMAL, description="MQL to opportunity, per cent."),
        ],
        responses=CalculatorSerializer,
    )
    def get(self, request: Request) -> Response:
        known_query(request, "pipeline", "value", "conversion")
        form = CalculatorForm(request.query_params.dict())
        if "pipeline" not in request.query_params:
            form.fields["pipeline"].required = False
        if not form.is_valid():
            wrong = [FieldError(f"/{name}", str(texts[0]), "invalid") for name, texts in form.errors.items()]
            raise ValidationFailed(wrong[0].message, field_errors=wrong)
        said, inputs = form.cleaned_data, inputs_of(tenant=self.tenant, now=self.clock())
        found = None if said["pipeline"] is None else needed(inputs, **said)
        return Response(
            {
                "currency": self.tenant.currency,
                "own": {
                    "from": inputs.first,
                    "to": inputs.last,
                    "value": None if inputs.value is None else f"{inputs.value:.2f}",
                    "valued": inputs.valued,
                    "opportunities": inputs.opportunities,
                    "conversion": inputs.conversion.as_dict(),
                    "imported": inputs.imported,
                },
                "mqls": found.mqls if found else None,
                "why": found.why(self.tenant.currency) if found else "",
            }
        )
