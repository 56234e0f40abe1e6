"""Names that are compared again are a place in the settings, and no write of every account; and columns and
indexes by which accounts and entries are found by how they begin."""

from typing import Any

from django.conf import settings
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models.functions import Lower

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
        migrations.AddField(
            model_name="account",
            name="lower_name",
            field=models.GeneratedField(
                db_persist=True, expression=Lower("name"), output_field=models.TextField()
            ),
        ),
        migrations.AddField(
            model_name="listentry",
            name="lower_shown",
            field=models.GeneratedField(
                db_persist=True, expression=Lower("shown"), output_field=models.TextField()
            ),
        ),
        migrations.AddIndex(
            model_name="account",
            index=models.Index(
                fields=["tenant", "lower_name"],
                name="account_by_lower_name",
                opclasses=["uuid_ops", "text_pattern_ops"],
            ),
        ),
        migrations.AddIndex(
            model_name="account",
            index=models.Index(
                fields=["tenant", "domain"],
                name="account_by_domain_text",
                opclasses=["uuid_ops", "text_pattern_ops"],
            ),
        ),
        migrations.AddIndex(
            model_name="listentry",
            index=models.Index(fields=["tenant", "named_list", "shown", "id"], name="list_entry_by_shown"),
        ),
        migrations.AddIndex(
            model_name="listentry",
            index=models.Index(
                fields=["tenant", "named_list", "lower_shown"],
                name="list_entry_by_text",
                opclasses=["uuid_ops", "uuid_ops", "text_pattern_ops"],
            ),
        ),
    ]
