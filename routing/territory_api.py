"""The API about territories: those in force or of the draft, what they cover twice or not at all, and many at
once from a CSV file. One by one they are written with the draft of the rules.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from core.errors import NotFound, ValidationFailed
from routing.models import RuleSetVersion
from routing.rule_api import RulesSerializer
from routing.rule_drafts import first_content
from routing.rules_check import pool_states, territory_warnings
from routing.territories import first_wins, rows_of, with_territories
from routing.territory_check import broken_territories
from routing.territory_cover import Gap, cover
from routing.territory_file import MOST_BYTES, merged, read_file
from tenants import versions
from web.api import TenantAPIView
from web.pagination import known_query
from web.parsers import CsvFileParser, uploaded_file
from web.version_api import version_document


class TerritorySerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    countries = serializers.ListField(child=serializers.CharField(), required=False)
    regions = serializers.ListField(child=serializers.CharField(), required=False)
    postal = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="What a postal code begins with."
    )
    employees = serializers.ListField(
        child=serializers.IntegerField(allow_null=True),
        required=False,
        help_text="From and to; null is open.",
    )
    industries = serializers.ListField(child=serializers.CharField(), required=False)
    pool = serializers.CharField()


class OverlapSerializer(serializers.Serializer[Any]):
    territories = serializers.ListField(child=serializers.CharField())
    example = serializers.DictField(help_text="A lead that both take.")


class GapSerializer(serializers.Serializer[Any]):
    values = serializers.DictField(child=serializers.CharField(), help_text="Which leads, in words.")
    example = serializers.DictField(help_text="Such a lead.")
    is_named = serializers.BooleanField(help_text="All of its values are named by some territory.")


class TerritoriesSerializer(serializers.Serializer[Any]):
    """Territories of a version of the rules, and what they cover twice or not at all."""

    number = serializers.IntegerField(help_text="Of the version.")
    revision = serializers.IntegerField(help_text="Of a draft.")
    first_wins = serializers.BooleanField(help_text="Of two that take one lead the first has it.")
    results = TerritorySerializer(many=True)
    overlaps = OverlapSerializer(many=True)
    overlaps_found = serializers.IntegerField(help_text="All of them; the first hundred are listed.")
    gaps = GapSerializer(many=True)
    lacking = GapSerializer(many=True, help_text="Leads that lack a value, and that nobody takes.")
    all_looked_at = serializers.BooleanField(help_text="False where there are more gaps than are listed.")
    problems = serializers.ListField(
        child=serializers.DictField(), help_text="What is to be put right before anything is looked at."
    )
    warnings = serializers.ListField(
        child=serializers.CharField(), help_text="What to look at twice: countries that are none."
    )


class TerritoriesView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"GET": "config:read"}

    @extend_schema(
        operation_id="routing_territories_list",
        parameters=[OpenApiParameter("draft", bool, description="Those of the draft.")],
        responses={200: TerritoriesSerializer},
    )
    def get(self, request: Request) -> Response:
        """The territories in force, or of the draft, with their overlaps and gaps."""
        known_query(request, "draft")
        if _flag(request, "draft"):
            version = versions.open_draft(RuleSetVersion)
            missing = "There is no draft."
        else:
            version = versions.version_in_force(RuleSetVersion, self.clock())
            missing = "No routing rules are published yet."
        if version is None:
            raise NotFound(missing)
        rows = rows_of(version.content)
        problems = broken_territories(version.content, pool_states())
        found = cover([] if problems else rows)
        return Response(
            {
                "number": version.number,
                "revision": version.revision,
                "first_wins": first_wins(version.content),
                "results": rows,
                "overlaps": [
                    {"territories": list(each.names), "example": each.example} for each in found.overlaps
                ],
                "overlaps_found": found.overlaps_found,
                "gaps": _gaps(found.gaps),
                "lacking": _gaps(list(found.unknown.values())),
                "all_looked_at": found.all_looked_at,
                "problems": [error.as_dict() for error in problems],
                "warnings": territory_warnings(version.content),
            }
        )


def _gaps(found: Sequence[Gap]) -> list[dict[str, Any]]:
    return [{"values": gap.values, "example": gap.example, "is_named": gap.is_named} for gap in found]


class TerritoryImportView(TenantAPIView):
    idempotent = True
    parser_classes = [CsvFileParser, MultiPartParser]
    scopes: ClassVar[Mapping[str, str]] = {"POST": "config:write"}

    @extend_schema(
        operation_id="routing_territories_import",
        parameters=[
            OpenApiParameter(
                "revision", int, description="Of the draft that you saw; left out to begin a draft."
            ),
            OpenApiParameter("replace", bool, description="In place of those that are there."),
        ],
        request={"text/csv": str, "multipart/form-data": {"type": "object"}},
        responses={200: RulesSerializer},
    )
    def post(self, request: Request) -> Response:
        """Take territories over from a CSV file into the draft: all of them, or none. 400 with every line
        that is wrong; 409 where somebody saved the draft since `revision`."""
        known_query(request, "revision", "replace")
        said = request.query_params.get("revision")
        if said is not None and not (said.isascii() and said.isdigit() and len(said) < 10):
            raise ValidationFailed.at("/revision", "A whole number is wanted.", "wrong_type")
        data = uploaded_file(request, at_most=MOST_BYTES)
        sent = read_file(data, pool_states())
        draft = versions.open_draft(RuleSetVersion)
        base = draft or versions.version_in_force(RuleSetVersion, self.clock())
        content = base.content if base else first_content()
        rows = merged(rows_of(content), sent, replace=_flag(request, "replace"))
        found = versions.write_draft(
            RuleSetVersion,
            content=with_territories(content, rows),
            revision=int(said) if said else None,
            actor=self.actor,
            now=self.clock(),
        )
        return Response(version_document(found))


def _flag(request: Request, name: str) -> bool:
    said = request.query_params.get(name, "false")
    if said not in ("true", "false"):
        raise ValidationFailed.at(f"/{name}", "true or false is wanted.", "wrong_type")
    return said == "true"
