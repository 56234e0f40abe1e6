"""What an arrival said of itself is kept while its lead waits for data."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("leads", "0017_names_to_compare")]

    operations = [
        migrations.AddField(
            model_name="lead",
            name="kept_arrival",
            field=models.JSONField(null=True),
        ),
    ]
