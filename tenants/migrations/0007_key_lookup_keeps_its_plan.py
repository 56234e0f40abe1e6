from django.db import migrations

from tenants.rls import ResolverFunction

_SIGNATURE = "resolve_api_key(key_prefix text)"
_RETURNS = (
    "table(id uuid, tenant_id uuid, name text, scopes jsonb, secret_hash text, expires_at timestamptz,"
    " revoked_at timestamptz, last_used_at timestamptz)"
)
_QUERY = (
    "select k.id, k.tenant_id, k.name::text, k.scopes, k.secret_hash::text, k.expires_at, k.revoked_at,"
    " k.last_used_at from tenants_apikey k join tenants_tenant t on t.id = k.tenant_id"
    " where k.prefix = key_prefix and t.is_active"
)


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0006_versions_of_a_calendar"),
    ]

    operations = [
        # The same answer. A function in SQL is planned anew by every call of the API, which takes longer than
        # to run it; one in plpgsql once a connection.
        ResolverFunction(
            _SIGNATURE,
            _RETURNS,
            f"begin return query {_QUERY}; end",
            language="plpgsql",
            before=ResolverFunction(_SIGNATURE, _RETURNS, _QUERY),
        ),
    ]
