"""What the database itself says about isolation: every table, policy, key, index, function and role.

Each list of exceptions below was reviewed, with its reason; a new entry wants the same review.
"""

import re

import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection, models

from tenants.models import TenantModel
from tenants.rls import POLICY, RESOLVER_POLICY, composite_name, is_tenant_model, tenant_references

pytestmark = pytest.mark.django_db

TENANT_MODELS = [model for model in apps.get_models(include_auto_created=True) if is_tenant_model(model)]
EXPRESSION = "({} = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid))"

# Tables of nobody in particular. No row of theirs tells a tenant's data.
SHARED_TABLES = {
    "django_migrations",
    "django_content_type",
    "auth_permission",
    "auth_group",
    "auth_group_permissions",
    "tenants_user",  # logins; what somebody is where is a Member
    "django_session",  # opaque
    "tenants_tenant",  # row security on its own id
    "sla_enginecycle",  # heartbeats of the engine
    "tenants_ratewindow",  # counters by key id and by hashes
    "web_cache",
}
# Tables that the resolver role reads across tenants, through the functions below alone.
RESOLVER_TABLES = {
    "tenants_tenant",
    "tenants_member",
    "tenants_apikey",
    "leads_handoff",
    "leads_dirtyhandoff",
    "notifications_delivery",
    "notifications_outboxmessage",
    "sla_timer",
    "sla_timerevent",
    "sla_finding",
    "sla_clockmove",
    "sla_pause",
    "tenants_publication",
    "leads_account",
    "leads_accountsettings",
    "integrations_drill",
    "integrations_drillplan",
    "leads_datawait",
    "routing_simulationrun",
    "reporting_leadchange",
}
# name(arguments): what it may tell before a tenant is known.
RESOLVER_FUNCTIONS = {
    "resolve_memberships(uuid)": "where a person who has signed in is a member",
    "resolve_invitations(uuid)": "where a person who has signed in is asked to join",
    "resolve_api_key(text)": "which key has this prefix; the caller must still know the secret",
    "resolve_active_tenants()": "ids and slugs, for work that goes round",
    "tenants_with_unrouted()": "ids of tenants",
    "tenants_with_dirty_handoffs()": "ids of tenants",
    "tenants_with_changed_leads()": "ids of tenants",
    "oldest_dirty_handoffs()": "when the change that waits longest was written",
    "oldest_changed_leads()": "the same, of a lead",
    "tenants_with_due_messages(timestamp with time zone)": "ids of tenants",
    "tenants_with_due_timers(timestamp with time zone)": "ids of tenants",
    "tenants_with_clock_moves()": "ids of tenants",
    "tenants_with_ended_pauses(timestamp with time zone)": "ids of tenants",
    "tenants_with_due_publications(timestamp with time zone)": "ids of tenants",
    "tenants_with_drills(timestamp with time zone)": "ids of tenants",
    "tenants_with_names_to_compare()": "ids of tenants",
    "tenants_with_due_data(timestamp with time zone)": "ids of tenants",
    "tenants_with_simulations()": "ids of tenants",
    "outbox_metrics(timestamp with time zone)": "counts and one time",
    "engine_metrics(timestamp with time zone)": "counts and one time",
    "engine_metrics_by_tenant(timestamp with time zone)": "slugs with counts, for whoever may scrape",
    "lateness_metrics(timestamp with time zone,double precision[])": "counts and sums of seconds",
}
# Indexes that do not begin with the tenant, and who needs them.
OTHER_INDEXES = {
    "api_key_by_prefix": "resolve_api_key",
    "tenants_member_user_id": "resolve_memberships, resolve_invitations",
    "data_wait_due_anywhere": "tenants_with_due_data",
    "delivery_due_anywhere": "tenants_with_due_messages",
    "publication_due_anywhere": "tenants_with_due_publications",
    "drill_plan_due_anywhere": "tenants_with_drills",
    "outbox_pending_anywhere": "tenants_with_due_messages",
    "timer_due_anywhere": "tenants_with_due_timers, engine_metrics",
}


def ask(sql: str, *parameters: object) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall()


def plain(expression: str) -> str:
    """A policy's text as the server shows it, without the column name that some versions add."""
    return re.sub(r' AS "?nullif"?', "", expression)


def tables_with(condition: str) -> set[str]:
    return {
        name
        for (name,) in ask(
            "select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace"
            f" where n.nspname = 'public' and {condition}"
        )
    }


