"""Each change of an account has its leads looked at again, though one look may be waiting already."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("leads", "0015_sql_bar"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="datawait",
            name="looked_at_again_once",
        ),
        migrations.AlterField(
            model_name="datawait",
            name="outcome",
            field=models.CharField(
                blank=True,
                choices=[
                    ("complete", "Complete"),
                    ("expired", "Expired"),
                    ("needs_data", "Needs Data"),
                    ("not_qualified", "Not Qualified"),
                ],
                max_length=13,
            ),
        ),
    ]
