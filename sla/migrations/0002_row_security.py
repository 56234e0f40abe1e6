from django.db import migrations

from tenants.rls import ResolverFunction, SecureTenantTables


class Migration(migrations.Migration):
    dependencies = [
        ("sla", "0001_initial"),
        ("leads", "0002_row_security"),
    ]

    operations = [
        SecureTenantTables(
            ["PolicyVersion", "Timer", "TimerEvent", "Finding"], resolver=["Timer", "Finding"]
        ),
        ResolverFunction(
            "tenants_with_due_timers(moment timestamptz)",
            "table(tenant_id uuid)",
            "select distinct t.tenant_id from sla_timer t where t.next_at <= moment",
        ),
        ResolverFunction(
            "engine_metrics(moment timestamptz)",
            "table(armed bigint, due bigint, oldest_due timestamptz, failed bigint, findings bigint)",
            "select (select count(*) from sla_timer where next_at is not null),"
            " (select count(*) from sla_timer where next_at <= moment),"
            " (select min(next_at) from sla_timer where next_at <= moment),"
            " (select count(*) from sla_timer where state = 'failed'),"
            " (select count(*) from sla_finding where cleared_at is null)",
        ),
    ]
