"""How far the reports are behind, for alarms: the change of each organisation that has waited longest."""

from django.db import migrations

from tenants.rls import ResolverFunction


class Migration(migrations.Migration):
    dependencies = [("leads", "0006_away")]

    operations = [
        ResolverFunction(
            "oldest_dirty_handoffs()",
            "table(id uuid, at timestamptz)",
            "select d.id, d.at from tenants_tenant t cross join lateral"
            " (select id, at from leads_dirtyhandoff where tenant_id = t.id order by id limit 1) d",
        ),
    ]
