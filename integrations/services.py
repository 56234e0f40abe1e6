"""The intake log: every payload as it came, and what became of it.

The row is committed before the work on it begins, so a crash, a refusal and an error all leave it there.
What became of it is written in the transaction of the work where the work was done, and in one of its own
where it was undone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection
from uuid_utils.compat import uuid7

from integrations.models import IntakeEntry
from tenants.context import current_tenant_id
from tenants.roundtrips import write

MAX_PAYLOAD = 1_048_576  # characters kept of one payload

# One message to the database, which makes it one transaction of its own. Its commit need not wait for the
# disk: the commit of the work, which does wait, flushes it as well, and a refusal that a power cut takes
# with it was never acted upon. The settings end with the transaction; where it is somebody's longer one (a
# test's), the tenant is taken back.
_LOG = """
select set_config('app.tenant_id', %(tenant)s, true), set_config('synchronous_commit', 'off', true);
insert into integrations_intakeentry (id, tenant_id, at, channel, actor, payload, outcome, detail)
values (%(id)s, %(tenant)s, clock_timestamp(), %(channel)s, %(actor)s, %(payload)s, 'received', '{}');
select set_config('app.tenant_id', '', true)
"""


def log_payload(*, tenant_id: UUID, channel: str, actor: str, payload: bytes) -> UUID:
    """Keep a payload before anything is done with it; gives back its entry's id. Call it outside of any
    scope."""
    entry_id = uuid7()
    text = payload[: MAX_PAYLOAD * 4].decode("utf-8", "replace").replace("\x00", "\ufffd")[:MAX_PAYLOAD]
    named = {
        "id": str(entry_id),
        "tenant": str(tenant_id),
        "channel": channel,
        "actor": actor,
        "payload": text,
    }
    with connection.cursor() as cursor:
        cursor.execute(_LOG, named)
    return entry_id


_COMPLETE = """
update integrations_intakeentry set outcome = %s, detail = %s::jsonb, lead_id = %s::uuid
where tenant_id = %s::uuid and id = %s::uuid
"""


def complete_entry(
    entry_id: UUID, *, outcome: IntakeEntry.Outcome, detail: Mapping[str, Any], lead_id: UUID | None = None
) -> None:
    """Write what became of a payload."""
    plain = json.dumps(detail, cls=DjangoJSONEncoder)
    lead = str(lead_id) if lead_id else None
    write(_COMPLETE, [outcome.value, plain, lead, str(current_tenant_id()), str(entry_id)])


def refuse_entry(entry_id: UUID, *, status: int, problem: Mapping[str, Any]) -> None:
    """Write that a payload was refused (4xx) or failed (5xx), with the problem document that the sender
    got."""
    failed = status >= 500
    complete_entry(
        entry_id,
        outcome=IntakeEntry.Outcome.FAILED if failed else IntakeEntry.Outcome.REFUSED,
        detail={"status": status, "problem": dict(problem)},
    )
