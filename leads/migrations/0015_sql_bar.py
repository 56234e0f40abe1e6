"""SQL criteria, what hands a lead over, fields owed at a stage, the last sign of work."""

import django.db.models.deletion
import uuid_utils.compat
from django.db import migrations, models

import tenants.context
from tenants.rls import SecureTenantTables, StampConfig


class Migration(migrations.Migration):
    dependencies = [
        ("leads", "0014_postal_code"),
        ("tenants", "0013_weekly_caps"),
    ]

    operations = [
        migrations.CreateModel(
            name="LeadSettings",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("triggers", models.JSONField(default=list)),
                ("outside_stages", models.JSONField(default=list)),
                ("score_from", models.IntegerField(null=True)),
                ("form_kinds", models.JSONField(default=list)),
                ("owed", models.JSONField(default=dict)),
                ("stale_days", models.JSONField(default=dict)),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="SqlAnswers",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("number", models.PositiveIntegerField(default=0)),
                (
                    "stage",
                    models.CharField(
                        choices=[
                            ("subscriber", "Subscriber"),
                            ("lead", "Lead"),
                            ("mql", "MQL"),
                            ("sal", "SAL"),
                            ("sql", "SQL"),
                            ("opportunity", "Opportunity"),
                            ("won", "Won"),
                            ("lost", "Lost"),
                            ("rejected", "Rejected"),
                            ("nurture", "Nurture"),
                            ("disqualified", "Disqualified"),
                        ],
                        max_length=12,
                    ),
                ),
                ("at", models.DateTimeField()),
                ("actor", models.CharField(max_length=80)),
                ("met", models.BooleanField()),
                ("answers", models.JSONField(default=list)),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="SqlBarVersion",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("number", models.PositiveIntegerField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("draft", "Draft"),
                            ("scheduled", "Scheduled"),
                            ("held", "Held"),
                            ("published", "Published"),
                            ("retired", "Retired"),
                            ("cancelled", "Cancelled"),
                        ],
                        default="draft",
                        max_length=10,
                    ),
                ),
                ("content", models.JSONField()),
                ("revision", models.PositiveIntegerField(db_default=1, default=1)),
                ("saved_at", models.DateTimeField(null=True)),
                ("saved_by", models.CharField(blank=True, db_default="", default="", max_length=80)),
                ("copy_of", models.PositiveIntegerField(null=True)),
                ("created_at", models.DateTimeField()),
                ("created_by", models.CharField(max_length=80)),
                ("published_at", models.DateTimeField(null=True)),
                ("published_by", models.CharField(blank=True, max_length=80)),
                ("effective_at", models.DateTimeField(null=True)),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.AddField(
            model_name="handoff",
            name="worked_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="lead",
            name="outside_stage",
            field=models.CharField(blank=True, db_default="", default="", max_length=60),
        ),
        migrations.AddField(
            model_name="lead",
            name="outside_system",
            field=models.CharField(blank=True, db_default="", default="", max_length=40),
        ),
        migrations.AddField(
            model_name="lead",
            name="triggered_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="leadsettings",
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
            model_name="sqlanswers",
            name="handoff",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="leads.handoff",
            ),
        ),
        migrations.AddField(
            model_name="sqlanswers",
            name="lead",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="leads.lead",
            ),
        ),
        migrations.AddField(
            model_name="sqlanswers",
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
            model_name="sqlbarversion",
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
            model_name="sqlanswers",
            name="version",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="leads.sqlbarversion",
            ),
        ),
        migrations.AddConstraint(
            model_name="leadsettings",
            constraint=models.UniqueConstraint(fields=("tenant",), name="lead_settings_once"),
        ),
        migrations.AddConstraint(
            model_name="sqlbarversion",
            constraint=models.UniqueConstraint(fields=("tenant", "number"), name="sql_bar_version_once"),
        ),
        migrations.AddIndex(
            model_name="sqlanswers",
            index=models.Index(fields=["tenant", "handoff", "-at"], name="sql_answers_by_handoff"),
        ),
        migrations.AddIndex(
            model_name="sqlanswers",
            index=models.Index(fields=["tenant", "-at"], name="sql_answers_by_time"),
        ),
        migrations.AlterField(
            model_name="assignment",
            name="end_reason",
            field=models.CharField(
                blank=True,
                choices=[
                    ("breach", "Breach"),
                    ("hand_over", "Hand Over"),
                    ("reassigned", "Reassigned"),
                    ("rerouted", "Rerouted"),
                    ("away", "Away"),
                    ("outside", "Outside"),
                    ("closed", "Closed"),
                    ("undone", "Undone"),
                ],
                max_length=12,
            ),
        ),
        SecureTenantTables(["SqlBarVersion", "LeadSettings", "SqlAnswers"]),
        StampConfig(["SqlBarVersion", "LeadSettings"]),
    ]
