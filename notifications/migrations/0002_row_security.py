from django.db import migrations

from tenants.rls import ResolverFunction, SecureTenantTables


class Migration(migrations.Migration):
    dependencies = [
        ("notifications", "0001_initial"),
        ("tenants", "0002_row_security"),
    ]

    operations = [
        SecureTenantTables(
            ["WebhookEndpoint", "Delivery", "OutboxMessage", "Notice"], resolver=["Delivery", "OutboxMessage"]
        ),
        ResolverFunction(
            "tenants_with_due_messages(moment timestamptz)",
            "table(tenant_id uuid)",
            "select tenant_id from notifications_outboxmessage where state = 'pending' and not_before <= moment"
            " union select tenant_id from notifications_delivery where next_at <= moment",
        ),
        ResolverFunction(
            "outbox_metrics(moment timestamptz)",
            "table(pending bigint, oldest timestamptz, dead bigint)",
            "select (select count(*) from notifications_outboxmessage where state = 'pending' and not_before <= moment)"
            " + (select count(*) from notifications_delivery where next_at <= moment),"
            " least((select min(not_before) from notifications_outboxmessage where state = 'pending'"
            " and not_before <= moment), (select min(next_at) from notifications_delivery where next_at <= moment)),"
            " (select count(*) from notifications_delivery where state = 'dead')",
        ),
    ]
