"""The shapes of typed leads over the API: see `typed`."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from handoff.simulation import typed
from leads.criteria import FLAGS
from leads.incoming import MAX_BIG_INTEGER, MAX_INTEGER


def _text(limit: int, help_text: str = "") -> serializers.CharField:
    return serializers.CharField(
        max_length=limit, required=False, allow_blank=True, allow_null=True, help_text=help_text
    )


def _number(most: int) -> serializers.IntegerField:
    return serializers.IntegerField(min_value=0, max_value=most, required=False, allow_null=True)


class TypedEngagementSerializer(serializers.Serializer[Any]):
    """Something that the lead did."""

    kind = serializers.CharField(max_length=typed.KIND_LIMIT)
    subject = _text(typed.SUBJECT_LIMIT)
    minutes_ago = serializers.IntegerField(
        min_value=0, max_value=typed.LONGEST_AGO, required=False, help_text="Before it comes; 0 unless given."
    )


class TypedAccountSerializer(serializers.Serializer[Any]):
    """The lead's company as it is known."""

    name = _text(typed.ACCOUNT_TEXTS["name"])
    domain = _text(typed.ACCOUNT_TEXTS["domain"])
    employees = _number(MAX_INTEGER)
    revenue = _number(MAX_BIG_INTEGER)
    industry = _text(typed.ACCOUNT_TEXTS["industry"])
    country = _text(typed.ACCOUNT_TEXTS["country"])
    region = _text(typed.ACCOUNT_TEXTS["region"])
    owner = _text(254, "Id or e-mail of the member who owns the account.")

    def get_fields(self) -> dict[str, Any]:
        flags = {flag: serializers.BooleanField(required=False) for flag in FLAGS}
        return {**super().get_fields(), **flags}


class TypedLeadSerializer(serializers.Serializer[Any]):
    """A lead as somebody types it; what is left out is not known."""

    email = _text(typed.LEAD_TEXTS["email"])
    first_name = _text(typed.LEAD_TEXTS["first_name"])
    last_name = _text(typed.LEAD_TEXTS["last_name"])
    title = _text(typed.LEAD_TEXTS["title"])
    phone = _text(typed.LEAD_TEXTS["phone"])
    country = _text(typed.LEAD_TEXTS["country"])
    region = _text(typed.LEAD_TEXTS["region"])
    postal_code = _text(typed.LEAD_TEXTS["postal_code"])
    source = _text(typed.LEAD_TEXTS["source"])  # type: ignore[assignment]
    campaign = _text(typed.LEAD_TEXTS["campaign"])
    channel = _text(typed.LEAD_TEXTS["channel"])
    score = serializers.IntegerField(
        min_value=-MAX_INTEGER, max_value=MAX_INTEGER, required=False, allow_null=True
    )
    company_name = _text(typed.LEAD_TEXTS["company_name"])
    stage = _text(typed.OUTSIDE_TEXTS["stage"], "What another system calls its stage.")
    system = _text(typed.OUTSIDE_TEXTS["system"], "Which system says so: hubspot, salesforce or another.")
    account = TypedAccountSerializer(required=False, allow_null=True)
    engagements = serializers.ListField(
        child=TypedEngagementSerializer(), max_length=typed.MOST_ENGAGEMENTS, required=False
    )