def test_there_are_tenant_tables_at_all() -> None:
    assert len(TENANT_MODELS) > 30
    assert all(issubclass(model, TenantModel) for model in TENANT_MODELS)


def test_every_table_is_a_tenants_or_on_the_list_of_shared_ones() -> None:
    listed = {model._meta.db_table for model in TENANT_MODELS} | SHARED_TABLES
    assert tables_with("c.relkind in ('r', 'p', 'f')") == listed


def test_there_is_no_view_that_could_look_past_the_policies() -> None:
    assert tables_with("c.relkind in ('v', 'm')") == set()


@pytest.mark.parametrize("model", TENANT_MODELS, ids=lambda model: model._meta.label)
def test_row_security_is_forced_with_the_one_policy(model: type[models.Model]) -> None:
    table = model._meta.db_table
    assert ask("select relrowsecurity, relforcerowsecurity from pg_class where relname = %s", table) == [
        (True, True)
    ]
    policies = {
        name: (plain(using or ""), plain(check or ""), permissive, roles, command)
        for name, using, check, permissive, roles, command in ask(
            "select policyname, qual, with_check, permissive, roles::text, cmd from pg_policies"
            " where schemaname = 'public' and tablename = %s",
            table,
        )
    }
    expression = EXPRESSION.format("tenant_id")
    expected = {POLICY: (expression, expression, "PERMISSIVE", "{public}", "ALL")}
    if table in RESOLVER_TABLES:
        resolver = f"{{{settings.DATABASE_RESOLVER_ROLE}}}"
        expected[RESOLVER_POLICY] = ("true", "", "PERMISSIVE", resolver, "SELECT")
    assert policies == expected


def test_a_tenant_sees_its_own_row_of_the_table_of_tenants() -> None:
    assert ask(
        "select relrowsecurity, relforcerowsecurity from pg_class where relname = 'tenants_tenant'"
    ) == [(True, True)]
    found = ask(
        "select policyname, qual, with_check from pg_policies"
        " where tablename = 'tenants_tenant' order by 1 desc"
    )
    expression = EXPRESSION.format("id")
    assert [(name, plain(using), plain(check or "")) for name, using, check in found] == [
        (POLICY, expression, expression),
        (RESOLVER_POLICY, "true", ""),
    ]


def test_no_other_table_has_a_policy() -> None:
    found = {table for (table,) in ask("select tablename from pg_policies where schemaname = 'public'")}
    assert found == {model._meta.db_table for model in TENANT_MODELS} | {"tenants_tenant"}


@pytest.mark.parametrize("model", TENANT_MODELS, ids=lambda model: model._meta.label)
def test_the_primary_key_is_led_by_the_tenant(model: type[models.Model]) -> None:
    assert ask(
        "select pg_get_constraintdef(oid) from pg_constraint where contype = 'p' and conrelid = %s::regclass",
        model._meta.db_table,
    ) == [("PRIMARY KEY (tenant_id, id)",)]


@pytest.mark.parametrize("model", TENANT_MODELS, ids=lambda model: model._meta.label)
def test_every_index_is_led_by_the_tenant(model: type[models.Model]) -> None:
    rows = ask(
        "select i.relname, a.attname, x.indisunique from pg_index x join pg_class i on i.oid = x.indexrelid"
        " left join pg_attribute a on a.attrelid = x.indrelid and a.attnum = x.indkey[0]"
        " where x.indrelid = %s::regclass",
        model._meta.db_table,
    )
    assert rows
    for name, first, unique in rows:
        if first == "tenant_id":
            continue
        assert not unique, f"{name} is unique across tenants: it would tell one of the other's rows"
        assert re.sub(r"_[0-9a-f]{8}$", "", name) in OTHER_INDEXES, f"{name} begins with {first}"


@pytest.mark.parametrize("model", TENANT_MODELS, ids=lambda model: model._meta.label)
def test_every_reference_is_a_composite_key(model: type[models.Model]) -> None:
    """No foreign key between tenant tables names an id without its tenant, and none is missing."""
    table = model._meta.db_table
    found = dict(
        ask(
            "select conname, pg_get_constraintdef(oid) from pg_constraint"
            " where contype = 'f' and conrelid = %s::regclass",
            table,
        )
    )
    references = tenant_references(model)
    for column, target, _ in references:
        definition = found.pop(composite_name(table, column))
        assert definition == (
            f"FOREIGN KEY (tenant_id, {column}) REFERENCES {target}(tenant_id, id)"
            " DEFERRABLE INITIALLY DEFERRED"
        )
    to_tenant = found.pop(f"{table}_tenant_fk", "")
    assert to_tenant or any(not null for _, _, null in references), "nothing ties its rows to a tenant"
    tenant_tables = {other._meta.db_table for other in TENANT_MODELS}
    for name, definition in found.items():
        target = re.search(r"REFERENCES (\w+)\(", definition)[1]
        assert target not in tenant_tables, f"{name} refers to a tenant's row without its tenant"
        assert target in SHARED_TABLES


