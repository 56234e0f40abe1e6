from django.db import migrations

from tenants.rls import AppendOnly, GrantAppRole, ResolverFunction, SecureOwnRow, SecureTenantTables


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("sessions", "0001_initial"),
    ]

    operations = [
        GrantAppRole(),
        SecureOwnRow(),
        SecureTenantTables(
            ["Calendar", "CalendarVersion", "Team", "Member", "RepProfile", "Leave", "ApiKey", "AuditEntry"],
            resolver=["Member", "ApiKey"],
        ),
        # The audit is append-only for the product itself.
        AppendOnly("AuditEntry"),
        ResolverFunction(
            "resolve_memberships(person uuid)",
            "table(tenant_id uuid, tenant_name text, member_id uuid, role text)",
            "select m.tenant_id, t.name::text, m.id, m.role::text from tenants_member m"
            " join tenants_tenant t on t.id = m.tenant_id"
            " where m.user_id = person and m.is_active and t.is_active order by t.name, m.id",
        ),
        ResolverFunction(
            "resolve_api_key(key_prefix text)",
            "table(id uuid, tenant_id uuid, name text, scopes jsonb, secret_hash text, expires_at timestamptz,"
            " revoked_at timestamptz, last_used_at timestamptz)",
            "select k.id, k.tenant_id, k.name::text, k.scopes, k.secret_hash::text, k.expires_at, k.revoked_at,"
            " k.last_used_at from tenants_apikey k join tenants_tenant t on t.id = k.tenant_id"
            " where k.prefix = key_prefix and t.is_active",
        ),
        ResolverFunction(
            "resolve_active_tenants()",
            "table(tenant_id uuid, slug text)",
            "select t.id, t.slug::text from tenants_tenant t where t.is_active order by t.slug",
        ),
    ]
