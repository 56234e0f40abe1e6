from django.db import migrations

from tenants.rls import StampConfig


class Migration(migrations.Migration):
    dependencies = [
        ("routing", "0003_tenant_led_slugs"),
        ("tenants", "0004_config_stamp"),
    ]

    operations = [
        StampConfig(["RuleSetVersion", "RoutingSettings", "PoolSeat"]),
    ]
