"""Of clocks those that ever stood, for rebuilds of reports; built while clocks run."""

from django.db import migrations, models

from tenants.index_builds import BuildIndexApart


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("leads", "0031_last_names"),
        ("sla", "0015_kept_or_broken"),
        ("tenants", "0014_organisation_currency"),
    ]

    operations = [
        BuildIndexApart(
            model_name="timer",
            index=models.Index(
                condition=models.Q(
                    ("paused_at__isnull", False), models.Q(("gaps", []), _negated=True), _connector="OR"
                ),
                fields=["tenant", "handoff"],
                name="timer_that_stood",
            ),
        ),
    ]
