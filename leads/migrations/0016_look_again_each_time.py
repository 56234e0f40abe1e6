"""Each change of an account has its leads looked at again, though one look may be waiting already."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("leads", "0015_sql_bar"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="datawait",
            name="looked_at_again_once",
        ),
    ]
