"""Which organisations have names to compare, so that nobody asks all of them every few seconds."""

from typing import Any

from django.conf import settings
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from tenants.rls import RESOLVER_POLICY, ResolverFunction, grant_resolver

_TABLE = "leads_account"


def _let_resolver_read(apps: Any, editor: BaseDatabaseSchemaEditor) -> None:
    if editor.connection.alias == "owner":
        grant_resolver(editor, _TABLE)


def _let_resolver_read_no_more(apps: Any, editor: BaseDatabaseSchemaEditor) -> None:
    if editor.connection.alias == "owner":
        editor.execute(f'DROP POLICY IF EXISTS {RESOLVER_POLICY} ON "{_TABLE}"')
        editor.execute(f'REVOKE SELECT ON "{_TABLE}" FROM "{settings.DATABASE_RESOLVER_ROLE}"')


class Migration(migrations.Migration):
    dependencies = [("leads", "0016_look_again_each_time")]

    operations = [
        migrations.RunPython(_let_resolver_read, _let_resolver_read_no_more),
        # The condition is that of the index account_to_compare.
        ResolverFunction(
            "tenants_with_names_to_compare()",
            "table(tenant_id uuid)",
            "select distinct a.tenant_id from leads_account a where not (a.compared_name = a.name)",
        ),
    ]
