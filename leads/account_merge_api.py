"""The API about accounts that are one company: other names, names that are alike, merging and undoing it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from leads import strict
from leads.account_compare import (
    LOWEST,
    account_settings,
    answer_pair,
    change_account_settings,
    get_pair,
    open_pairs,
)
from leads.account_edit import get_account
from leads.account_merge import UNDO_FOR, MergePreview, merge_accounts, merges_of, preview_merge, undo_merge
from leads.account_names import add_name, names_of, remove_name
from leads.models import Account, AccountMerge, AccountPair
from web.api import TenantAPIView
from web.pagination import api_page, known_query

_SCOPES: Mapping[str, str] = {"GET": "leads:read", "POST": "leads:write", "DELETE": "leads:write"}


class NameInSerializer(serializers.Serializer[Any]):
    """One of the two, or both."""

    name = serializers.CharField(required=False, max_length=200)
    domain = serializers.CharField(required=False, max_length=253)


class NameSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    domain = serializers.CharField(allow_blank=True)


class NamesSerializer(serializers.Serializer[Any]):
    results = NameSerializer(many=True)


class MergeInSerializer(serializers.Serializer[Any]):
    into = serializers.UUIDField(help_text="The account that stays.")
    dry_run = serializers.BooleanField(required=False, help_text="Only say what it would do.")


class MergeSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField(allow_null=True, help_text="Null for a dry run.")
    into = serializers.UUIDField()
    account = serializers.UUIDField()
    leads = serializers.IntegerField()
    subsidiaries = serializers.IntegerField()
    names = serializers.IntegerField()
    fields = serializers.DictField(help_text="What the account that stays takes over.")  # type: ignore[assignment]
    at = serializers.DateTimeField(allow_null=True)
    undo_until = serializers.DateTimeField(allow_null=True)
    undone_at = serializers.DateTimeField(allow_null=True)


class MergesSerializer(serializers.Serializer[Any]):
    results = MergeSerializer(many=True)


class PairSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    accounts = NameSerializer(many=True)
    likeness = serializers.IntegerField(help_text="In percent.")
    state = serializers.ChoiceField(AccountPair.State.choices)


class PairsSerializer(serializers.Serializer[Any]):
    results = PairSerializer(many=True)
    next = serializers.CharField(allow_null=True)


class AnswerSerializer(serializers.Serializer[Any]):
    answer = serializers.ChoiceField(["same", "different"])
    keep = serializers.UUIDField(
        required=False, help_text="Which of the two stays; else the one with a domain, or more leads."
    )


class AlikeSerializer(serializers.Serializer[Any]):
    suggest = serializers.BooleanField()
    threshold = serializers.IntegerField(min_value=LOWEST, max_value=100, help_text="In percent.")


_read_name: Callable[..., dict[str, Any]] = strict.reader_of(NameInSerializer)
_read_merge: Callable[..., dict[str, Any]] = strict.reader_of(MergeInSerializer)
_read_answer: Callable[..., dict[str, Any]] = strict.reader_of(AnswerSerializer)
_read_alike: Callable[..., dict[str, Any]] = strict.reader_of(AlikeSerializer)


def _name(row: Account) -> dict[str, Any]:
    return {"id": row.id, "name": row.name, "domain": row.domain}


def _merge(merge: AccountMerge) -> dict[str, Any]:
    moved = merge.moved
    return {
        "id": merge.id,
        "into": merge.winner_id,
        "account": merge.loser_id,
        **{name: len(moved.get(name, [])) for name in ("leads", "subsidiaries", "names")},
        "fields": {name.removesuffix("_id"): after for name, (_, after) in moved.get("filled", {}).items()},
        "at": merge.at,
        "undo_until": merge.at + UNDO_FOR,
        "undone_at": merge.undone_at,
    }


def _planned(preview: MergePreview) -> dict[str, Any]:
    return {
        "id": None,
        "into": preview.winner.id,
        "account": preview.loser.id,
        "leads": preview.leads,
        "subsidiaries": len(preview.subsidiaries),
        "names": len(preview.names),
        "fields": {name.removesuffix("_id"): after for name, (_, after) in preview.filled.items()},
        "at": None,
        "undo_until": None,
        "undone_at": None,
    }


def _pair(pair: AccountPair) -> dict[str, Any]:
    return {
        "id": pair.id,
        "accounts": [_name(pair.first), _name(pair.second)],
        "likeness": pair.likeness,
        "state": pair.state,
    }


class AccountNamesView(TenantAPIView):
    idempotent = True
    scopes: ClassVar[Mapping[str, str]] = _SCOPES

    @extend_schema(operation_id="account_names_list", responses={200: NamesSerializer})
    def get(self, request: Request, account_id: UUID) -> Response:
        """Other names and domains of an account, with what was merged into it."""
        account = get_account(account_id=account_id)
        return Response({"results": [_name(row) for row in names_of([account.id])[account.id]]})

    @extend_schema(
        operation_id="account_names_add", request=NameInSerializer, responses={201: NameSerializer}
    )
    def post(self, request: Request, account_id: UUID) -> Response:
        """Another name or domain: whoever comes in under it joins the account at once."""
        said = strict.read(_read_name, request.data)
        return Response(
            _name(add_name(account_id=account_id, actor=self.actor, now=self.clock(), **said)), 201
        )


class OneAccountNameView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = _SCOPES

    @extend_schema(operation_id="account_names_remove", responses={204: None})
    def delete(self, request: Request, account_id: UUID, name_id: UUID) -> Response:
        """Take a name or domain away. Leads that came under it stay; 409 for an account that was merged
        in."""
        remove_name(account_id=account_id, name_id=name_id, actor=self.actor, now=self.clock())
        return Response(status=204)


class AccountMergesView(TenantAPIView):
    idempotent = True
    scopes: ClassVar[Mapping[str, str]] = _SCOPES

    @extend_schema(operation_id="account_merges_list", responses={200: MergesSerializer})
    def get(self, request: Request, account_id: UUID) -> Response:
        """What was merged into an account and still is, the latest first."""
        account = get_account(account_id=account_id)
        return Response({"results": [_merge(each) for each in merges_of(account.id)]})

    @extend_schema(
        operation_id="account_merge",
        request=MergeInSerializer,
        responses={200: MergeSerializer, 201: MergeSerializer},
    )
    def post(self, request: Request, account_id: UUID) -> Response:
        """Merge an account into another: its leads, names and subsidiaries move. 400 for two that cannot be
        one, 409 where one of them was merged meanwhile."""
        said = strict.read(_read_merge, request.data)
        get_account(account_id=account_id)
        if said.get("dry_run"):
            return Response(_planned(preview_merge(winner_id=said["into"], loser_id=account_id)))
        made = merge_accounts(winner_id=said["into"], loser_id=account_id, actor=self.actor, now=self.clock())
        return Response(_merge(made), 201)


class UndoMergeView(TenantAPIView):
    idempotent = True
    scopes: ClassVar[Mapping[str, str]] = _SCOPES

    @extend_schema(operation_id="account_merge_undo", request=None, responses={200: MergeSerializer})
    def post(self, request: Request, account_merge_id: UUID) -> Response:
        """Make two accounts of one again, within 30 days. Leads that came in since stay."""
        return Response(_merge(undo_merge(merge_id=account_merge_id, actor=self.actor, now=self.clock())))


class AlikeView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = _SCOPES

    @extend_schema(
        operation_id="accounts_alike_list",
        parameters=[OpenApiParameter("cursor", str), OpenApiParameter("limit", int)],
        responses={200: PairsSerializer},
    )
    def get(self, request: Request) -> Response:
        """Pairs of accounts that may be one company and wait for an answer, the most alike first."""
        known_query(request, "cursor", "limit")
        rows, following = api_page(request, open_pairs(), order=("-likeness", "-id"))
        return Response({"results": [_pair(each) for each in rows], "next": following})


class AnswerAlikeView(TenantAPIView):
    idempotent = True
    scopes: ClassVar[Mapping[str, str]] = _SCOPES

    @extend_schema(
        operation_id="accounts_alike_answer", request=AnswerSerializer, responses={200: PairSerializer}
    )
    def post(self, request: Request, account_pair_id: UUID) -> Response:
        """Say whether two accounts are one company, which merges them, or two, which is remembered."""
        said = strict.read(_read_answer, request.data)
        get_pair(pair_id=account_pair_id)
        pair = answer_pair(
            pair_id=account_pair_id,
            same=said["answer"] == "same",
            keep_id=said.get("keep"),
            actor=self.actor,
            now=self.clock(),
        )
        return Response(_pair(pair))


class AlikeSettingsView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"GET": "config:read", "PUT": "config:write"}

    @extend_schema(operation_id="accounts_alike_settings_retrieve", responses={200: AlikeSerializer})
    def get(self, request: Request) -> Response:
        """Whether names that are alike are asked about, and from which likeness on."""
        found = account_settings()
        return Response({"suggest": found.suggest, "threshold": found.threshold})

    @extend_schema(
        operation_id="accounts_alike_settings_change",
        request=AlikeSerializer,
        responses={200: AlikeSerializer},
    )
    def put(self, request: Request) -> Response:
        """Choose when to ask. Asking more has all names compared again, by and by."""
        said = strict.read(_read_alike, request.data)
        found = change_account_settings(
            suggest=said["suggest"], threshold=said["threshold"], actor=self.actor, now=self.clock()
        )
        return Response({"suggest": found.suggest, "threshold": found.threshold})
