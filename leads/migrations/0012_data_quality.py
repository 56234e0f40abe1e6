"""What is wrong with a lead's data, leads that are looked at again, and alarms about sources."""

import django.db.models.deletion
import uuid_utils.compat
from django.db import migrations, models

import tenants.context
from tenants.rls import ResolverFunction, SecureTenantTables


class Migration(migrations.Migration):
    dependencies = [
        ("leads", "0011_drills"),
        ("tenants", "0013_weekly_caps"),
    ]

    operations = [
        migrations.CreateModel(
            name="DataWait",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[("enrichment", "Enrichment"), ("account", "Account")], max_length=10
                    ),
                ),
                ("number", models.PositiveIntegerField(default=0)),
                ("fields", models.JSONField(default=list)),
                ("since", models.DateTimeField()),
                ("due_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "outcome",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("complete", "Complete"),
                            ("expired", "Expired"),
                            ("needs_data", "Needs Data"),
                            ("not_qualified", "Not Qualified"),
                            ("looked_at", "Looked At"),
                        ],
                        max_length=13,
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="SourceAlarm",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("source", models.CharField(blank=True, max_length=80)),
                ("field", models.CharField(max_length=40)),
                ("began_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
                ("before_good", models.PositiveIntegerField()),
                ("before_of", models.PositiveIntegerField()),
                ("after_good", models.PositiveIntegerField()),
                ("after_of", models.PositiveIntegerField()),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.AddField(
            model_name="lead",
            name="invalid",
            field=models.JSONField(null=True),
        ),
        migrations.AddField(
            model_name="datawait",
            name="lead",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="data_waits",
                to="leads.lead",
            ),
        ),
        migrations.AddField(
            model_name="datawait",
            name="tenant",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                default=tenants.context.tenant_id_or_none,
                editable=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="tenants.tenant",
            ),
        ),
        migrations.AddField(
            model_name="sourcealarm",
            name="tenant",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                default=tenants.context.tenant_id_or_none,
                editable=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="tenants.tenant",
            ),
        ),
        migrations.AddIndex(
            model_name="datawait",
            index=models.Index(fields=["tenant", "lead", "-since"], name="data_wait_by_lead"),
        ),
        migrations.AddIndex(
            model_name="datawait",
            index=models.Index(
                condition=models.Q(("ended_at__isnull", True)),
                fields=["due_at", "tenant"],
                name="data_wait_due_anywhere",
            ),
        ),
        migrations.AddConstraint(
            model_name="datawait",
            constraint=models.UniqueConstraint(
                condition=models.Q(("kind", "enrichment")),
                fields=("tenant", "lead", "number"),
                name="held_once_a_handoff",
            ),
        ),
        migrations.AddConstraint(
            model_name="datawait",
            constraint=models.UniqueConstraint(
                condition=models.Q(("ended_at__isnull", True), ("kind", "account")),
                fields=("tenant", "lead"),
                name="looked_at_again_once",
            ),
        ),
        migrations.AddIndex(
            model_name="sourcealarm",
            index=models.Index(fields=["tenant", "-began_at"], name="source_alarm_by_time"),
        ),
        migrations.AddConstraint(
            model_name="sourcealarm",
            constraint=models.UniqueConstraint(
                condition=models.Q(("ended_at__isnull", True)),
                fields=("tenant", "source", "field"),
                name="one_alarm_a_source_and_field",
            ),
        ),
        SecureTenantTables(["DataWait", "SourceAlarm"], resolver=["DataWait"]),
        ResolverFunction(
            "tenants_with_due_data(moment timestamptz)",
            "table(tenant_id uuid)",
            "select distinct w.tenant_id from leads_datawait w where w.ended_at is null and w.due_at <= moment",
        ),
    ]
