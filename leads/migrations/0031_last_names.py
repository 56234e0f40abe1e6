"""Leads are found by their last name alone. The database writes the column into every lead, and keeps the table to
itself while it does: about ten seconds for a million."""

from django.db import migrations, models
from django.db.models.functions import Lower


class Migration(migrations.Migration):
    dependencies = [
        ("leads", "0030_creation_once"),
    ]

    operations = [
        migrations.AddField(
            model_name="lead",
            name="lower_last_name",
            field=models.GeneratedField(
                db_persist=True, expression=Lower("last_name"), output_field=models.TextField()
            ),
        ),
        migrations.AddIndex(
            model_name="lead",
            index=models.Index(
                fields=["tenant", "lower_last_name"],
                name="lead_by_last_name",
                opclasses=["uuid_ops", "text_pattern_ops"],
            ),
        ),
    ]