def test_only_reviewed_functions_run_with_their_owners_rights() -> None:
    found = {
        signature: (owner, config, public)
        for signature, owner, config, public in ask(
            "select p.oid::regprocedure::text, r.rolname, p.proconfig::text,"
            " has_function_privilege('public', p.oid, 'execute')"
            " from pg_proc p join pg_namespace n on n.oid = p.pronamespace"
            " join pg_roles r on r.oid = p.proowner"
            " where p.prosecdef and n.nspname not in ('pg_catalog', 'information_schema')"
        )
    }
    assert set(found) == set(RESOLVER_FUNCTIONS)
    for signature, (owner, config, public) in found.items():
        assert owner == settings.DATABASE_RESOLVER_ROLE, signature
        assert config == '{"search_path=pg_catalog, public"}', signature
        assert not public, f"{signature} may be called by everybody"


def test_functions_read_and_never_write() -> None:
    bodies = dict(ask("select p.oid::regprocedure::text, p.prosrc from pg_proc p where p.prosecdef"))
    kinds = dict(ask("select p.oid::regprocedure::text, p.provolatile from pg_proc p where p.prosecdef"))
    for signature in RESOLVER_FUNCTIONS:
        assert kinds[signature] == "s", signature
        assert not re.search(r"\b(insert|update|delete|execute|set)\b", bodies[signature]), signature


def test_roles_have_what_they_need_and_no_more() -> None:
    found = {
        name: rest
        for name, *rest in ask(
            "select rolname, rolsuper, rolbypassrls, rolcreaterole, rolcanlogin from pg_roles"
            " where rolname in (%s, %s)",
            settings.DATABASE_APP_ROLE,
            settings.DATABASE_RESOLVER_ROLE,
        )
    }
    assert found == {
        settings.DATABASE_APP_ROLE: [False, False, False, True],
        settings.DATABASE_RESOLVER_ROLE: [False, False, False, False],
    }
    assert ask("select current_user") == [(settings.DATABASE_APP_ROLE,)]


def test_the_app_role_owns_nothing_and_is_a_member_of_nothing() -> None:
    role = settings.DATABASE_APP_ROLE
    for catalog, column in (("pg_class", "relowner"), ("pg_proc", "proowner"), ("pg_namespace", "nspowner")):
        assert ask(f"select count(*) from {catalog} where {column} = %s::regrole", role) == [(0,)]
    assert ask("select count(*) from pg_auth_members where member = %s::regrole", role) == [(0,)]


def test_neither_role_may_create_in_the_schema() -> None:
    for role in (settings.DATABASE_APP_ROLE, settings.DATABASE_RESOLVER_ROLE):
        assert ask("select has_schema_privilege(%s, 'public', 'create')", role) == [(False,)]


def test_rights_on_tables_are_rows_only() -> None:
    """No TRUNCATE (which row security does not bind), no TRIGGER, no REFERENCES; nothing for everybody."""
    grants = ask(
        "select grantee::regrole::text, c.relname, privilege_type from pg_class c"
        " join pg_namespace n on n.oid = c.relnamespace, lateral aclexplode(c.relacl)"
        " where n.nspname = 'public' and c.relkind = 'r' and grantee <> c.relowner"
    )
    by_role: dict[str, set[tuple[str, str]]] = {}
    for role, table, right in grants:
        by_role.setdefault(role, set()).add((table, right))
    assert set(by_role) == {settings.DATABASE_APP_ROLE, settings.DATABASE_RESOLVER_ROLE}
    assert {right for _, right in by_role[settings.DATABASE_APP_ROLE]} == {
        "SELECT",
        "INSERT",
        "UPDATE",
        "DELETE",
    }
    assert by_role[settings.DATABASE_RESOLVER_ROLE] == {(table, "SELECT") for table in RESOLVER_TABLES}


def test_the_audit_can_only_grow() -> None:
    role = settings.DATABASE_APP_ROLE
    for right, may in (("insert", True), ("select", True), ("update", False), ("delete", False)):
        assert ask("select has_table_privilege(%s, 'tenants_auditentry', %s)", role, right) == [(may,)]
