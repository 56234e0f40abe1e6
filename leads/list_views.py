"""Pages about named lists: what there are, their entries, and files that bring them in and out."""

from __future__ import annotations

from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from core.errors import Conflict, ValidationFailed
from leads.csv_form import CsvFileForm
from leads.list_csv import Table, read_table
from leads.list_export import list_as_csv
from leads.list_import import import_list, plan_import
from leads.list_plan import STATUS_WORDS, ListPlan
from leads.list_use import uses_of
from leads.models import ListEntry, NamedList
from leads.named_lists import (
    add_entries,
    all_lists,
    change_list,
    create_list,
    entries_of,
    get_list,
    remove_entry,
    remove_list,
)
from tenants.audit import member_actor
from tenants.auth import member_required
from tenants.clock import database_clock
from tenants.models import Role
from tenants.refusals import status_of, status_of_refusal, take_errors
from tenants.requests import TenantRequest
from web.pagination import next_url, page_of

_editors = member_required(Role.MARKETING, Role.MANAGER)
#: Rows of a plan that the page shows of each status, the wrong ones first.
_MOST_SHOWN = 100


class ListForm(forms.Form):
    """What a list is called, and what it is for."""

    name = forms.CharField(label="Name", max_length=80)
    purpose = forms.ChoiceField(label="What it is for", choices=NamedList.Purpose.choices)


class EntriesForm(forms.Form):
    """Entries, one a line."""

    entries = forms.CharField(
        label="Add",
        max_length=100_000,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        help_text="One a line: rival.com, ann@rival.com, or Rival Ltd.",
    )
    kind = forms.ChoiceField(
        label="They are",
        required=False,
        choices=[("", "told by how they are written"), *ListEntry.Kind.choices],
    )


class FileForm(CsvFileForm):
    """A CSV file of a list; after `is_valid`, `table` is what is in it."""

    table: Table

    def parse(self, text: str, encoding: str) -> None:
        self.table = read_table(text, encoding)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@_editors
def lists(request: TenantRequest) -> HttpResponse:
    """GET, POST /accounts/lists: every list, and a new one."""
    form = ListForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            made = create_list(
                name=form.cleaned_data["name"],
                purpose=form.cleaned_data["purpose"],
                actor=member_actor(request.member),
                now=database_clock(),
            )
        except ValidationFailed as refusal:
            take_errors(form, refusal)
        else:
            return redirect("leads:list", made.id)
    found = all_lists()
    used = uses_of(each.slug for each in found)
    context = {
        "rows": [{"list": each, "used": used[each.slug]} for each in found],
        "form": form,
        "crumbs": _crumbs(),
    }
    return render(request, "leads/lists.html", context, status=status_of(form))


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@_editors
def one(request: TenantRequest, named_list_id: UUID) -> HttpResponse:
    """GET, POST /accounts/lists/<id>?q=: its entries; POST puts some on it."""
    found = get_list(list_id=named_list_id)
    form = EntriesForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        texts = [line for line in form.cleaned_data["entries"].splitlines() if line.strip()]
        try:
            new, known = add_entries(
                list_id=found.id,
                texts=texts,
                kind=form.cleaned_data["kind"],
                actor=member_actor(request.member),
                now=database_clock(),
            )
        except ValidationFailed as refusal:
            for error in refusal.field_errors:
                number = error.path.rpartition("/")[2]
                where = f"Line {int(number) + 1}: " if number.isdigit() else ""
                form.add_error("entries", where + error.message)
        else:
            there = f", {known} there already" if known else ""
            messages.success(request, f"{new} added{there}.")
            return redirect("leads:list", found.id)
    text = request.GET.get("q", "")[:200]
    page = page_of(entries_of(found, text=text), cursor=request.GET.get("cursor", ""), order=("shown", "id"))
    context = {
        "list": found,
        "size": entries_of(found).count(),
        "used": uses_of([found.slug])[found.slug],
        "rows": page.rows,
        "following": next_url(request, page.next),
        "text": text,
        "form": form,
        "about": ListForm(initial={"name": found.name, "purpose": found.purpose}),
        "crumbs": _crumbs(found),
    }
    return render(request, "leads/list.html", context, status=status_of(form))


