"""An index of answers by their handoff, built while these are written: the unique key serves them no more."""

from django.db import migrations, models

from tenants.index_builds import BuildIndexApart


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("feedback", "0003_tenant_led_slugs")]

    operations = [
        BuildIndexApart(
            model_name="disposition",
            index=models.Index(fields=["tenant", "handoff"], name="disposition_by_handoff"),
        ),
    ]
