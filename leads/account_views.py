"""The accounts: a list to search, and a form for what the company is to us."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from core.errors import Conflict, StaleVersion, ValidationFailed
from leads.account_compare import open_pairs
from leads.account_edit import FIELDS, FLAGS, account_called, change_account, find_accounts, get_account
from leads.account_facts import lists_of_account
from leads.account_merge import UNDO_FOR, merges_of
from leads.models import Account, AccountMerge, Lead
from tenants.audit import member_actor
from tenants.auth import member_required
from tenants.clock import database_clock
from tenants.models import Member, Role
from tenants.numbers import IntegerField
from tenants.refusals import status_of, take_errors
from tenants.requests import TenantRequest
from tenants.selectors import active_members
from web.pagination import next_url, page_of
from web.seen import RemembersSeen

_MOST = 9_223_372_036_854_775_807  # what the column of revenues holds
_MOST_PEOPLE = 2_147_483_647  # and that of employees


class AccountForm(RemembersSeen, forms.ModelForm):  # type: ignore[type-arg]  # it takes none when it runs
    """Empty numbers are not known. What its author did not touch is not written."""

    owner = forms.ChoiceField(
        label="Owner", required=False, help_text="Whose account it is; routing rules may ask."
    )
    website = forms.CharField(
        label="Website",
        required=False,
        max_length=300,
        help_text="At another domain it names the account too: who comes from there joins it.",
    )
    tier = forms.CharField(
        label="Account tier", required=False, max_length=40, help_text="As you call it: A, 1, strategic."
    )
    parent = forms.CharField(
        label="Parent account",
        required=False,
        max_length=253,
        help_text="The company above it, by domain or by its name as it stands here.",
    )
    employees = IntegerField(label="Employees", required=False, min_value=0, max_value=_MOST_PEOPLE)
    revenue = IntegerField(label="Revenue a year", required=False, min_value=0, max_value=_MOST)

    class Meta:
        model = Account
        fields = FIELDS
        labels = {**FLAGS}

    def __init__(self, *args: Any, people: Sequence[Member], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.people = people
        named = [(str(person.id), person.name) for person in people]
        owner = self.instance.owner
        if owner is not None and str(owner.id) not in dict(named):
            named.append((str(owner.id), f"{owner.name} (not active)"))
        field: Any = self.fields["owner"]
        field.choices = [("", "nobody"), *named]
        self.initial["owner"] = str(self.instance.owner_id or "")
        parent = self.instance.parent
        self.initial["parent"] = (parent.domain or parent.name) if parent is not None else ""
        self.remember()

    def clean_owner(self) -> UUID | None:
        chosen = self.cleaned_data["owner"]
        return UUID(chosen) if chosen else None

    def clean_parent(self) -> UUID | None:
        try:
            found = account_called(self.cleaned_data["parent"], "/parent")
        except ValidationFailed as refusal:
            raise ValidationError(refusal.message) from refusal
        return found.id if found else None

    def said(self) -> dict[str, Any]:
        """What the author changed, by field; the form is valid."""
        return {name: self.cleaned_data[name] for name in self.changes}

    def was(self) -> dict[str, Any]:
        """What the author saw, as the service has it."""
        found = self.values_seen()
        if "owner" in found:
            found["owner"] = found["owner"] or None
        if "parent" in found:
            with suppress(ValidationFailed):  # one that is called otherwise by now: nobody looks
                above = account_called(str(found.pop("parent") or ""), "/parent")
                found["parent"] = above.id if above else None
        return found

    def read_again(self, account: Account) -> None:
        """Take what stands there now for what the author has seen: the page shows them what changed."""
        fresh = type(self)(instance=account, people=self.people)
        self.data = {**self.data.dict(), "seen": fresh.initial["seen"]}  # type: ignore[attr-defined]

    def _post_clean(self) -> None:
        """The service checks and writes; the instance stays what the page was made from."""


@never_cache
@require_safe
@member_required(Role.MARKETING, Role.MANAGER, Role.REP, Role.EXECUTIVE)
def accounts(request: TenantRequest) -> HttpResponse:
    """GET /accounts?q=&flag=: by name, those whose name or domain begins with the text."""
    text, flag = request.GET.get("q", "")[:200], request.GET.get("flag", "")
    found = find_accounts(text=text, flag=flag)
    page = page_of(found, cursor=request.GET.get("cursor", ""), order=("name", "id"))
    for account in page.rows:
        account.said = [label for name, label in FLAGS.items() if getattr(account, name)]
    context = {
        "found": page.rows,
        "following": next_url(request, page.next),
        "text": text,
        "flag": flag if flag in FLAGS else "",
        "flags": FLAGS.items(),
        "asked": open_pairs().count() if may_edit(request.member) else 0,
        "may_edit": may_edit(request.member),
    }
    return render(request, "leads/accounts.html", context)


def may_edit(member: Member) -> bool:
    """Does this person keep accounts and lists?"""
    return member.role in (Role.ADMIN, Role.MARKETING, Role.MANAGER)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.MARKETING, Role.MANAGER, Role.REP, Role.EXECUTIVE)
def account(request: TenantRequest, account_id: UUID) -> HttpResponse:
    """GET, POST /accounts/<id>: what the company is to us. Reps and executives read it."""
    if not may_edit(request.member):
        return _to_read(request, account_id)
    found = get_account(account_id=account_id)
    people = active_members(tenant=request.tenant)
    if found.merged_into is not None and request.method == "POST":
        raise Conflict(f"This account was merged into {found.merged_into.name}. Change that one.")
    form = AccountForm(request.POST if request.method == "POST" else None, instance=found, people=people)
    stale: dict[str, Any] | None = None
    if request.method == "POST" and form.is_valid():
        try:
            saved, changed = change_account(
                account_id=found.id,
                changes=form.said(),
                seen=form.was(),
                actor=member_actor(request.member),
                now=database_clock(),
            )
        except StaleVersion as refusal:
            stale = {"text": refusal.message, "changes": _in_words(form, refusal.data["changes"])}
            form.read_again(get_account(account_id=found.id))
        except ValidationFailed as refusal:
            take_errors(form, refusal)
        else:
            said = f"{saved.name} is saved." if changed else "Nothing was changed."
            messages.success(request, said)
            return redirect("leads:accounts")
    context = {
        "form": form,
        "stale": stale,
        "leads": Lead.objects.filter(account=found).count(),
        "crumbs": _crumbs(found),
        **around(found),
    }
    status = 409 if stale else status_of(form)
    return render(request, "leads/account.html", context, status=status)


def _crumbs(found: Account) -> list[dict[str, str]]:
    return [{"label": "Accounts", "url": reverse("leads:accounts")}, {"label": found.name, "url": ""}]


def _to_read(request: TenantRequest, account_id: UUID) -> HttpResponse:
    """The account without its form. How many leads are there is not told: a rep reads their own alone, which
    the search of the account's leads keeps to.
    """
    if request.method == "POST":
        raise PermissionDenied("Your role may not do this.")
    found = get_account(account_id=account_id)
    context = {
        "facts": _facts(found),
        "said": [label for name, label in FLAGS.items() if getattr(found, name)],
        "own": request.member.role == Role.REP,
        "crumbs": _crumbs(found),
        **around(found),
    }
    return render(request, "leads/account_read.html", context)


def _facts(found: Account) -> list[tuple[str, str]]:
    """What is known of an account, by what the form calls it."""

    def number(value: int | None) -> str:
        return "" if value is None else f"{value:,}"

    return [
        ("Domain", found.domain),
        ("Website", found.website),
        ("Industry", found.industry),
        ("Employees", number(found.employees)),
        ("Revenue a year", number(found.revenue)),
        ("Country", found.country),
        ("Region", found.region),
        ("Owner", found.owner.name if found.owner else "Nobody"),
        ("Account tier", found.tier),
    ]


def around(found: Account) -> dict[str, Any]:
    """What stands beside the form: the account's names, lists, merges, and what is below it."""
    beside = list(Account.objects.filter(Q(merged_into=found) | Q(parent=found)).order_by("name", "id")[:200])
    names = [each for each in beside if each.merged_into_id == found.id]
    merges = {merge.loser_id: merge for merge in merges_of(found.id)} if names else {}
    now = database_clock() if merges else None
    return {
        "account": found,
        "names": [
            {"row": row, "merge": (merge := merges.get(row.id)), "undo": _undo_until(merge, now)}
            for row in names
        ],
        "below": [each for each in beside if each.merged_into_id is None],
        "lists": lists_of_account(found, names),
    }


def _undo_until(merge: AccountMerge | None, now: datetime | None) -> datetime | None:
    """Until when a merge can be undone; None where that is over."""
    if merge is None or now is None:
        return None
    until = merge.at + UNDO_FOR
    return until if until >= now else None


def _in_words(form: AccountForm, changes: Sequence[Mapping[str, Any]]) -> list[str]:
    """What somebody else changed, a sentence each: "Employees was 50 and is 60 now."."""
    names = {str(person.id): person.name for person in form.people}
    above = [each[side] for each in changes if each["field"] == "parent" for side in ("before", "after")]
    names |= {str(each.id): each.name for each in Account.objects.filter(id__in=filter(None, above))}

    def told(value: Any) -> str:
        if isinstance(value, bool):
            return "yes" if value else "no"
        return "empty" if value in (None, "") else names.get(str(value), str(value))

    return [
        f"{form.fields[each['field']].label} was {told(each['before'])} and is {told(each['after'])} now."
        for each in changes
    ]
