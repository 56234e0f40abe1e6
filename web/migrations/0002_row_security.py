from django.db import migrations

from tenants.rls import SecureTenantTables


class Migration(migrations.Migration):
    dependencies = [
        ("web", "0001_initial"),
        ("tenants", "0002_row_security"),
    ]

    operations = [
        SecureTenantTables(["IdempotencyRecord"]),
    ]
