"""How long a change of a lead has waited for the roll-ups: its id says when it was written, as of every row that
the application writes (version 7), and whoever watches may ask for the oldest.

Rows of before keep their ids, which say nothing: the next drain takes them.
"""

from django.db import migrations

from tenants.rls import ResolverFunction

_COLUMNS = "created_at, source, campaign, channel"
_V4 = "gen_random_uuid()"
# Twelve digits of milliseconds, the version, and of a random id all that stands behind its own.
_V7 = (
    "(lpad(to_hex(floor(extract(epoch from clock_timestamp()) * 1000)::bigint), 12, '0') || '7'"
    " || substr(replace(gen_random_uuid()::text, '-', ''), 14))::uuid"
)


def _row(new_id: str, lead: str, sign: int) -> str:
    columns = ", ".join(f"{lead}.{name}" for name in _COLUMNS.split(", "))
    return (
        f"INSERT INTO reporting_leadchange (id, tenant_id, {_COLUMNS}, leads, subscribers, disqualified)"
        f" VALUES ({new_id}, {lead}.tenant_id, {columns}, {sign},"
        f" {sign} * ({lead}.stage = 'subscriber')::int, {sign} * ({lead}.stage = 'disqualified')::int);"
    )


def _function(new_id: str) -> str:
    """The function of migration 0029, which its triggers call, with ids made in this way."""
    return f"""
CREATE OR REPLACE FUNCTION count_lead() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
BEGIN
  IF tg_op <> 'INSERT' AND NOT old.is_test THEN
    {_row(new_id, "old", -1)}
  END IF;
  IF tg_op <> 'DELETE' AND NOT new.is_test THEN
    {_row(new_id, "new", 1)}
  END IF;
  RETURN NULL;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("reporting", "0030_cells_of_campaigns")]

    operations = [
        migrations.RunSQL(_function(_V7), _function(_V4)),
        ResolverFunction(
            "oldest_changed_leads()",
            "table(id uuid)",
            "select c.id from tenants_tenant t cross join lateral"
            " (select id from reporting_leadchange where tenant_id = t.id order by id limit 1) c",
        ),
    ]