@require_POST
@_editors
def change(request: TenantRequest, named_list_id: UUID) -> HttpResponse:
    """POST /accounts/lists/<id>/change: another name or purpose."""
    found = get_list(list_id=named_list_id)
    try:
        change_list(
            list_id=found.id,
            name=request.POST.get("name", "")[:200],
            purpose=request.POST.get("purpose", ""),
            actor=member_actor(request.member),
            now=database_clock(),
        )
    except ValidationFailed as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, "Saved.")
    return redirect("leads:list", found.id)


@require_POST
@_editors
def remove(request: TenantRequest, named_list_id: UUID) -> HttpResponse:
    """POST /accounts/lists/<id>/remove: the list and its entries, where no rule asks about it."""
    try:
        gone = remove_list(list_id=named_list_id, actor=member_actor(request.member), now=database_clock())
    except Conflict as refusal:
        messages.error(request, refusal.message)
        return redirect("leads:list", named_list_id)
    messages.success(request, f"{gone.name} is removed.")
    return redirect("leads:lists")


@require_POST
@_editors
def take(request: TenantRequest, named_list_id: UUID, list_entry_id: UUID) -> HttpResponse:
    """POST /accounts/lists/<id>/entries/<id>/remove: one entry."""
    remove_entry(
        list_id=named_list_id,
        entry_id=list_entry_id,
        actor=member_actor(request.member),
        now=database_clock(),
    )
    messages.success(request, "Removed from the list.")
    return redirect("leads:list", named_list_id)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@_editors
def bring(request: TenantRequest, named_list_id: UUID) -> HttpResponse:
    """GET, POST /accounts/lists/<id>/import: what a file brings, row by row; then it is brought in."""
    found = get_list(list_id=named_list_id)
    form = FileForm(*((request.POST, request.FILES) if request.method == "POST" else ()))
    plan: ListPlan | None = None
    status = status_of(form)
    if request.method == "POST" and form.is_valid():
        now = database_clock()
        if request.POST.get("do") == "apply":
            try:
                done = import_list(
                    list_id=found.id,
                    table=form.table,
                    leave_out_wrong=form.cleaned_data["leave_out_wrong"],
                    actor=member_actor(request.member),
                    now=now,
                )
            except (Conflict, ValidationFailed) as refusal:
                form.add_error(None, refusal.message)
                status = status_of_refusal(refusal)
            else:
                messages.success(request, _done(done))
                return redirect("leads:list", found.id)
        plan = plan_import(list_id=found.id, table=form.table, now=now)
    shown = sorted(plan.lines, key=lambda line: (line.status != "wrong", line.line)) if plan else []
    context = {
        "list": found,
        "form": form,
        "plan": plan,
        "counts": plan.counts if plan else {},
        "lines": [
            {"line": line, "words": STATUS_WORDS[line.status], "errors": line.errors}
            for line in shown[:_MOST_SHOWN]
        ],
        "hidden": max(0, len(shown) - _MOST_SHOWN),
        "file_text": form.read if plan else "",
        "another_url": reverse("leads:list_import", args=[found.id]),
        "cancel_url": reverse("leads:list", args=[found.id]),
        "crumbs": _crumbs(found, "Import"),
    }
    return render(request, "leads/list_import.html", context, status=status)


def _done(plan: ListPlan) -> str:
    counts = plan.counts
    said = [f"{counts['new']} added"]
    said += [f"{counts['accounts_made']} accounts made"] if counts["accounts_made"] else []
    said += [f"{counts['accounts_changed']} accounts changed"] if counts["accounts_changed"] else []
    said += [f"{counts['wrong']} left out"] if counts["wrong"] else []
    return f"{', '.join(said)}."


@require_safe
@_editors
def export(request: TenantRequest, named_list_id: UUID) -> HttpResponse:
    """GET /accounts/lists/<id>/export: its entries as CSV, as an import reads them."""
    return list_as_csv(get_list(list_id=named_list_id))


def _crumbs(found: NamedList | None = None, page: str = "") -> list[dict[str, str]]:
    above = [{"label": "Accounts", "url": reverse("leads:accounts")}]
    if found is None:
        return [*above, {"label": "Lists", "url": ""}]
    above.append({"label": "Lists", "url": reverse("leads:lists")})
    if not page:
        return [*above, {"label": found.name, "url": ""}]
    return [
        *above,
        {"label": found.name, "url": reverse("leads:list", args=[found.id])},
        {"label": page, "url": ""},
    ]
