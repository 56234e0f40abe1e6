from django.db import migrations

from tenants.rls import SecureTenantTables


class Migration(migrations.Migration):
    dependencies = [
        ("feedback", "0001_initial"),
        ("leads", "0002_row_security"),
    ]

    operations = [
        SecureTenantTables(["Reason", "Disposition"]),
    ]
