from django.db import migrations

from tenants.rls import StampConfig


class Migration(migrations.Migration):
    dependencies = [
        ("leads", "0002_row_security"),
        ("tenants", "0004_config_stamp"),
    ]

    operations = [
        StampConfig(["CriteriaVersion"]),
    ]
