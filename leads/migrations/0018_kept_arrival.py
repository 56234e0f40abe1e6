"""What an arrival said of itself is kept while its lead waits for data; one look at the sources a day."""

import django.db.models.deletion
import uuid_utils.compat
from django.db import migrations, models

import tenants.context
from tenants.rls import SecureTenantTables


class Migration(migrations.Migration):
    dependencies = [
        ("leads", "0017_names_to_compare"),
        ("tenants", "0013_weekly_caps"),
    ]

    operations = [
        migrations.AddField(
            model_name="lead",
            name="kept_arrival",
            field=models.JSONField(null=True),
        ),
        migrations.CreateModel(
            name="SourceLook",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("day", models.DateField(null=True)),
                (
                    "tenant",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        default=tenants.context.tenant_id_or_none,
                        editable=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tenants.tenant",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "constraints": [models.UniqueConstraint(fields=("tenant",), name="source_look_once")],
            },
        ),
        SecureTenantTables(["SourceLook"]),
    ]
