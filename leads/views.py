"""The qualification page: the criteria in force as sentences, their history, and a form for the draft of the
next version, which is published on the page that shows what it changes."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from core.errors import DomainError
from core.rules import OPERATORS
from leads import selectors
from leads.criteria import ENGAGEMENT_KINDS, KEPT_PARTS, SCHEMA
from leads.criteria_drafts import write_criteria_draft
from leads.criteria_words import sentences
from leads.defaults import DEFAULT_CRITERIA, engaged
from leads.forms import AdvancedForm, CriteriaForm
from leads.list_names import ListNames
from leads.models import CriteriaVersion
from leads.plain import plain_form_of
from leads.requirements import REQUIRED_FIELDS, required_labels
from tenants.audit import member_actor
from tenants.auth import member_required
from tenants.clock import database_clock
from tenants.models import Role
from tenants.publication_views import standing
from tenants.refusals import REFUSED, status_of_refusal
from tenants.requests import TenantRequest
from tenants.versions import version_in_force


@member_required(Role.MARKETING, Role.MANAGER)
@require_http_methods(["GET", "HEAD", "POST"])
def criteria(request: TenantRequest) -> HttpResponse:
    """GET, POST /qualification. Marketing and managers read it; an admin writes the next version. POST
    {based_on, revision, ...}: save it as the draft, and look at what it changes.
    """
    may_edit = request.member.role == Role.ADMIN
    history = selectors.criteria_history()
    current = version_in_force(CriteriaVersion, database_clock())
    draft = next((version for version in history if version.state == "draft"), None)
    content = current.content if current else DEFAULT_CRITERIA
    seen = {"based_on": current.number if current else 0, "revision": draft.revision if draft else None}
    plain, advanced = _forms(draft.content if draft and may_edit else content, seen)
    status = 200
    if request.method == "POST":
        if not may_edit:
            return render(request, "403.html", status=403)
        advanced_sent = "content" in request.POST
        form = AdvancedForm(request.POST) if advanced_sent else CriteriaForm(request.POST)
        kept = _kept(draft.content if draft else content)
        refusal = _save(request, form, kept) if form.is_valid() else None
        if form.is_valid():
            return redirect("leads:criteria_check")
        status = status_of_refusal(refusal) if refusal else REFUSED
        if refusal and refusal.status == 409:  # the next save starts from what they are now shown
            again = request.POST.copy()
            for name, value in seen.items():
                again[name] = "" if value is None else str(value)
            form.data = again
        if isinstance(form, AdvancedForm):
            advanced = form
        else:
            plain = form
    waiting, lacking = selectors.waiting_for_data()
    names = ListNames()
    context = {
        "current": current,
        "sentences": sentences(names.in_rules(content)) if current else [],
        "required": required_labels(content.get("required", [])),
        "history": history,
        "next_number": draft.number if draft else (history[0].number + 1) if history else 1,
        "draft": draft if may_edit else None,
        "draft_sentences": sentences(names.in_rules(draft.content)) if draft and may_edit else [],
        "draft_required": required_labels(draft.content.get("required", [])) if draft and may_edit else [],
        "standing": standing(CriteriaVersion, request, draft=draft),
        "plain": plain,
        "keeps": list(_kept(draft.content if draft and may_edit else content)),
        "advanced": advanced,
        "may_edit": may_edit,
        "waiting": [(lead, required_labels(lead.needs)) for lead in waiting],
        "lacking": [f"{required_labels([name])[0]}: {count}" for name, count in lacking.most_common()],
        "writing": _writing() if may_edit else {},
        "crumbs": [{"label": "Set up", "url": ""}, {"label": "Qualification", "url": ""}],
    }
    return render(request, "leads/criteria.html", context, status=status)


def _writing() -> dict[str, Any]:
    """What an author of JSON needs to know, for leads/_rules_help.html."""
    example = {
        "any": [
            engaged("demo_request"),
            {
                "all": [
                    {"field": "account.employees", "op": "between", "value": [50, 2000]},
                    {"not": {"field": "lead.free_email", "op": "equals", "value": True}},
                ]
            },
        ]
    }
    return {
        "example": json.dumps(example, indent=2),
        "kinds": list(ENGAGEMENT_KINDS),
        "fields": [(each.label, each.name, OPERATORS[each.type]) for each in SCHEMA.by_name.values()],
        "requirable": list(REQUIRED_FIELDS.items()),
    }


def _forms(content: dict[str, Any], seen: dict[str, int | None]) -> tuple[CriteriaForm | None, AdvancedForm]:
    """Both forms, filled with the draft or what is in force; no plain one where plain fields could not say
    all of it. seen: what the forms send back of what the reader saw.
    """
    plain = plain_form_of(content)
    filled = CriteriaForm(initial={**seen, **CriteriaForm.values_of(plain)}) if plain else None
    text = json.dumps(content, indent=2, ensure_ascii=False)
    return filled, AdvancedForm(initial={**seen, "content": text})


def _kept(content: dict[str, Any]) -> dict[str, Any]:
    """The parts of a content that the plain form leaves as they are."""
    return {name: content[name] for name in KEPT_PARTS if name in content}


def _save(
    request: TenantRequest, form: CriteriaForm | AdvancedForm, kept: dict[str, Any]
) -> DomainError | None:
    """Save what the form says as the draft; where that is refused, the form says why, and the refusal is
    given back. kept: what the plain form does not show.
    """
    if isinstance(form, AdvancedForm):
        content = form.cleaned_data["content"]
    else:
        content = {**form.content(), **kept}
    try:
        write_criteria_draft(
            content,
            based_on=form.cleaned_data["based_on"],
            revision=form.cleaned_data["revision"],
            actor=member_actor(request.member),
            now=database_clock(),
        )
    except DomainError as error:
        for one in error.field_errors:
            form.add_error(None, f"{one.path or 'The criteria'}: {one.message}")
        if not error.field_errors:
            form.add_error(None, error.message)
        return error
    return None
