"""The pages of the SLA policy: the one in force in sentences and the versions so far, for everybody; a draft
of the next, its check and its publication, for admins.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.contrib import messages
from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST, require_safe

from core.errors import Conflict, StaleVersion
from leads.criteria import HANDOFF_KIND
from leads.defaults import INTENT_KINDS, engaged
from leads.models import Handoff
from sla import policy_edit, words
from sla.models import BusinessUnit, PolicyVersion
from sla.policies import find_policy
from sla.policy_changes import changes
from sla.policy_drafts import base_content, begin_draft
from sla.policy_forms import PolicyForm
from sla.policy_review import place_of, publishing_errors
from sla.presets import outbound_tier_of
from sla.publish_views import crumbs
from sla.recipients import lead_owners_among, named_members
from sla.tiers import MOST_STEPS, Policy
from sla.unit_pages import address, asked_unit, line_of, unit_context
from sla.units import has_units
from tenants import discarding, versions
from tenants.audit import member_actor, names_of_actors
from tenants.auth import member_required
from tenants.clock import database_clock
from tenants.models import Role, VersionState
from tenants.publication_views import standing
from tenants.refusals import status_of
from tenants.requests import TenantRequest
from tenants.selectors import active_members
from tenants.version_pages import history_rows, stale_words
from tenants.versions import of_line

COUNTED_DAYS = 30
SHOWN_VERSIONS = 5
#: Buttons of the editor that save and lead to another page.
_LEADS_TO = {"check": "sla:policy_check", "propose": "sla:policy_proposal"}
_MAIN_ONLY = frozenset({"propose"})


def _actor(request: TenantRequest) -> str:
    return member_actor(request.member)


def _is_admin(request: TenantRequest) -> bool:
    return bool(request.member.role == Role.ADMIN)


@member_required()
@require_safe
def policy(request: TenantRequest) -> HttpResponse:
    """GET /policy?unit=<slug>. Everybody reads it: the promise is worth what those who keep it know of it."""
    unit = asked_unit(request)
    line = line_of(unit)
    history = list(of_line(PolicyVersion, line).defer("content").order_by("-number")[:SHOWN_VERSIONS])
    now = database_clock()
    current = versions.version_in_force(PolicyVersion, now, line)
    found = find_policy(current.id) if current else None
    actors = names_of_actors(version.published_by or version.created_by for version in history)
    context: dict[str, Any] = {
        "current": current,
        "policy": _in_words(found, unit, now=now) if found else None,
        "days": COUNTED_DAYS,
        "history": [
            {"version": version, "by": actors[version.published_by or version.created_by]}
            for version in history
        ],
        "draft": any(version.state == VersionState.DRAFT for version in history),
        "may_change": _is_admin(request),
        "offers_outbound": _is_admin(request) and unit is None and _lacks_outbound(found),
        "standing": standing(PolicyVersion, request, line=line),
        "crumbs": crumbs(),
        "no_policy": f"Until one is in force here, leads of {unit.name} run by the next unit that they fit,"
        " else by the policy for everybody else."
        if unit
        else "Clocks start when a policy is published.",
        **unit_context(unit, "sla:policy"),
    }
    return render(request, "sla/policy.html", context)


def _lacks_outbound(found: Policy | None) -> bool:
    """Whether meetings are booked, and neither the policy in force nor the draft has a rule about them."""
    if found is None or any(tier.rule and HANDOFF_KIND in tier.rule.fields for tier in found.tiers):
        return False
    if outbound_tier_of(base_content()) is not None:
        return False
    return bool(Handoff.objects.filter(kind=Handoff.Kind.OUTBOUND).exists())


def _in_words(found: Policy, unit: BusinessUnit | None, *, now: datetime) -> dict[str, Any]:
    """The policy as the template reads it: tiers, ladder, what counts as a response."""
    counts = leads_by_tier(unit, now=now)
    names = {str(each.id): each.name for each in named_members(found.ladder).values()}
    tiers = [
        {
            "name": tier.name,
            "promise": words.tier_words(tier),
            "condition": words.condition_words(tier),
            "leads": counts.pop(tier.slug, 0),
        }
        for tier in found.tiers
    ]
    return {
        "tiers": tiers,
        "elsewhere": sum(counts.values()),
        "ladder": [{"step": step, "sentence": words.step_words(step, names)} for step in found.ladder],
        "responses": words.responses_words(found.responses),
        "on_reassign": found.on_reassign,
        "window": words.length_words(found.window) if found.window else "",
    }


def leads_by_tier(unit: BusinessUnit | None, *, now: datetime) -> dict[str, int]:
    """How many leads of a unit, or of none, became MQL in the last 30 days, by the slug of their tier;
    imported history left out.
    """
    lately = Handoff.objects.filter(started_at__gte=now - timedelta(days=COUNTED_DAYS), is_history=False)
    if unit is not None:
        theirs = PolicyVersion.objects.filter(unit_id=unit.id)
        lately = lately.filter(policy_version_id__in=theirs.values("id"))
    elif has_units():
        others = PolicyVersion.objects.filter(unit_id__isnull=False)
        lately = lately.exclude(policy_version_id__in=others.values("id"))
    return dict(lately.values_list("tier").annotate(number=Count("lead", distinct=True)).order_by("tier"))


# --- A draft ---


@require_POST
@member_required(Role.ADMIN)
def start(request: TenantRequest) -> HttpResponse:
    """POST /policy/draft/start?unit=<slug>: begin the next version, or go on with the one that is begun."""
    unit = asked_unit(request)
    try:
        begin_draft(unit, actor=_actor(request), now=database_clock())
    except Conflict as refusal:
        messages.info(request, refusal.message)
    return redirect(address("sla:policy_draft", unit))


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.ADMIN)
def draft(request: TenantRequest) -> HttpResponse:
    """GET /policy/draft?tier=<slug>&unit=<slug>: the editor with one tier open. POST {..., do}: save what
    was written, then do what the button says: "save", "check", "propose", "tier:<slug>" (open it),
    "add-target", "add-tier", "remove-tier", "up", "down", "add-step", "remove-step:<index>", "add-pause",
    "remove-pause:<index>".
    """
    unit = asked_unit(request)
    found = versions.open_draft(PolicyVersion, line_of(unit))
    if found is None:
        messages.info(request, "There is no draft. Begin one here.")
        return redirect(address("sla:policy", unit))
    tiers = policy_edit.tiers_of(found.content)
    asked = request.POST.get("tier") if request.method == "POST" else request.GET.get("tier")
    tier = policy_edit.tier_of(found.content, asked or "")
    if tier is None and request.method == "POST":
        messages.error(request, "Somebody removed this tier meanwhile. Nothing is saved.")
        return redirect(address("sla:policy_draft", unit))
    tier = tier or (tiers[0] if tiers else None)
    if tier is None:
        return _without_tiers(request, unit)
    people = active_members(tenant=request.tenant)
    form = PolicyForm(
        request.POST or None,
        content=found.content,
        tier=tier,
        revision=found.revision,
        people=people,
        lead_owners=lead_owners_among({each.id for each in people}),
    )
    context: dict[str, Any] = {
        "form": form,
        "draft": found,
        "tier": tier,
        "standing": standing(PolicyVersion, request, draft=found, line=found.line),
    }
    if request.method == "POST" and form.is_valid():
        answer = _save(request, found, form, tier, context)
        if answer is not None:
            return answer
    status = 409 if "stale" in context else status_of(form)
    return render(request, "sla/policy_draft.html", {**context, **_draft_context(found, tier)}, status=status)


def _without_tiers(request: TenantRequest, unit: BusinessUnit | None) -> HttpResponse:
    """A draft that came over the API with no tier in it: nothing to write a sentence about."""
    messages.error(request, "The draft has no tiers. Write some over the API, or discard it.")
    return redirect(address("sla:policy_check", unit))


def _draft_context(found: PolicyVersion, tier: Mapping[str, Any]) -> dict[str, Any]:
    by = found.saved_by or found.created_by
    counts = leads_by_tier(found.unit, now=database_clock())
    tiers = policy_edit.tiers_of(found.content)
    condition = tier.get("when")
    return {
        "saved_by": names_of_actors([by])[by],
        "saved_at": found.saved_at or found.created_at,
        "tiers": [
            {
                "slug": each.get("slug"),
                "name": each.get("name"),
                "promise": _short_promise(each),
                "leads": counts.get(str(each.get("slug")), 0),
                "open": each is tier or each.get("slug") == tier.get("slug"),
            }
            for each in tiers
        ],
        "condition": words.say_safely(words.when_words, condition),
        "simple": policy_edit.simple_condition(condition) is not None,
        "places": [place_of(error, found.content) for error in publishing_errors(found.content)],
        "may_add_step": len(policy_edit.steps_of(found.content)) < MOST_STEPS,
        "is_first": tiers[0].get("slug") == tier.get("slug"),
        "is_before_default": len(tiers) < 3 or tiers[-2].get("slug") == tier.get("slug"),
        "crumbs": crumbs(f"Draft of version {found.number}", found.unit),
        **unit_context(found.unit, "sla:policy"),
    }


def _short_promise(tier: Mapping[str, Any]) -> str:
    return ", ".join(words.promises(tier).values()) or "Nothing promised"


def _save(
    request: TenantRequest,
    found: PolicyVersion,
    form: PolicyForm,
    tier: Mapping[str, Any],
    context: dict[str, Any],
) -> HttpResponse | None:
    """Save, do what was asked, and go where it leads; None where the form is to be shown again."""
    do, slug = request.POST.get("do", "save"), str(tier.get("slug"))
    content = form.content
    if do == "add-tier":
        name = form.cleaned_data["new_tier"].strip()
        if not name:
            form.add_error("new_tier", "Give the new tier a name first.")
            return None
        content, slug = policy_edit.add_tier(content, name, when=engaged(INTENT_KINDS[0]))
    elif do == "add-target":
        target = form.cleaned_data["new_target"]
        if not target:
            form.add_error("new_target", "Choose from which stage to which.")
            return None
        content = policy_edit.add_target(content, slug, target)
    elif do == "remove-tier":
        content, slug = policy_edit.remove_tier(content, slug), ""
    elif do in ("up", "down"):
        content = policy_edit.move_tier(content, slug, -1 if do == "up" else 1)
    elif do == "add-pause":
        name = form.cleaned_data["new_pause"].strip()
        if not name:
            form.add_error("new_pause", "What is the lead paused for? Give the reason a name.")
            return None
        content = policy_edit.add_pause(content, name)
    elif do.startswith("remove-pause:") and do[13:].isdecimal():
        content = policy_edit.remove_pause(content, int(do[13:]))
    elif do == "add-step":
        content = policy_edit.add_step(content)
    elif do.startswith("remove-step:") and do[12:].isdecimal():
        content = policy_edit.remove_step(content, int(do[12:]))
    elif do.startswith("tier:"):
        slug = do[5:]
    try:
        versions.save_draft(
            found,
            content=content,
            expected_revision=form.cleaned_data["revision"],
            actor=_actor(request),
            now=database_clock(),
        )
    except StaleVersion as stale:
        _show_stale(request, form, stale, context)
        return None
    except Conflict as refusal:
        messages.error(request, refusal.message)
        return redirect(address("sla:policy", found.unit))
    if do in _LEADS_TO and not (found.unit_id and do in _MAIN_ONLY):
        return redirect(address(_LEADS_TO[do], found.unit))
    if do == "save":
        messages.success(request, "The draft is saved. Nothing is in force before it is published.")
    anchor = "#ladder" if "step" in do else ""
    return redirect(address("sla:policy_draft", found.unit, tier=slug) + anchor)


def _show_stale(
    request: TenantRequest, form: PolicyForm, stale: StaleVersion, context: dict[str, Any]
) -> None:
    """Say what came between; the next save starts from what they have just read."""
    context["stale"] = stale_words(stale)
    again = request.POST.copy()
    again["revision"] = str(stale.data["revision"])
    form.data = again


@require_POST
@member_required(Role.ADMIN)
def discard(request: TenantRequest) -> HttpResponse:
    """POST /policy/draft/discard?unit=<slug>: asks, with what would be lost. With {sure, revision}: it is
    gone."""
    unit = asked_unit(request)
    return discarding.discard(
        request,
        versions.open_draft(PolicyVersion, line_of(unit)),
        changes=changes,
        what="the SLA policy",
        draft_url=address("sla:policy_draft", unit),
        done_url=address("sla:policy", unit),
        crumbs=crumbs("Discard the draft", unit),
    )


# --- Versions ---


@require_GET
@member_required()
def history(request: TenantRequest) -> HttpResponse:
    """GET /policy/versions?before=<number>&unit=<slug>: who put what in force and when, in words."""
    unit = asked_unit(request)
    context = {
        **history_rows(PolicyVersion, request, changes, line=line_of(unit)),
        "may_change": _is_admin(request),
        "crumbs": crumbs("Versions", unit),
        **unit_context(unit, "sla:policy_versions"),
    }
    return render(request, "sla/policy_versions.html", context)
