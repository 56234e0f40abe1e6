"""The accounts: a list to search, and a form for what the company is to us."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from core.errors import StaleVersion, ValidationFailed
from leads.account_edit import FIELDS, FLAGS, change_account, find_accounts, get_account
from leads.models import Account, Lead
from tenants.audit import member_actor
from tenants.auth import member_required
from tenants.clock import database_clock
from tenants.models import Member, Role
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
    employees = forms.IntegerField(label="Employees", required=False, min_value=0, max_value=_MOST_PEOPLE)
    revenue = forms.IntegerField(label="Revenue a year", required=False, min_value=0, max_value=_MOST)

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
        self.remember()

    def clean_owner(self) -> UUID | None:
        chosen = self.cleaned_data["owner"]
        return UUID(chosen) if chosen else None

    def said(self) -> dict[str, Any]:
        """What the author changed, by field; the form is valid."""
        return {name: self.cleaned_data[name] for name in self.changes}

    def was(self) -> dict[str, Any]:
        """What the author saw, as the service has it."""
        found = self.values_seen()
        return {**found, "owner": found["owner"] or None} if "owner" in found else found

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
    }
    return render(request, "leads/accounts.html", context)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.MARKETING, Role.MANAGER)
def account(request: TenantRequest, account_id: UUID) -> HttpResponse:
    """GET, POST /accounts/<id>: what the company is to us."""
    found = get_account(account_id=account_id)
    people = active_members(tenant=request.tenant)
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
    crumbs = [
        {"label": "Accounts", "url": reverse("leads:accounts")},
        {"label": found.name, "url": ""},
    ]
    leads = Lead.objects.filter(account=found).count()
    context = {"account": found, "leads": leads, "form": form, "stale": stale, "crumbs": crumbs}
    status = 409 if stale else status_of(form)
    return render(request, "leads/account.html", context, status=status)


def _in_words(form: AccountForm, changes: Sequence[Mapping[str, Any]]) -> list[str]:
    """What somebody else changed, a sentence each: "Employees was 50 and is 60 now."."""
    names = {str(person.id): person.name for person in form.people}

    def told(value: Any) -> str:
        if isinstance(value, bool):
            return "yes" if value else "no"
        return "empty" if value in (None, "") else names.get(str(value), str(value))

    return [
        f"{form.fields[each['field']].label} was {told(each['before'])} and is {told(each['after'])} now."
        for each in changes
    ]
