"""Figures for alarms: how late steps fired lately, and what each organisation has armed, due, failed, found."""

from typing import Any

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from tenants.rls import RESOLVER_POLICY, ResolverFunction, grant_resolver

_ENGINE = (
    "engine_metrics(moment timestamptz)",
    "table(armed bigint, due bigint, oldest_due timestamptz, failed bigint, findings bigint)",
    (
        "select (select count(*) from sla_timer where next_at is not null),"
        " (select count(*) from sla_timer where next_at <= moment),"
        " (select min(next_at) from sla_timer where next_at <= moment),"
        " (select count(*) from sla_timer where state = 'failed'{only_open}),"
        " (select count(*) from sla_finding where cleared_at is null)"
    ),
)


def _replace(only_open: str) -> Any:
    """A step that writes engine_metrics anew: a failed timer whose lead is closed waits for nobody."""
    signature, returns, body = _ENGINE
    function = ResolverFunction(signature, returns, body.format(only_open=only_open))

    def step(apps: Any, editor: BaseDatabaseSchemaEditor) -> None:
        function.database_forwards("sla", editor, None, None)

    return step


def _let_resolver_read(apps: Any, editor: BaseDatabaseSchemaEditor) -> None:
    if editor.connection.alias == "owner":
        grant_resolver(editor, "sla_timerevent")


def _let_resolver_read_no_more(apps: Any, editor: BaseDatabaseSchemaEditor) -> None:
    if editor.connection.alias == "owner":
        from django.conf import settings

        editor.execute(f'DROP POLICY IF EXISTS {RESOLVER_POLICY} ON "sla_timerevent"')
        editor.execute(f'REVOKE SELECT ON "sla_timerevent" FROM "{settings.DATABASE_RESOLVER_ROLE}"')


class Migration(migrations.Migration):
    dependencies = [("sla", "0007_drafts")]

    operations = [
        migrations.RunPython(_replace(" and closed_at is null"), _replace("")),
        migrations.RunPython(_let_resolver_read, _let_resolver_read_no_more),
        ResolverFunction(
            "engine_metrics_by_tenant(moment timestamptz)",
            "table(slug text, armed bigint, due bigint, failed bigint, findings bigint)",
            "select t.slug::text, coalesce(c.armed, 0), coalesce(c.due, 0), coalesce(f.failed, 0), coalesce(n.found, 0)"
            " from tenants_tenant t"
            " left join (select tenant_id, count(*) as armed, count(*) filter (where next_at <= moment) as due"
            "  from sla_timer where next_at is not null group by tenant_id) c on c.tenant_id = t.id"
            " left join (select tenant_id, count(*) as failed"
            "  from sla_timer where state = 'failed' and closed_at is null group by tenant_id) f"
            "  on f.tenant_id = t.id"
            " left join (select tenant_id, count(*) as found"
            "  from sla_finding where cleared_at is null group by tenant_id) n on n.tenant_id = t.id"
            " where t.is_active",
        ),
        ResolverFunction(
            "lateness_metrics(since timestamptz, edges float8[])",
            "table(bucket int, firings bigint, seconds float8)",
            "select width_bucket(e.lateness_ms / 1000.0::float8, edges), count(*), sum(e.lateness_ms) / 1000.0::float8"
            " from tenants_tenant t cross join lateral (select lateness_ms from sla_timerevent"
            "  where tenant_id = t.id and fired_at > since) e"
            " where t.is_active group by 1",
        ),
    ]
