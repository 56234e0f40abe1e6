"""Search for leads."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Q

from handoff.selectors.access import visible_leads
from leads.models import Account, Lead, LeadExternalId
from leads.text_search import begins
from tenants.models import Member


def search(*, member: Member, text: str, limit: int = 50) -> list[Lead]:
    """Leads that the member may see by e-mail (whole), name or last name (its beginning), company, domain or
    outside id.

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
    for name in ("search_name", "lower_last_name"):
        by_name = Lead.objects.filter(begins(name, wanted))
        ids.update(seen.filter(id__in=by_name.values("id")).values_list("id", flat=True)[:limit])
    named = Account.objects.filter(Q(begins("lower_name", wanted)) | Q(domain=wanted))
    found = named.values_list("id", "merged_into_id")[:limit]
    accounts = [merged_into or account_id for account_id, merged_into in found]
    ids.update(seen.filter(account_id__in=accounts).values_list("id", flat=True)[:limit])
    return list(seen.filter(id__in=ids).order_by("-updated_at", "-id")[:limit])
