"""The former index of leads by creation: the covering one serves all that it did."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("leads", "0029_created_covering"),
    ]

    operations = [
        migrations.RemoveIndex(model_name="lead", name="lead_by_creation"),
    ]
