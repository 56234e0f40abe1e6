from django.db import migrations

from tenants.rls import StampConfig


class Migration(migrations.Migration):
    dependencies = [
        ("notifications", "0004_endpoint_rest"),
        ("tenants", "0004_config_stamp"),
    ]

    operations = [
        StampConfig(["WebhookEndpoint"]),
    ]
