"""The index of leads by creation also holds what the funnel counts of them, so that it reads no lead for it.

Made beside the former one, while leads come in; the next migration drops that.
"""

from django.db import migrations, models

from tenants.index_builds import BuildIndexApart


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("leads", "0028_meeting_bar"),
    ]

    operations = [
        BuildIndexApart(
            model_name="lead",
            index=models.Index(
                fields=["tenant", "-created_at", "-id"],
                include=("stage", "source", "campaign", "channel", "is_test"),
                name="lead_created",
            ),
        ),
    ]
