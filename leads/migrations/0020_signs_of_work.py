"""Open handoffs of before get their last sign of work: the last moment that their row names.

A thousand a transaction, each inside its organisation as row security wants it, so nobody waits long for a
row, and row security stays as it is. Run again it goes on where it was broken off.
"""

from typing import Any, Final

from django.db import migrations, transaction
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

#: Handoffs of one transaction.
AT_ONCE: Final = 1_000
#: That have none yet. The owner of the tables reads handoffs of all organisations, as the resolver does.
_WITHOUT: Final = "state = 'open' AND NOT is_history AND worked_at IS NULL"
_TENANTS: Final = f"SELECT DISTINCT tenant_id FROM leads_handoff WHERE {_WITHOUT}"
_BATCH: Final = (
    "UPDATE leads_handoff SET worked_at = greatest(started_at, owned_since, first_touch_at, attempts_at, "
    "accepted_at, sql_at, opportunity_at) WHERE tenant_id = %s AND id = ANY(ARRAY("
    f"SELECT id FROM leads_handoff WHERE tenant_id = %s AND {_WITHOUT} ORDER BY id LIMIT %s "
    "FOR NO KEY UPDATE))"
)


def begin_with_what_is_known(apps: Any, editor: BaseDatabaseSchemaEditor) -> None:
    connection = editor.connection
    if connection.alias != "owner":
        return
    with connection.cursor() as cursor:
        cursor.execute(_TENANTS)
        waiting = [row[0] for row in cursor.fetchall()]
    for tenant_id in waiting:
        while True:
            with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
                cursor.execute("SELECT set_config('app.tenant_id', %s, true)", [str(tenant_id)])
                cursor.execute(_BATCH, [tenant_id, tenant_id, AT_ONCE])
                if cursor.rowcount < AT_ONCE:
                    break


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("leads", "0019_indexes_apart")]

    operations = [migrations.RunPython(begin_with_what_is_known, migrations.RunPython.noop)]
