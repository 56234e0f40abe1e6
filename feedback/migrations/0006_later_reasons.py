"""Organisations of before get the reasons with which a lead is disqualified or lost. Those that they made
themselves meanwhile are left alone, so it may be run again.
"""

from typing import Any, Final
from uuid import UUID

from django.db import migrations, transaction
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from uuid_utils.compat import uuid7

#: kind, slug, label, hint, note_required.
REASONS: Final = (
    ("disqualified", "no_need", "No need", "Talked, and there is nothing that we could solve", False),
    ("disqualified", "not_a_fit", "Not a fit", "Company or use is not what we are made for", False),
    ("disqualified", "no_authority", "Not the decision maker", "And leads to nobody who decides", False),
    ("disqualified", "competitor", "Competitor", "Works for a competitor", False),
    ("disqualified", "bad_contact_data", "Bad contact data", "Phone or e-mail does not work", False),
    ("disqualified", "other", "Other", "Needs a note", True),
    ("lost", "competitor", "Chose a competitor", "Bought from somebody else", False),
    ("lost", "price", "Price", "Too expensive for what it gives", False),
    ("lost", "no_budget", "No budget", "The money was not there, or went elsewhere", False),
    ("lost", "no_decision", "No decision", "The project was stopped or put off", False),
    ("lost", "missing_feature", "Missing feature", "Something that they need is not there", False),
    ("lost", "no_response", "No response", "Went silent after it had begun", False),
    ("lost", "other", "Other", "Needs a note", True),
)
_INSERT: Final = """
insert into feedback_reason (id, tenant_id, kind, slug, label, hint, side, note_required, earns_credit,
    leads_to, position, is_active)
values (%s, %s, %s, %s, %s, %s, 'marketing', %s, false, '', %s, true)
on conflict do nothing
"""


def add_reasons(apps: Any, editor: BaseDatabaseSchemaEditor) -> None:
    connection = editor.connection
    if connection.alias != "owner":
        return
    with connection.cursor() as cursor:
        # The owner of the tables reads all organisations, as the resolver does.
        cursor.execute("select id from tenants_tenant order by id")
        tenants: list[UUID] = [row[0] for row in cursor.fetchall()]
    for tenant_id in tenants:
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            cursor.execute("select set_config('app.tenant_id', %s, true)", [str(tenant_id)])
            cursor.executemany(
                _INSERT,
                [
                    (str(uuid7()), tenant_id, kind, slug, label, hint, noted, place)
                    for place, (kind, slug, label, hint, noted) in enumerate(REASONS)
                ],
            )


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("feedback", "0005_disputes")]

    operations = [migrations.RunPython(add_reasons, migrations.RunPython.noop)]
