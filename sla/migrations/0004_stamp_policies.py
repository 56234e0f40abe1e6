from django.db import migrations

from tenants.rls import StampConfig


class Migration(migrations.Migration):
    dependencies = [
        ("sla", "0003_audit_indexes"),
        ("tenants", "0004_config_stamp"),
    ]

    operations = [
        StampConfig(["PolicyVersion"]),
    ]
