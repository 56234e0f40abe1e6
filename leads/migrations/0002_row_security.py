from django.db import migrations

from tenants.rls import ResolverFunction, SecureTenantTables


class Migration(migrations.Migration):
    dependencies = [
        ("leads", "0001_initial"),
        ("tenants", "0002_row_security"),
    ]

    operations = [
        SecureTenantTables(
            [
                "CriteriaVersion",
                "Account",
                "Lead",
                "LeadExternalId",
                "Engagement",
                "Handoff",
                "Assignment",
                "Touch",
                "StageChange",
                "DirtyHandoff",
            ],
            resolver=["Handoff", "DirtyHandoff"],
        ),
        ResolverFunction(
            "tenants_with_unrouted()",
            "table(tenant_id uuid)",
            "select distinct h.tenant_id from leads_handoff h join tenants_tenant t on t.id = h.tenant_id"
            " where h.state = 'open' and h.owner_id is null and t.is_active",
        ),
        ResolverFunction(
            "tenants_with_dirty_handoffs()",
            "table(tenant_id uuid)",
            "select distinct d.tenant_id from leads_dirtyhandoff d",
        ),
    ]
