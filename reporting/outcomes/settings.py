"""The currency that amounts are told in, and the rule by which deals are attributed."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.db import connection, transaction

from core.currencies import is_currency
from core.errors import ValidationFailed
from reporting.outcomes.models import OutcomeSettings
from tenants.audit import record_change
from tenants.models import Tenant

Attribution = OutcomeSettings.Attribution
#: What each rule means, for the page.
RULES: Final = {
    Attribution.FIRST.value: "the lead's first engagement that names a source or campaign",
    Attribution.LAST.value: "the last such engagement before the opportunity was opened",
    Attribution.HANDOFF.value: "the source and campaign of the handoff that the deal came of",
}
# Their facts hold sums in the organisation's currency.
_COUNT_AGAIN: Final = """
insert into leads_dirtyhandoff (id, tenant_id, handoff_id, at)
select gen_random_uuid(), tenant_id, handoff_id, %s
  from leads_opportunity where handoff_id is not null group by tenant_id, handoff_id
"""


def attribution() -> str:
    """The rule of the organisation in scope; one query."""
    chosen = OutcomeSettings.objects.values_list("attribution", flat=True).first()
    return chosen or Attribution.HANDOFF.value


@transaction.atomic
def set_money(*, tenant: Tenant, currency: str, rule: str, actor: str, now: datetime) -> None:
    """Choose the currency and the rule, with an audit entry. Amounts in another currency are kept as they
    are; every handoff with a deal is counted again. Raises ValidationFailed at /currency or /attribution."""
    if not is_currency(currency):
        text = "A currency is three capital letters of ISO 4217: EUR, USD, GBP."
        raise ValidationFailed.at("/currency", text, "invalid_choice")
    if rule not in Attribution.values:
        raise ValidationFailed.at(
            "/attribution", f"One of: {', '.join(Attribution.values)}.", "invalid_choice"
        )
    row = Tenant.objects.select_for_update().get(id=tenant.id)
    before = {"currency": row.currency, "attribution": attribution()}
    after = {"currency": currency, "attribution": rule}
    if before == after:
        return
    OutcomeSettings.objects.update_or_create(defaults={"attribution": rule})
    if row.currency != currency:
        row.currency = currency
        row.save(update_fields=["currency"])
        with connection.cursor() as cursor:
            cursor.execute(_COUNT_AGAIN, [now])
    record_change(
        actor=actor,
        action="money_set",
        object_type="tenant",
        object_id=tenant.id,
        before=before,
        after=after,
        now=now,
    )
