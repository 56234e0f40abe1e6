"""The API about ways to start a policy: presets, and proposals from the organisation's own history."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.errors import ValidationFailed
from leads import strict
from sla import own_history, presets
from sla.imported_history import Imported
from sla.own_history import FEWEST_DAYS, MOST_DAYS, USUAL_DAYS, OwnHistory, TargetProposal
from sla.policy_api import PolicySerializer, policy_document
from sla.policy_changes import changes
from sla.policy_drafts import base_content, with_proposals, write_draft
from web.api import TenantAPIView
from web.pagination import known_query

_DURATION: Final = "As a policy writes it, such as {minutes: 60} or {business_days: 1}."


class PresetChoiceSerializer(serializers.Serializer[Any]):
    key = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    duration = serializers.DictField(help_text=_DURATION)
    benchmark = serializers.CharField(help_text="What is published about it, in a sentence.")
    source = serializers.CharField(  # type: ignore[assignment]
        allow_blank=True, help_text="Whose, and of which year; blank for none."
    )


class PresetCadenceSerializer(PresetChoiceSerializer):
    count = serializers.IntegerField(help_text="Attempts by people; 0 promises none.")
    channels = serializers.IntegerField()


class TierPresetSerializer(serializers.Serializer[Any]):
    slug = serializers.CharField()
    name = serializers.CharField()
    engagement = serializers.CharField(allow_null=True, help_text="Whom it is for; null is everybody else.")
    choices = PresetChoiceSerializer(many=True, help_text="The usual one first.")


class PresetsSerializer(serializers.Serializer[Any]):
    tiers = TierPresetSerializer(many=True)
    decision = PresetChoiceSerializer()
    cadences = PresetCadenceSerializer(many=True, help_text="The usual one first.")
    target_percent = serializers.IntegerField(help_text="Share of promises that is to be kept,")
    target_days = serializers.IntegerField(help_text="within so many days of going live.")


class PresetInSerializer(serializers.Serializer[Any]):
    speeds = serializers.DictField(
        required=False, help_text="Key of a choice by tier; the usual one for what is left out."
    )
    cadence = serializers.CharField(required=False, help_text="Key of a cadence; the usual one unless said.")
    revision = serializers.IntegerField(
        required=False, min_value=1, help_text="Of the open draft that this replaces; left out to begin one."
    )


class ChangedDraftSerializer(PolicySerializer):
    changed = serializers.ListField(
        child=serializers.CharField(),
        help_text="What it replaced, against the draft or else the version in force, in words.",
    )


class ProposalTallySerializer(serializers.Serializer[Any]):
    duration = serializers.DictField(allow_null=True, help_text=_DURATION)
    kept = serializers.IntegerField()
    base = serializers.IntegerField(help_text="How many count.")
    percent = serializers.FloatField(allow_null=True)


class ProposalLeftOutSerializer(serializers.Serializer[Any]):
    open = serializers.IntegerField(help_text="Still open, and younger than the duration.")
    closed = serializers.IntegerField(help_text="Closed before the duration was over, without an answer.")
    paused = serializers.IntegerField(help_text="Still open, and paused now or before.")


class ProposalImportSerializer(serializers.Serializer[Any]):
    first = serializers.DateField()
    last = serializers.DateField()
    leads = serializers.IntegerField()
    unknown = serializers.IntegerField(help_text="Left out: days without a time, or an unknown end.")


class TargetProposalSerializer(serializers.Serializer[Any]):
    tier = serializers.CharField()
    tier_name = serializers.CharField()
    target = serializers.CharField()
    clock = serializers.CharField(help_text="business or wall.")
    present = serializers.DictField(help_text="What the policy promises now.")
    leads = serializers.IntegerField(help_text="Of this tier and target in the time looked at.")
    basis = serializers.ChoiceField(
        choices=["own", "imported"],
        help_text="own clocks; imported: too few of them count, so it is of imported history, all tiers.",
    )
    imported = ProposalImportSerializer(allow_null=True)
    enough = serializers.BooleanField(help_text="Whether enough of them count to say anything.")
    proposed = serializers.DictField(allow_null=True, help_text="The tightest duration kept often enough.")
    evidence = ProposalTallySerializer(
        help_text="Against the proposed duration, else the longest that was tried."
    )
    left_out = ProposalLeftOutSerializer()
    tighter = ProposalTallySerializer(allow_null=True, help_text="The next tighter value: kept too seldom.")
    goal = serializers.DictField(allow_null=True, help_text="The usual promise, where there is one.")
    steps = serializers.ListField(
        child=serializers.DictField(), help_text="The way to the goal, one duration a quarter."
    )
    text = serializers.CharField(help_text="The same in sentences.")


class OwnHistorySerializer(serializers.Serializer[Any]):
    days = serializers.IntegerField()
    since = serializers.DateTimeField()
    target_percent = serializers.IntegerField(help_text="Of leads that must have kept a proposal.")
    business_day_seconds = serializers.IntegerField(help_text="What a business day counts as.")
    results = TargetProposalSerializer(many=True)


class ProposalInSerializer(serializers.Serializer[Any]):
    days = serializers.IntegerField(required=False, min_value=FEWEST_DAYS, max_value=MOST_DAYS)
    revision = serializers.IntegerField(
        required=False,
        min_value=1,
        help_text="Of the open draft that this changes; left out to begin one from the version in force.",
    )


_read_preset: Callable[..., dict[str, Any]] = strict.reader_of(PresetInSerializer)
_read_proposal: Callable[..., dict[str, Any]] = strict.reader_of(ProposalInSerializer)


def _choice(choice: presets.Speed | presets.Cadence) -> dict[str, Any]:
    return {
        "key": choice.key,
        "label": choice.label,
        "duration": choice.duration,
        "benchmark": choice.benchmark.said,
        "source": choice.benchmark.source,
    }


class _Drafting(TenantAPIView):
    """Base of the calls that write a whole draft."""

    def written(self, content: dict[str, Any], *, base: Mapping[str, Any], revision: int | None) -> Response:
        """Write it and answer with the draft and with what it replaced."""
        draft = write_draft(content, revision=revision, actor=self.actor, now=self.clock())
        return Response({**policy_document(draft), "changed": changes(base, draft.content)})


class PresetsView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"GET": "config:read"}

    @extend_schema(operation_id="policy_presets", responses={200: PresetsSerializer})
    def get(self, request: Request) -> Response:
        """Tiers to start a policy from: the speeds to choose from, with what is published about each."""
        return Response(
            {
                "tiers": [
                    {
                        "slug": tier.slug,
                        "name": tier.name,
                        "engagement": tier.kind or None,
                        "choices": [_choice(speed) for speed in tier.speeds],
                    }
                    for tier in presets.TIERS
                ],
                "decision": _choice(presets.DECISION),
                "cadences": [
                    {**_choice(each), "count": each.count, "channels": each.channels}
                    for each in presets.CADENCES
                ],
                "target_percent": self.tenant.target_percent,
                "target_days": presets.DAYS_TO_AIM,
            }
        )


class PresetDraftView(_Drafting):
    idempotent = True
    scopes: ClassVar[Mapping[str, str]] = {"POST": "config:write"}

    @extend_schema(
        operation_id="policy_draft_from_preset",
        request=PresetInSerializer,
        responses={200: ChangedDraftSerializer},
    )
    def post(self, request: Request) -> Response:
        """Begin a draft with the tiers of a preset, or replace those of the open draft. Ladder, responses and
        pauses stay. 409 where a draft is open that `revision` does not name.
        """
        said = strict.read(_read_preset, request.data)
        picked = presets.pick(said.get("speeds", {}), said.get("cadence"))
        base = base_content()
        return self.written(presets.content_of(picked, base), base=base, revision=said.get("revision"))


_DAYS = OpenApiParameter(
    "days",
    OpenApiTypes.INT,
    description=f"How far back to look: {FEWEST_DAYS} to {MOST_DAYS}, {USUAL_DAYS} unless said.",
)


class ProposalView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"GET": "config:read"}

    @extend_schema(operation_id="policy_proposal", parameters=[_DAYS], responses={200: OwnHistorySerializer})
    def get(self, request: Request) -> Response:
        """The tightest promise of each tier and target that enough leads kept of late, with its base, for the
        open draft or else the version in force.
        """
        known_query(request, "days")
        days = own_history.read_days(request.query_params.get("days"))
        if days is None:
            message = f"A whole number from {FEWEST_DAYS} to {MOST_DAYS}."
            raise ValidationFailed.at("/days", message, "out_of_range")
        found = own_history.own_history(
            base_content(), percent=self.tenant.target_percent, now=self.clock(), days=days
        )
        return Response(_history(found))


class ProposalDraftView(_Drafting):
    idempotent = True
    scopes: ClassVar[Mapping[str, str]] = {"POST": "config:write"}

    @extend_schema(
        operation_id="policy_draft_from_history",
        request=ProposalInSerializer,
        responses={200: ChangedDraftSerializer},
    )
    def post(self, request: Request) -> Response:
        """Put every proposed duration into the draft, or begin one with them. What nothing is proposed for
        stays. 409 where a draft is open that `revision` does not name.
        """
        said = strict.read(_read_proposal, request.data)
        base = base_content()
        found = own_history.own_history(
            base,
            percent=self.tenant.target_percent,
            now=self.clock(),
            days=said.get("days", USUAL_DAYS),
        )
        return self.written(with_proposals(base, found), base=base, revision=said.get("revision"))


def _history(found: OwnHistory) -> dict[str, Any]:
    return {
        "days": found.days,
        "since": found.since,
        "target_percent": found.percent,
        "business_day_seconds": found.day_seconds,
        "results": [_proposal(each, found) for each in found.proposals],
    }


def _proposal(each: TargetProposal, history: OwnHistory) -> dict[str, Any]:
    proposal, tally = each.proposal, each.proposal.tally
    tighter = proposal.tighter
    return {
        "tier": each.tier,
        "tier_name": each.tier_name,
        "target": each.target,
        "clock": "wall" if each.wall else "business",
        "present": each.present,
        "leads": each.clocks,
        "basis": "imported" if each.imported else "own",
        "imported": _imported(each.imported) if each.imported else None,
        "enough": proposal.enough,
        "proposed": each.found,
        "evidence": _tally(each.found, tally),
        "left_out": {"open": tally.running, "closed": tally.ended, "paused": tally.stood},
        "tighter": _tally(tighter[0].duration, tighter[1]) if tighter else None,
        "goal": each.goal,
        "steps": list(proposal.steps),
        "text": " ".join(filter(None, (own_history.said(each, history), own_history.way(each)))),
    }


def _imported(found: Imported) -> dict[str, Any]:
    return {"first": found.first, "last": found.last, "leads": found.leads, "unknown": found.unknown}


def _tally(duration: Mapping[str, int] | None, tally: Any) -> dict[str, Any]:
    return {"duration": duration, "kept": tally.kept, "base": tally.base, "percent": tally.percent}
