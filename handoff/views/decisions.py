"""The decision log: who got each lead, by which rule, and why; and why not me."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from core.errors import ValidationFailed
from handoff import decision_log, words
from handoff.selectors import SEES_ALL, teams_of, visible_leads
from handoff.selectors.finding import search
from handoff.simulation.leads import as_uuid
from handoff.views import base
from handoff.views.base import reader
from leads.models import Lead
from routing.decisions import LOOKED_THROUGH, Search
from routing.models import Pool, RuleSetVersion
from routing.territories import tried
from tenants.models import Member, RepProfile, Role, Team
from tenants.refusals import REFUSED
from tenants.requests import TenantRequest
from tenants.versions import version_in_force
from web.pagination import Page, next_url

_MOST_NAMED = 8  # leads of a name that are offered to choose from


@never_cache
@require_GET
@reader
def log(request: TenantRequest) -> HttpResponse:
    """GET /decisions: the log, by what the address asks. A rep reads their own."""
    member = request.member
    if member.role == Role.REP:
        return _mine(request)
    now = base.reading_clock()
    query = {name: value for name in decision_log.FILTERS if (value := request.GET.get(name, "").strip())}
    refused, named = "", _named(member, query.get("lead", ""))
    if len(named) == 1:
        query["lead"] = str(named[0].id)
    try:
        if len(named) > 1:
            raise ValidationFailed.at("/lead", "Several leads are called so: choose one.", "ambiguous")
        wanted = decision_log.read_search(query, tenant=request.tenant, leads=visible_leads(member))
        page, rows = decision_log.log_page(wanted, member=member, cursor=request.GET.get("cursor", ""))
    except ValidationFailed as refusal:
        refused = " ".join(error.message for error in refusal.field_errors) or refusal.message
        wanted, page, rows = Search(), Page([], ""), []
    context = {
        "refused": refused,
        "named": [(lead, _address_of(request, lead)) for lead in named] if len(named) > 1 else [],
        "rows": rows,
        "query": query,
        "candidate": _name(wanted.candidate),
        "fields": _fields({} if refused else query, member),
        "following": next_url(request, page.next),
        "looked_through": LOOKED_THROUGH if wanted.candidate and page.next else 0,
        "teams": _teams(member),
        "sits": RepProfile.objects.filter(member=member).exists(),
        "crumbs": [{"label": "Insight"}, {"label": "Decisions"}],
        "now": now,
    }
    return render(request, "handoff/decisions.html", context, status=REFUSED if refused else 200)


def _teams(member: Member) -> list[str] | None:
    """The teams whose decisions a manager reads, by name; None for who reads all."""
    if member.role in SEES_ALL:
        return None
    return list(Team.objects.filter(id__in=teams_of(member)).order_by("name").values_list("name", flat=True))


def _named(member: Member, text: str) -> list[Lead]:
    """The leads that a name or a company means, as the search finds them; none for an e-mail or an id."""
    if not text or "@" in text or as_uuid(text) is not None:
        return []
    return search(member=member, text=text, limit=_MOST_NAMED)


def _address_of(request: TenantRequest, lead: Lead) -> str:
    """The same question about this one."""
    asked = request.GET.copy()
    asked["lead"] = str(lead.id)
    asked.pop("cursor", None)
    return f"?{asked.urlencode()}"


@never_cache
@require_GET
@reader
def mine(request: TenantRequest) -> HttpResponse:
    """GET /decisions/mine: decisions of the last 30 days in the reader's pools, each with their own line."""
    return _mine(request)


def _mine(request: TenantRequest) -> HttpResponse:
    now = base.reading_clock()
    page, rows = decision_log.my_page(request.member, now=now, cursor=request.GET.get("cursor", ""))
    context = {
        "rows": rows,
        "days": decision_log.MINE.days,
        "following": next_url(request, page.next),
        "crumbs": [{"label": "Insight"}, {"label": "Why not me?"}],
        "now": now,
    }
    return render(request, "handoff/my_decisions.html", context)


@never_cache
@require_GET
@reader
def one(request: TenantRequest, decision_id: UUID) -> HttpResponse:
    """GET /decisions/<id>: one decision, whole. What the rules read is for who may open the lead."""
    decision, lead = decision_log.decision_for(request.member, decision_id)
    (told,) = decision_log.decisions_in_words([decision])
    crumbs = [
        {"label": "Insight"},
        {"label": "Decisions", "url": reverse("handoff:decisions")},
        {"label": lead.full_name if lead else "A lead"},
    ]
    context = {"each": told, "lead": lead, "crumbs": crumbs, "now": base.reading_clock()}
    return render(request, "handoff/one_decision.html", context)


def _name(member_id: UUID | None) -> str:
    if member_id is None:
        return ""
    return Member.objects.values_list("name", flat=True).get(id=member_id)


#: Reasons of decisions, in the order in which they are offered.
_REASONS = (
    "weighted_round_robin",
    "round_robin",
    "least_loaded",
    "fastest",
    "account_owner",
    "claimed",
    "by_hand",
    "stand_in",
    "outside",
    "fallback",
    "held",
    "waits_for_claim",
    "all_at_cap",
    "nobody_available",
    "pool_exhausted",
    "pool_empty",
    "pool_missing",
    "no_rule",
    "no_rule_set",
    "hop_limit",
    "fallback_missing",
    "fallback_had_it",
    "queued",
)


def _fields(query: dict[str, str], member: Member) -> list[dict[str, Any]]:
    """The selects of the form: name, label and (value, words, chosen). Three queries."""
    seen = decision_log.people_of(member)
    people = Member.objects.filter(id__in=RepProfile.objects.values("member_id"))
    if seen is not None:
        people = people.filter(id__in=seen)
    names = [(str(key), name) for key, name in people.order_by("name", "id").values_list("id", "name")]
    version = version_in_force(RuleSetVersion, base.reading_clock())
    rules = [rule["name"] for _, rule in tried(version.content)] if version else []
    pools = Pool.objects.order_by("name", "id").values_list("slug", "name")
    alike = [code for code in _REASONS if words.REASONS[code] == words.REASONS["weighted_round_robin"]]
    return [
        _field(query, "member", "Who got it", [(decision_log.NOBODY, "Nobody"), *names]),
        _field(query, "candidate", "Who was looked at", names),
        _field(query, "rule", "Rule", [(name, name) for name in rules]),
        _field(query, "pool", "Pool", list(pools)),
        _field(
            query,
            "reason",
            "Reason",
            [
                (code, words.REASONS[code] + (f" ({_plain(code)})" if code in alike else ""))
                for code in _REASONS
            ],
        ),
        _field(query, "trigger", "Decided", list(words.TRIGGERS.items())),
    ]


def _plain(code: str) -> str:
    return code.replace("_", " ")


def _field(query: dict[str, str], name: str, label: str, pairs: list[tuple[str, str]]) -> dict[str, Any]:
    chosen = query.get(name, "")
    options = [("", "Any", not chosen)] + [(value, text, value == chosen) for value, text in pairs]
    if chosen and not any(mark for *_, mark in options):
        options.append((chosen, _known(name, chosen), True))
    return {"name": name, "label": label, "options": options}


def _known(name: str, chosen: str) -> str:
    """Words for a value that an address gave and no option has."""
    if name == "reason":
        return words.say(words.REASONS, chosen)
    return "Somebody else" if name in ("member", "candidate") else chosen
