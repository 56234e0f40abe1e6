from django.db import migrations

from tenants.rls import StampConfig

FORWARDS = """
ALTER TABLE tenants_tenant ADD COLUMN config_stamp bigint NOT NULL DEFAULT 0;
CREATE SEQUENCE tenants_config_stamp;
CREATE FUNCTION stamp_config() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
BEGIN
  UPDATE tenants_tenant SET config_stamp = nextval('tenants_config_stamp')
  WHERE id = nullif(current_setting('app.tenant_id', true), '')::uuid;
  RETURN NULL;
END $$;
"""
BACKWARDS = """
DROP FUNCTION stamp_config();
DROP SEQUENCE tenants_config_stamp;
ALTER TABLE tenants_tenant DROP COLUMN config_stamp;
"""


class Migration(migrations.Migration):
    """A column that only the database writes: it is no field of the model, so no save can write an old one
    back."""

    dependencies = [
        ("tenants", "0003_rate_window"),
    ]

    operations = [
        migrations.RunSQL(FORWARDS, BACKWARDS),
        StampConfig(["Calendar", "Team", "Member", "RepProfile", "Leave"]),
        StampConfig(["Tenant"], columns="name, time_zone, is_active, target_percent, calendar_id"),
    ]
