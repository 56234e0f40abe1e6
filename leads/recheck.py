"""Leads that wait for data are looked at again when their account says more. Whoever changes an account calls
this in the same transaction; the engine does the looking (`handoff.data_waits`), within seconds.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Final
from uuid import UUID

from leads.dirty import mark_accounts_dirty
from tenants.context import current_tenant_id
from tenants.roundtrips import write

#: Leads of one change; a company with more that all wait at once has another problem.
MOST: Final = 1_000

_LOOK_AT = """
insert into leads_datawait (id, tenant_id, lead_id, kind, number, fields, since, due_at, outcome)
select gen_random_uuid(), l.tenant_id, l.id, 'account', 0, '[]', %s, %s, ''
from leads_lead l
where l.tenant_id = %s and l.account_id = any(%s::uuid[]) and not (l.id = any(%s::uuid[]))
and (not (l.needs = '[]') or exists (
    select 1 from leads_datawait w
    where w.tenant_id = l.tenant_id and w.lead_id = l.id and w.kind = 'enrichment' and w.ended_at is null))
and not exists (
    select 1 from leads_handoff h where h.tenant_id = l.tenant_id and h.lead_id = l.id and h.state = 'open')
order by l.id limit %s
"""


def accounts_changed(
    account_ids: Collection[UUID], *, now: datetime, but_leads: Collection[UUID] = ()
) -> None:
    """Have the leads of these accounts looked at that lack something, or are held for enrichment.

    but_leads: those that the caller judges itself.
    Their handoffs are counted again. Writes that nobody waits for, so they cost an arrival no way of their
    own. A row a change and lead, though one may be waiting already: an engine that is at that one may have
    read the account as it was before, and a unique key would have two transactions wait for each other.
    """
    if account_ids:
        mark_accounts_dirty(account_ids, now)
        ids = [str(current_tenant_id()), list(account_ids), list(but_leads)]
        write(_LOOK_AT, [now, now, *ids, MOST])
