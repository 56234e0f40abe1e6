"""The API about accounts: what the company is to us, which criteria and routing rules ask about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.errors import ValidationFailed
from leads import strict
from leads.account_edit import FIELDS, FLAGS, change_account, find_accounts, get_account
from leads.models import Account
from tenants.selectors import find_member
from web.api import TenantAPIView
from web.pagination import api_page, known_query


class AccountChangeSerializer(serializers.Serializer[Any]):
    """Members that are left out stay as they are; null empties a number or the owner."""

    name = serializers.CharField(required=False, max_length=200)
    domain = serializers.CharField(required=False, allow_blank=True, max_length=253)
    website = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=300,
        help_text="At another domain it names the account too.",
    )
    employees = serializers.IntegerField(
        required=False, allow_null=True, min_value=0, max_value=2_147_483_647
    )
    revenue = serializers.IntegerField(required=False, allow_null=True, min_value=0, max_value=2**63 - 1)
    industry = serializers.CharField(required=False, allow_blank=True, max_length=80)
    country = serializers.CharField(required=False, allow_blank=True, max_length=60)
    region = serializers.CharField(required=False, allow_blank=True, max_length=60)
    owner = serializers.CharField(
        required=False, allow_null=True, max_length=254, help_text="Id or e-mail of a member."
    )
    tier = serializers.CharField(required=False, allow_blank=True, max_length=40)
    parent = serializers.CharField(  # type: ignore[assignment]
        required=False, allow_null=True, max_length=36, help_text="Id of the account above."
    )
    is_customer = serializers.BooleanField(required=False)
    is_partner = serializers.BooleanField(required=False)
    is_competitor = serializers.BooleanField(required=False)
    has_open_opportunity = serializers.BooleanField(required=False)
    is_named = serializers.BooleanField(required=False)


class AccountPatchSerializer(AccountChangeSerializer):
    seen = AccountChangeSerializer(
        required=False,
        help_text="Values as you read them: 409 where one that you change has another by now. "
        "Without it nobody looks.",
    )


class AccountOutSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    domain = serializers.CharField(allow_blank=True)
    website = serializers.CharField(allow_blank=True)
    employees = serializers.IntegerField(allow_null=True)
    revenue = serializers.IntegerField(allow_null=True)
    industry = serializers.CharField(allow_blank=True)
    country = serializers.CharField(allow_blank=True)
    region = serializers.CharField(allow_blank=True)
    owner = serializers.UUIDField(allow_null=True)
    tier = serializers.CharField(allow_blank=True)
    parent = serializers.UUIDField(allow_null=True)  # type: ignore[assignment]
    merged_into = serializers.UUIDField(
        allow_null=True, help_text="The account that it became part of, or of which it is another name."
    )
    is_customer = serializers.BooleanField()
    is_partner = serializers.BooleanField()
    is_competitor = serializers.BooleanField()
    has_open_opportunity = serializers.BooleanField()
    is_named = serializers.BooleanField()
    created_at = serializers.DateTimeField()


class AccountListSerializer(serializers.Serializer[Any]):
    results = AccountOutSerializer(many=True)
    next = serializers.CharField(allow_null=True)


_read: Callable[..., dict[str, Any]] = strict.reader_of(AccountPatchSerializer)


_REFERENCES = {"owner": "a member, nor an e-mail of one", "parent": "an account"}


def _id_of(name: str, text: str) -> UUID:
    if name == "owner" and "@" in text:
        return find_member(text, path="/owner").id
    try:
        return UUID(text)
    except ValueError:
        message = f"This is no id of {_REFERENCES[name]}."
        raise ValidationFailed.at(f"/{name}", message, "invalid") from None


def _document(account: Account) -> dict[str, Any]:
    names = [name for name in FIELDS if name not in _REFERENCES]
    return {
        "id": account.id,
        **{name: getattr(account, name) for name in names},
        "owner": account.owner_id,
        "parent": account.parent_id,
        "merged_into": account.merged_into_id,
        "created_at": account.created_at,
    }


class AccountsView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"GET": "leads:read"}

    @extend_schema(
        operation_id="accounts_list",
        parameters=[
            OpenApiParameter("q", str, description="Beginning of the name or the domain."),
            OpenApiParameter("flag", str, enum=list(FLAGS)),
            OpenApiParameter("cursor", str),
            OpenApiParameter("limit", int),
        ],
        responses={200: AccountListSerializer},
    )
    def get(self, request: Request) -> Response:
        """Accounts by name."""
        known_query(request, "q", "flag", "cursor", "limit")
        flag = request.query_params.get("flag", "")
        if flag and flag not in FLAGS:
            raise ValidationFailed.at("/flag", f"Use one of: {', '.join(FLAGS)}.", "invalid_choice")
        text = request.query_params.get("q", "")[:200]
        rows, following = api_page(request, find_accounts(text=text, flag=flag), order=("name", "id"))
        return Response({"results": [_document(each) for each in rows], "next": following})


class OneAccountView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"GET": "leads:read", "PATCH": "leads:write"}

    @extend_schema(operation_id="accounts_retrieve", responses={200: AccountOutSerializer})
    def get(self, request: Request, account_id: UUID) -> Response:
        """One account."""
        return Response(_document(get_account(account_id=account_id)))

    @extend_schema(
        operation_id="accounts_change",
        request=AccountPatchSerializer,
        responses={200: AccountOutSerializer},
    )
    def patch(self, request: Request, account_id: UUID) -> Response:
        """Change what is known of an account. Leads are judged by it from their next arrival on."""
        said = strict.read(_read, request.data)
        given: dict[str, Any] = dict(request.data)  # an object, since it was read
        seen = _with_nulls(given.pop("seen", None) or {}, said.pop("seen", {}))
        if not given:
            fields = ", ".join(FIELDS)
            raise ValidationFailed.at("", f"Send at least one field to change: {fields}.", "required")
        account, _ = change_account(
            account_id=account_id,
            changes=_with_nulls(given, said),
            seen=seen,
            actor=self.actor,
            now=self.clock(),
        )
        return Response(_document(account))


def _with_nulls(given: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    """What was read, with the members that were null, which the reader leaves out."""
    found = {**{name: None for name in given if given[name] is None}, **said}
    for name in _REFERENCES:
        if found.get(name) is not None:
            found[name] = _id_of(name, found[name])
    return found
