"""What each of several systems called the stage of a lead last: the word of one takes back no other's."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("leads", "0020_signs_of_work")]

    operations = [
        migrations.AddField(
            model_name="lead",
            name="stage_by_system",
            field=models.JSONField(null=True),
        ),
    ]
