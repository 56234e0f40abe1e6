"""Indexes of leads and handoffs, built while these are written: an organisation's leads go on coming in."""

from django.db import migrations, models

from tenants.index_builds import BuildIndexApart


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("leads", "0018_kept_arrival")]

    operations = [
        BuildIndexApart(
            model_name="lead",
            index=models.Index(fields=["tenant", "-created_at", "-id"], name="lead_by_creation"),
        ),
        BuildIndexApart(
            model_name="lead",
            index=models.Index(
                condition=models.Q(("needs", []), _negated=True),
                fields=["tenant", "-updated_at", "-id"],
                name="lead_needing_data",
            ),
        ),
        BuildIndexApart(
            model_name="handoff",
            index=models.Index(
                condition=models.Q(("state", "open")),
                fields=["tenant", "worked_at", "id"],
                name="handoff_by_work",
            ),
        ),
        BuildIndexApart(
            model_name="handoff",
            index=models.Index(
                condition=models.Q(("state", "open")),
                fields=["tenant", "owner", "worked_at", "id"],
                name="handoff_by_owner_and_work",
            ),
        ),
    ]
