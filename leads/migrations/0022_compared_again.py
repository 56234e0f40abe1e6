"""Names that are compared again are a place in the settings, and no write of every account."""

from typing import Any

from django.conf import settings
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from tenants.rls import RESOLVER_POLICY, ResolverFunction, grant_resolver

_TABLE = "leads_accountsettings"
_FUNCTION = ("tenants_with_names_to_compare()", "table(tenant_id uuid)")
_NEW = "select distinct a.tenant_id from leads_account a where not (a.compared_name = a.name)"


def _let_resolver_read(apps: Any, editor: BaseDatabaseSchemaEditor) -> None:
    if editor.connection.alias == "owner":
        grant_resolver(editor, _TABLE)


def _let_resolver_read_no_more(apps: Any, editor: BaseDatabaseSchemaEditor) -> None:
    if editor.connection.alias == "owner":
        editor.execute(f'DROP POLICY IF EXISTS {RESOLVER_POLICY} ON "{_TABLE}"')
        editor.execute(f'REVOKE SELECT ON "{_TABLE}" FROM "{settings.DATABASE_RESOLVER_ROLE}"')


class Migration(migrations.Migration):
    dependencies = [("leads", "0021_stage_by_system")]

    operations = [
        migrations.AddField("accountsettings", "again_after", models.UUIDField(null=True)),
        migrations.RunPython(_let_resolver_read, _let_resolver_read_no_more),
        # The condition of accounts is that of the index account_to_compare.
        ResolverFunction(
            *_FUNCTION,
            f"{_NEW} union select s.tenant_id from leads_accountsettings s where s.again_after is not null",
            before=ResolverFunction(*_FUNCTION, _NEW),
        ),
    ]
