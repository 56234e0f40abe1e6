from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0002_row_security"),
    ]

    operations = [
        migrations.CreateModel(
            name="RateWindow",
            fields=[
                ("bucket", models.CharField(max_length=160, primary_key=True, serialize=False)),
                ("started", models.BigIntegerField()),
                ("taken", models.IntegerField()),
            ],
            options={
                "indexes": [models.Index(fields=["started"], name="rate_window_by_start")],
            },
        ),
        # Counters may be forgotten by a crash, so they need not be written twice.
        migrations.RunSQL(
            "ALTER TABLE tenants_ratewindow SET UNLOGGED", "ALTER TABLE tenants_ratewindow SET LOGGED"
        ),
    ]
