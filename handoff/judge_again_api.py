"""Leads judged again by the criteria in force, over the API."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.errors import ValidationFailed
from handoff.judge_again import CHANGES, MOST, MOST_TOLD, judge_again, last_leads, named_leads
from leads import strict
from web.api import TenantAPIView


class JudgeAgainInSerializer(serializers.Serializer[Any]):
    """Which leads: either of the two."""

    leads = serializers.ListField(child=serializers.UUIDField(), required=False, max_length=MOST)
    last = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=MOST,
        help_text="The last leads that are real, those heard of latest.",
    )
    dry_run = serializers.BooleanField(required=False, help_text="True: nothing of it is left.")


class JudgedLeadSerializer(serializers.Serializer[Any]):
    """A lead that is judged otherwise than it stood."""

    lead = serializers.UUIDField()
    name = serializers.CharField()
    company = serializers.CharField(allow_blank=True)
    change = serializers.ChoiceField(choices=list(CHANGES))
    needs = serializers.ListField(child=serializers.CharField(), help_text="Fields that it lacks.")
    words = serializers.CharField()
    reasons = serializers.ListField(
        child=serializers.CharField(), help_text="What keeps it from qualifying now, or kept it until now."
    )


class JudgedAgainSerializer(serializers.Serializer[Any]):
    """What judging again came to."""

    dry_run = serializers.BooleanField()
    version = serializers.IntegerField(help_text="Number of the criteria that judged.")
    leads = serializers.IntegerField(help_text="Leads that were judged.")
    with_sales = serializers.IntegerField(help_text="Leads that sales has: they were left alone.")
    ended = serializers.IntegerField(
        help_text="Leads that sales had and that did nothing since: they were left alone."
    )
    changed = serializers.IntegerField()
    counts = serializers.DictField(
        child=serializers.IntegerField(), help_text="How many changed in each way, by `change`."
    )
    handed_over = serializers.IntegerField()
    results = JudgedLeadSerializer(
        many=True, help_text=f"The first {MOST_TOLD} that change, those that go to sales first."
    )


_read: Callable[..., dict[str, Any]] = strict.reader_of(JudgeAgainInSerializer)


class JudgeAgainView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"POST": "leads:write"}

    @extend_schema(
        operation_id="criteria_judge_again",
        request=JudgeAgainInSerializer,
        responses={200: JudgedAgainSerializer},
    )
    def post(self, request: Request) -> Response:
        """Judge leads again by the criteria in force, as of now, and hand over those that qualify; leads that
        sales has, and those that it had and that did nothing since, are left alone. With `dry_run` nothing of
        it is left. 409 where no criteria are in force.
        """
        said = strict.read(_read, request.data)
        if ("leads" in said) == ("last" in said):
            raise ValidationFailed.at(
                "/leads", "Say which: `leads` by their ids, or the `last` so many.", "required"
            )
        chosen = named_leads(said["leads"]) if "leads" in said else last_leads(said["last"])
        dry_run = said.get("dry_run", False)
        found = judge_again(chosen, actor=self.actor, clock=self.clock, dry_run=dry_run)
        return Response(
            {
                "dry_run": dry_run,
                "version": found.version,
                "leads": found.leads,
                "with_sales": found.with_sales,
                "ended": found.ended,
                "changed": len(found.changed),
                "counts": found.counts,
                "handed_over": found.handed_over,
                "results": [each.as_dict() for each in found.told],
            }
        )
