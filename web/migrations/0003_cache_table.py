from django.db import migrations


class Migration(migrations.Migration):
    """The table behind Django's cache where there is no Redis. Made here, so that nobody has to run a command for it."""

    dependencies = [
        ("web", "0002_row_security"),
    ]

    operations = [
        migrations.RunSQL(
            "CREATE UNLOGGED TABLE web_cache"
            " (cache_key varchar(255) PRIMARY KEY, value text NOT NULL, expires timestamptz NOT NULL);"
            " CREATE INDEX web_cache_expires ON web_cache (expires)",
            "DROP TABLE web_cache",
        ),
    ]
