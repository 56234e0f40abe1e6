"""Pages about accounts that are one company: other names, names that are alike, merging and undoing it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from core.errors import Conflict, DomainError, ValidationFailed
from leads.account_compare import (
    LOWEST,
    Suggestion,
    account_settings,
    answer_pair,
    change_account_settings,
    get_pair,
    open_pairs,
    suggestions,
)
from leads.account_edit import account_called, get_account
from leads.account_merge import (
    LABELS,
    UNDO_FOR,
    MergePreview,
    get_merge,
    merge_accounts,
    preview_merge,
    undo_merge,
)
from leads.account_names import add_name, remove_name
from leads.account_views import around
from leads.list_use import uses_of
from leads.models import Account
from tenants.audit import member_actor
from tenants.auth import member_required
from tenants.clock import database_clock
from tenants.models import Member, Role
from tenants.numbers import IntegerField
from tenants.refusals import status_of, status_of_refusal, take_errors
from tenants.requests import TenantRequest
from web.pagination import next_url, page_of

_editors = member_required(Role.MARKETING, Role.MANAGER)


class AlikeForm(forms.Form):
    """Whether names that are alike are asked about, and from when on."""

    suggest = forms.BooleanField(label="Ask about names that are alike", required=False)
    threshold = IntegerField(
        label="From this likeness on, in percent",
        min_value=LOWEST,
        max_value=100,
        help_text="80 finds one wrong letter in five. A higher one asks less often.",
    )


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@_editors
def review(request: TenantRequest) -> HttpResponse:
    """GET, POST /accounts/review: pairs that may be one company, the most alike first; POST chooses when to
    ask."""
    chosen = account_settings()
    initial = {"suggest": chosen.suggest, "threshold": chosen.threshold}
    form = AlikeForm(request.POST if request.method == "POST" else None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            change_account_settings(
                suggest=form.cleaned_data["suggest"],
                threshold=form.cleaned_data["threshold"],
                actor=member_actor(request.member),
                now=database_clock(),
            )
        except ValidationFailed as refusal:
            take_errors(form, refusal)
        else:
            messages.success(request, "Saved. Names are compared by and by.")
            return redirect("leads:account_review")
    page = page_of(open_pairs(), cursor=request.GET.get("cursor", ""), order=("-likeness", "-id"), size=20)
    context = {
        "rows": [_shown(each) for each in suggestions(page.rows)],
        "following": next_url(request, page.next),
        "form": form,
        "undo_days": UNDO_FOR.days,
        "crumbs": [{"label": "Accounts", "url": reverse("leads:accounts")}, {"label": "Alike", "url": ""}],
    }
    return render(request, "leads/account_review.html", context, status=status_of(form))


def _shown(each: Suggestion) -> dict[str, Any]:
    """A pair as the page shows it: facts beside each other, and which of the two may stay."""
    two = (each.keep, each.other)
    facts = [
        ("Domain", [account.domain for account in two]),
        ("Industry", [account.industry for account in two]),
        ("Country", [account.country for account in two]),
        ("Employees", [f"{account.employees:,}" if account.employees is not None else "" for account in two]),
        ("Owner", [account.owner.name if account.owner else "" for account in two]),
        ("Leads", [str(each.leads[account.id]) for account in two]),
    ]
    return {
        "pair": each.pair,
        "keep": each.keep,
        "other": each.other,
        "keep_called": _called(each.keep, each.other),
        "other_called": _called(each.other, each.keep),
        "facts": [(label, values) for label, values in facts if any(values)],
        "either": bool(each.other.domain) or not each.keep.domain,
    }


def _called(account: Account, other: Account) -> str:
    """An account as a button has it: its name, with the domain where the other has nearly the same name."""
    if account.domain and account.domain != account.name:
        return f"{account.name} ({account.domain})"
    return f"{account.name} (no domain)" if not account.domain and other.domain else account.name


@require_POST
@_editors
def answer(request: TenantRequest, account_pair_id: UUID) -> HttpResponse:
    """POST /accounts/review/<id>: are the two one company? answer: same, different; keep: who stays."""
    pair = get_pair(pair_id=account_pair_id)
    said, keep = request.POST.get("answer", ""), request.POST.get("keep", "")
    if said not in ("same", "different"):
        messages.error(request, "Say whether they are one company or two.")
        return redirect("leads:account_review")
    chosen = next((each for each in (pair.first_id, pair.second_id) if str(each) == keep), None)
    try:
        answer_pair(
            pair_id=pair.id,
            same=said == "same",
            keep_id=chosen,
            actor=member_actor(request.member),
            now=database_clock(),
        )
    except (Conflict, ValidationFailed) as refusal:
        messages.error(request, refusal.message)
    else:
        if said == "same":
            text = f"Merged. Undo it within {UNDO_FOR.days} days under the names of the account that stays."
        else:
            text = "Two companies: nobody is asked about them again."
        messages.success(request, text)
    return redirect("leads:account_review")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@_editors
def names(request: TenantRequest, account_id: UUID) -> HttpResponse:
    """GET, POST /accounts/<id>/names: what else the account is called; another name or domain, whichever
    `also` is.
    """
    account = get_account(account_id=account_id)
    if request.method != "POST":
        return _names_page(request, account)
    text = request.POST.get("also", "")[:300]
    kind = "domain" if request.POST.get("kind") == "domain" else "name"
    try:
        add_name(
            account_id=account.id, actor=member_actor(request.member), now=database_clock(), **{kind: text}
        )
    except (Conflict, ValidationFailed) as refusal:
        return _names_page(request, account, refusal=refusal, text=text, kind=kind)
    messages.success(request, f"{account.name} is known by {text.strip()} too.")
    return redirect("leads:account_names", account.id)


def _names_page(
    request: TenantRequest,
    account: Account,
    *,
    refusal: DomainError | None = None,
    text: str = "",
    kind: str = "",
) -> HttpResponse:
    context = {
        **around(account),
        "refused": _refused_name(refusal, text, kind) if refusal else "",
        "also": text,
        "crumbs": _below(account, "Names"),
    }
    status = status_of_refusal(refusal) if refusal else 200
    return render(request, "leads/account_names.html", context, status=status)


def _refused_name(refusal: DomainError, text: str, kind: str) -> str:
    """Why a name was not added, in words of its form: it has one field for domains and names."""
    code = refusal.field_errors[0].code if refusal.field_errors else ""
    shown = text.strip()[:80]
    if code == "free_mail":
        return f"People of many companies have an address at {shown}, so it names none of them."
    if code == "invalid_domain":
        return f"{shown!r} is no domain. Write it like acme.com, or add it as a name."
    if code == "required":
        return f"Write another {kind} of the company first."
    return refusal.message


def _below(account: Account, here: str) -> list[dict[str, str]]:
    """The way to a page about one account."""
    return [
        {"label": "Accounts", "url": reverse("leads:accounts")},
        {"label": account.name, "url": reverse("leads:account", args=[account.id])},
        {"label": here, "url": ""},
    ]


@require_POST
@_editors
def remove(request: TenantRequest, account_id: UUID, name_id: UUID) -> HttpResponse:
    """POST /accounts/<id>/names/<id>/remove: take a name away again."""
    try:
        remove_name(
            account_id=account_id, name_id=name_id, actor=member_actor(request.member), now=database_clock()
        )
    except Conflict as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, "Removed. Leads that came under it stay.")
    return redirect("leads:account_names", account_id)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@_editors
def merge(request: TenantRequest, account_id: UUID) -> HttpResponse:
    """GET, POST /accounts/<id>/merge?into=: what merging this account into another does; POST does it. into:
    domain, name or id."""
    account = get_account(account_id=account_id)
    text = (request.POST if request.method == "POST" else request.GET).get("into", "")[:253]
    other: Account | None = None
    preview: MergePreview | None = None
    refusal: DomainError | None = None
    try:
        other = account_called(text, "/into")
        if other is not None:
            preview = preview_merge(winner_id=other.id, loser_id=account.id)
            if request.method == "POST":
                merge_accounts(
                    winner_id=other.id,
                    loser_id=account.id,
                    actor=member_actor(request.member),
                    now=database_clock(),
                )
                messages.success(
                    request,
                    f"{account.name} is part of {other.name} now. Change, beside "
                    f"Also known as, undoes it for {UNDO_FOR.days} days.",
                )
                return redirect("leads:account", other.id)
    except (Conflict, ValidationFailed) as error:
        refusal = error
    context = {
        "account": account,
        "other": other,
        "preview": preview,
        "filled": _filled(preview) if preview else [],
        "asking": _asking(preview) if preview else [],
        "refused": refusal.message if refusal else "",
        "into": text,
        "undo_days": UNDO_FOR.days,
        "crumbs": _below(account, "Merge"),
    }
    status = status_of_refusal(refusal) if refusal and request.method == "POST" else 200
    return render(request, "leads/account_merge.html", context, status=status)


def _asking(preview: MergePreview) -> list[str]:
    """Whose rules ask about the lists that something comes on: they may exclude its leads, or choose who gets
    them."""
    slugs = [each.slug for each in (*preview.comes_on, *preview.joins)]
    uses = uses_of(slugs) if slugs else {}
    return list(dict.fromkeys(where for slug in slugs for where in uses[slug]))


def _filled(preview: MergePreview) -> list[tuple[str, str]]:
    """What the account that stays takes over, in words."""
    people = {
        person.id: person.name
        for person in Member.objects.filter(id__in=[preview.loser.owner_id] if preview.loser.owner_id else [])
    }
    parent = preview.loser.parent
    found = []
    for name, (_, value) in preview.filled.items():
        if name == "owner_id":
            said = people.get(value, "")
        elif name == "parent_id":
            said = parent.name if parent is not None and value is not None else "nobody"
        else:
            said = "yes" if value is True else f"{value:,}" if isinstance(value, int) else str(value)
        found.append((LABELS[name], said))
    return found


@require_POST
@_editors
def undo(request: TenantRequest, account_merge_id: UUID) -> HttpResponse:
    """POST /accounts/merges/<id>/undo: two accounts again."""
    found = get_merge(merge_id=account_merge_id)
    try:
        undo_merge(merge_id=found.id, actor=member_actor(request.member), now=database_clock())
    except Conflict as refusal:
        messages.error(request, refusal.message)
        return redirect("leads:account_names", found.winner_id)
    messages.success(request, "Undone. Leads that came in since the merge stay where they are.")
    return redirect("leads:account", found.loser_id)
