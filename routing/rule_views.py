"""The pages of the routing rules' next version: the draft with its layers as an editor, and the versions so
far. For admins; the rules in force are on the routing page.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from core.errors import Conflict, StaleVersion
from leads.criteria import ENGAGEMENT_KINDS
from leads.list_names import ListNames, naming
from leads.list_schema import schema_with_lists
from routing import overview, rules_edit
from routing.models import RuleSetVersion
from routing.replays import last_replay, unmatched_words
from routing.rule_drafts import begin_draft, pool_names
from routing.rule_forms import DraftForm
from routing.rule_review import review
from routing.rule_rows import is_plain, rule_rows
from routing.rules_check import PoolState, pool_states
from routing.rules_edit import EVERYONE_ELSE, GIVES, LAYERS, NOT_YET, Content, Layer, Place, place_of, rule_at
from routing.rules_words import changes
from routing.territories import is_row
from tenants import discarding, versions
from tenants.audit import member_actor, names_of_actors
from tenants.auth import member_required
from tenants.clock import database_clock
from tenants.models import Role
from tenants.publication_views import standing
from tenants.refusals import REFUSED, status_of
from tenants.requests import TenantRequest
from tenants.version_pages import history_rows, number_of, stale_words
from web.rule_editor import Editing, RuleEditor

_NEW_NAME = "New rule"


def crumbs(here: str = "") -> list[dict[str, str]]:
    """The way to a page about the rules."""
    way = reverse("routing:rules") if here else ""
    above = [{"label": "Set up", "url": ""}, {"label": "Routing", "url": way}]
    return [*above, {"label": here, "url": ""}] if here else above


@require_POST
@member_required(Role.ADMIN)
def start(request: TenantRequest) -> HttpResponse:
    """POST /routing/draft/start: begin the next version, or go on with the one that is begun."""
    try:
        begin_draft(actor=member_actor(request.member), now=database_clock())
    except Conflict as refusal:
        messages.info(request, refusal.message)
    return redirect("routing:rules_draft")


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.ADMIN)
def draft(request: TenantRequest) -> HttpResponse:
    """GET /routing/draft?rule=<place>: the layers of the draft, one rule open. POST {rule, rule_name, ...}:
    `act` changes the open condition on the page alone; `do` saves what was written, then "save", "check",
    "close", "add:<layer>", "rest:<layer>" (a row for everyone else), or of a place "open:", "up:", "down:",
    "remove:".
    """
    found = versions.open_draft(RuleSetVersion)
    if found is None:
        messages.info(request, "There is no draft. Begin one here.")
        return redirect("routing:rules")
    sent = request.method == "POST"
    asked = place_of((request.POST if sent else request.GET).get("rule", ""))
    place = _still_there(request, found, asked) if sent else asked
    if place is None or rule_at(found.content, place) is None or is_row(rule_at(found.content, place)):
        if sent and asked is not None:
            messages.error(request, "Somebody removed this rule meanwhile. Nothing is saved.")
            return redirect("routing:rules_draft")
        place = None
    pools = pool_states()
    form = DraftForm(
        request.POST if sent else None,
        content=found.content,
        place=place,
        revision=found.revision,
        pools=pools.values(),
    )
    editing = _editing(request, form)
    context: dict[str, Any] = {"form": form, "editing": editing, "draft": found, "place": place}
    status = 200
    if sent and not (editing and editing.acted):
        answer = _save(request, found, form, editing, context)
        if isinstance(answer, HttpResponseRedirect):
            return answer
        status = answer
    return render(
        request,
        "routing/draft.html",
        {**context, **_draft_context(request, found, pools, typed=place if sent and editing else None)},
        status=status,
    )


def _still_there(request: TenantRequest, found: RuleSetVersion, asked: Place | None) -> Place | None:
    """Where the open rule stands now: of a draft that somebody saved meanwhile it is found by its name."""
    if asked is None or number_of(request, "revision") == found.revision:
        return asked
    return rules_edit.place_named(found.content, asked.layer, request.POST.get("rule_name", ""))


def _editing(request: TenantRequest, form: DraftForm) -> Editing | None:
    """The condition of the open rule in its editor; None where none is open, or it is for everyone else."""
    if form.rule is None or form.is_rest:
        return None
    editor = RuleEditor(schema_with_lists(), prefix="when", kinds=ENGAGEMENT_KINDS)
    if form.is_bound:
        return editor.read(request.POST)
    when = form.rule.get("when")
    return editor.of(when if isinstance(when, Mapping) else None)


def _save(
    request: TenantRequest,
    found: RuleSetVersion,
    form: DraftForm,
    editing: Editing | None,
    context: dict[str, Any],
) -> HttpResponseRedirect | int:
    """Save, do what was asked, and go where it leads; else the status of the page that says why not."""
    do, _, at = request.POST.get("do", "save").partition(":")
    content, place = _written(form, editing, do, at)
    if content is None:
        return status_of(form) if form.errors else REFUSED
    content, place = _do(content, place, do, at)
    try:
        versions.save_draft(
            found,
            content=content,
            expected_revision=number_of(request, "revision") or 0,
            actor=member_actor(request.member),
            now=database_clock(),
        )
    except StaleVersion as stale:
        context["stale"] = stale_words(stale)
        again = request.POST.copy()
        again["revision"] = str(stale.data["revision"])
        form.data = again
        return 409
    except Conflict as refusal:
        messages.error(request, refusal.message)
        return HttpResponseRedirect(reverse("routing:rules"))
    if do == "check":
        return HttpResponseRedirect(reverse("routing:rules_check"))
    if do == "save":
        messages.success(request, "The draft is saved. Nothing is in force before it is published.")
    way = reverse("routing:rules_draft")
    return HttpResponseRedirect(f"{way}?rule={place}#open-rule" if place else way)


def _written(
    form: DraftForm, editing: Editing | None, do: str, at: str
) -> tuple[dict[str, Any] | None, Place | None]:
    """(the draft as it was written, the place that is open); None for one that is to be put right first."""
    if do == "remove" and at == str(form.place):  # whatever was written there
        return dict(form.before), form.place
    if not form.is_valid() or (editing and editing.errors):
        return None, form.place
    content = form.content
    if editing is not None and form.place is not None and form.rule is not None:
        rule = {**(rule_at(content, form.place) or {}), "when": editing.tree or dict(NOT_YET)}
        content = rules_edit.replace_rule(content, form.place, rule)
    return content, form.place


def _do(
    content: dict[str, Any], opened: Place | None, do: str, at: str
) -> tuple[dict[str, Any], Place | None]:
    """The content after a button, and which rule is open then."""
    if do == "close":
        return content, None
    if do in ("add", "rest") and at in LAYERS:
        layer: Layer = "pools" if at == "pools" else "priorities"
        return _add(content, layer, for_rest=do == "rest")
    place = place_of(at)
    if place is None:
        return content, opened
    if do == "open":
        return content, place
    if do == "remove":
        content = rules_edit.remove_rule(content, place)
        if opened is None or opened.layer != place.layer or opened.index < place.index:
            return content, opened
        return content, None if opened == place else Place(opened.layer, opened.index - 1)
    if do in ("up", "down"):
        content, moved = rules_edit.move_rule(content, place, -1 if do == "up" else 1)
        return content, {place: moved, moved: place}.get(opened, opened) if opened else None
    return content, opened


def _add(content: Content, layer: Layer, *, for_rest: bool) -> tuple[dict[str, Any], Place | None]:
    if for_rest and rules_edit.has_rest(content, layer):
        return dict(content), None
    rules = [rule for rule in rules_edit.rules_of(content, layer) if isinstance(rule, Mapping)]
    otherwise: Any = "" if layer == "pools" else 0
    return rules_edit.add_rule(
        content,
        layer,
        name=rules_edit.free_name(content, layer, EVERYONE_ELSE if for_rest else _NEW_NAME),
        when=None if for_rest else dict(NOT_YET),
        gives=rules[-1].get(GIVES[layer], otherwise) if rules else otherwise,
    )


def _draft_context(
    request: TenantRequest,
    found: RuleSetVersion,
    pools: Mapping[str, PoolState],
    *,
    typed: Place | None,
) -> dict[str, Any]:
    now = database_clock()
    by = found.saved_by or found.created_by
    replay = last_replay(found)
    looked = review(
        found,
        current=versions.version_in_force(RuleSetVersion, now),
        pools=pools,
        gates=False,
        unmatched=unmatched_words(found.content, replay, now=now),
        typed=typed,
    )
    content = ListNames().in_rules(found.content)
    counted = overview.hits(now)
    return {
        "saved_by": names_of_actors([by])[by],
        "saved_at": found.saved_at or found.created_at,
        "review": looked,
        "replay": replay,
        "days": overview.COUNTED_DAYS,
        "is_plain": is_plain(content),
        "layers": {
            layer: {
                "rows": rule_rows(
                    content,
                    layer,
                    pools=pools,
                    hits=counted if layer == "pools" else None,
                    errors=looked.errors,
                ),
                "has_rest": rules_edit.has_rest(content, layer),
            }
            for layer in LAYERS
        },
        "standing": standing(RuleSetVersion, request, draft=found),
        "crumbs": crumbs(f"Draft of version {found.number}"),
    }


@require_POST
@member_required(Role.ADMIN)
def discard(request: TenantRequest) -> HttpResponse:
    """POST /routing/draft/discard: asks, with what would be lost. With {sure, revision}: it is gone."""
    names = pool_names()
    return discarding.discard(
        request,
        versions.open_draft(RuleSetVersion),
        changes=naming(lambda old, new: changes(old, new, names)),
        what="the routing rules",
        draft_url=reverse("routing:rules_draft"),
        done_url=reverse("routing:rules"),
        crumbs=crumbs("Discard the draft"),
    )


@require_safe
@member_required(Role.MANAGER, Role.MARKETING, Role.EXECUTIVE)
def history(request: TenantRequest) -> HttpResponse:
    """GET /routing/versions?before=<number>: who put what in force and when, in words."""
    names = pool_names()
    context = {
        **history_rows(RuleSetVersion, request, naming(lambda old, new: changes(old, new, names))),
        "may_change": request.member.role == Role.ADMIN,
        "crumbs": crumbs("Versions"),
    }
    return render(request, "routing/versions.html", context)
