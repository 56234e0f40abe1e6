"""What handoffs of our own were answered, for the feedback coverage. The database's default serves code that
does not know them; the cells are counted anew by their layout."""

from django.db import migrations, models


def count() -> models.PositiveIntegerField:
    return models.PositiveIntegerField(default=0, db_default=0)


class Migration(migrations.Migration):
    dependencies = [
        ("reporting", "0026_kind_of_handoff"),
    ]

    operations = [
        migrations.AddField(model_name="handoffrollup", name="live_decided", field=count()),
        migrations.AddField(model_name="handoffrollup", name="live_rejected", field=count()),
        migrations.AddField(model_name="handoffrollup", name="progressing", field=count()),
    ]
