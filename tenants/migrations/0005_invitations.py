from django.db import migrations, models

from tenants.rls import ResolverFunction


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0004_config_stamp"),
    ]

    operations = [
        migrations.AddField("member", "invited_at", models.DateTimeField(null=True)),
        migrations.AddField("member", "invitation_hash", models.CharField(max_length=128, null=True)),
        migrations.AddField("user", "last_tenant_id", models.UUIDField(null=True)),
        migrations.AddConstraint(
            "member",
            models.CheckConstraint(
                condition=models.Q(("invited_at__isnull", True), ("is_active", False), _connector="OR"),
                name="member_joins_by_own_yes",
            ),
        ),
        # Where somebody is asked to join: never a membership to enter, which must be active.
        ResolverFunction(
            "resolve_invitations(person uuid)",
            "table(tenant_id uuid, tenant_name text, member_id uuid, role text)",
            "select m.tenant_id, t.name::text, m.id, m.role::text from tenants_member m"
            " join tenants_tenant t on t.id = m.tenant_id"
            " where m.user_id = person and m.invited_at is not null and m.invitation_hash is not null"
            " and not m.is_active and t.is_active order by t.name, m.id",
        ),
    ]
