from django.db import migrations

from tenants.rls import SecureTenantTables


class Migration(migrations.Migration):
    dependencies = [
        ("integrations", "0001_initial"),
        ("leads", "0002_row_security"),
    ]

    operations = [
        SecureTenantTables(["IntakeEntry", "ImportRun"]),
    ]
