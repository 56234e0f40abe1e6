"""Search for leads."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import BooleanField, F, Func, Q, Value

from handoff.selectors.access import visible_leads
from leads.models import Account, Lead, LeadExternalId
from tenants.models import Member


def search(*, member: Member, text: str, limit: int = 50) -> list[Lead]:
    """Leads that the member may see by e-mail (whole), name (its beginning), company, domain or outside id.

    Row security hides indexes from LIKE, so every way is an equality or starts_with. Text of under two
    characters finds nothing.
    """
    wanted = " ".join(text.lower().split())
    if len(wanted) < 2:
        return []
    seen = visible_leads(member).select_related("account", "owner")
    if "@" in wanted:
        return list(seen.filter(email=wanted)[:limit])
    # Each way by itself, so that each may use its own index.
    ids: set[UUID] = set(
        LeadExternalId.objects.filter(external_id=text.strip()).values_list("lead_id", flat=True)[:limit]
    )
    by_name = Lead.objects.alias(begins=_starts_with(F("search_name"), wanted)).filter(begins=True)
    ids.update(seen.filter(id__in=by_name.values("id")).values_list("id", flat=True)[:limit])
    named = Account.objects.alias(begins=_starts_with(F("lower_name"), wanted))
    found = named.filter(Q(begins=True) | Q(domain=wanted)).values_list("id", "merged_into_id")[:limit]
    accounts = [merged_into or account_id for account_id, merged_into in found]
    ids.update(seen.filter(account_id__in=accounts).values_list("id", flat=True)[:limit])
    return list(seen.filter(id__in=ids).order_by("-updated_at", "-id")[:limit])


def _starts_with(value: Any, prefix: str) -> Func:
    return Func(value, Value(prefix), function="starts_with", output_field=BooleanField())
