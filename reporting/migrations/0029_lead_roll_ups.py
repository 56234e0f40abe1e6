"""Roll-ups of leads, and what the database writes down for them of each change of a lead.

The triggers name columns of leads_lead: a migration that gives one of them another type drops the triggers
first and makes them anew, and gives a longer text the same room in both tables here, or such a lead would be
refused. One that removes a column makes them and the function anew before: with the column Django removes,
without a word, a trigger whose condition names it.
"""

import django.db.models.deletion
import uuid_utils.compat
from django.db import migrations, models

import tenants.context
from tenants.rls import ResolverFunction, SecureTenantTables

# A change of what a lead counts for is written twice: what it counted for, and what it counts for now. All other
# changes of leads, which are most, cost a comparison. Runs as whoever changes the lead, in their tenant's scope.
_COLUMNS = "created_at, source, campaign, channel"
_COUNTS = "is_test, created_at, source, campaign, channel, stage = 'subscriber', stage = 'disqualified'"


def _row(lead: str, sign: int) -> str:
    columns = ", ".join(f"{lead}.{name}" for name in _COLUMNS.split(", "))
    return (
        f"INSERT INTO reporting_leadchange (id, tenant_id, {_COLUMNS}, leads, subscribers, disqualified)"
        f" VALUES (gen_random_uuid(), {lead}.tenant_id, {columns}, {sign},"
        f" {sign} * ({lead}.stage = 'subscriber')::int, {sign} * ({lead}.stage = 'disqualified')::int);"
    )


def _of(lead: str) -> str:
    return ", ".join(f"{lead}.{name}" for name in _COUNTS.split(", "))


FORWARDS = f"""
CREATE FUNCTION count_lead() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
BEGIN
  IF tg_op <> 'INSERT' AND NOT old.is_test THEN
    {_row("old", -1)}
  END IF;
  IF tg_op <> 'DELETE' AND NOT new.is_test THEN
    {_row("new", 1)}
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER lead_came AFTER INSERT OR DELETE ON leads_lead
  FOR EACH ROW EXECUTE FUNCTION count_lead();
CREATE TRIGGER lead_counts_otherwise AFTER UPDATE ON leads_lead
  FOR EACH ROW WHEN (({_of("old")}) IS DISTINCT FROM ({_of("new")})) EXECUTE FUNCTION count_lead();
"""
BACKWARDS = """
DROP TRIGGER lead_counts_otherwise ON leads_lead;
DROP TRIGGER lead_came ON leads_lead;
DROP FUNCTION count_lead();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("reporting", "0028_room_for_changes"),
        ("tenants", "0014_organisation_currency"),
        ("leads", "0031_last_names"),
    ]

    operations = [
        migrations.AddField(
            model_name="rollupstate",
            name="leads_layout",
            field=models.PositiveSmallIntegerField(db_default=1, default=1),
        ),
        migrations.AddField(
            model_name="rollupstate",
            name="leads_zone",
            field=models.CharField(blank=True, db_default="", default="", max_length=60),
        ),
        migrations.CreateModel(
            name="LeadChange",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField()),
                ("source", models.CharField(max_length=80)),
                ("campaign", models.CharField(max_length=120)),
                ("channel", models.CharField(max_length=80)),
                ("leads", models.SmallIntegerField()),
                ("subscribers", models.SmallIntegerField()),
                ("disqualified", models.SmallIntegerField()),
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
            },
        ),
        migrations.CreateModel(
            name="LeadRollUp",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("cube", models.CharField(max_length=8)),
                ("days", models.PositiveSmallIntegerField()),
                ("value", models.CharField(blank=True, max_length=120)),
                ("day", models.DateField()),
                ("leads", models.PositiveIntegerField(default=0)),
                ("subscribers", models.PositiveIntegerField(default=0)),
                ("disqualified", models.PositiveIntegerField(default=0)),
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
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "cube", "days", "value", "day"),
                        include=("leads", "subscribers", "disqualified"),
                        name="lead_rollup_once",
                    )
                ],
            },
        ),
        SecureTenantTables(["LeadChange", "LeadRollUp"], resolver=["LeadChange"]),
        ResolverFunction(
            "tenants_with_changed_leads()",
            "table(tenant_id uuid)",
            "select distinct c.tenant_id from reporting_leadchange c",
        ),
        migrations.RunSQL(FORWARDS, BACKWARDS),
    ]
