"""Test leads and outbound handoffs are few, and reports leave them out or ask for them: each have an index of
their own, built while leads come in."""

from django.db import migrations, models

from tenants.index_builds import BuildIndexApart


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("leads", "0031_last_names"),
        ("tenants", "0014_organisation_currency"),
    ]

    operations = [
        BuildIndexApart(
            model_name="handoff",
            index=models.Index(
                condition=models.Q(("kind", "outbound")), fields=["tenant", "id"], name="handoff_outbound"
            ),
        ),
        BuildIndexApart(
            model_name="lead",
            index=models.Index(
                condition=models.Q(("is_test", True)), fields=["tenant", "id"], name="lead_of_test"
            ),
        ),
    ]
