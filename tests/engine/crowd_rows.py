"""A crowd in whatever database the environment names: `python -m tests.engine.crowd_rows seed 4 500 | count`.

For tests whose own connections must not be on that server, since they kill it.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import timedelta

import django


def main(arguments: list[str]) -> None:
    """Seed so many companies with so many leads each that are overdue, or print what is there as JSON."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "slaportal.settings")
    django.setup()
    from tenants.clock import database_clock

    if arguments[0] == "seed":
        from slaportal.benches.crowd import make_company, seed

        now = database_clock()
        for number in range(int(arguments[1])):
            company = make_company(f"company{number}", reps=4, now=now)
            seed(company, size=int(arguments[2]), started=now - timedelta(minutes=6))
        return
    print(json.dumps(_count()))


def _count() -> dict[str, int]:
    from django.db import connection

    from tenants.context import tenant_scope
    from tenants.selectors import active_tenants

    questions = {
        "fired": "select count(*) from sla_timer where breached_at is not null",
        "events": "select count(*) from sla_timerevent where percent = 100",
        "keys": "select count(distinct (timer_id, generation, step)) from sla_timerevent where percent = 100",
        "moved": "select count(*) from leads_assignment where hop = 1",
        "messages": "select count(*) from notifications_outboxmessage"
        " where kind in ('timer.breached', 'lead.assigned', 'lead.moved')",
    }
    found = dict.fromkeys(questions, 0)
    for tenant_id in active_tenants():
        with tenant_scope(tenant_id), connection.cursor() as cursor:
            for name, question in questions.items():
                cursor.execute(question)
                found[name] += cursor.fetchone()[0]
    return found


if __name__ == "__main__":
    main(sys.argv[1:])
