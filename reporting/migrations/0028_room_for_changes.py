"""Pages of roll-ups keep a quarter free, so that a changed cell finds room on its own page and its indexes need
not be told. Holds for pages that are filled from now on: a rebuild gives it to all."""

from django.db import migrations


def room(table: str) -> migrations.RunSQL:
    return migrations.RunSQL(
        f"alter table {table} set (fillfactor = 75)", f"alter table {table} reset (fillfactor)"
    )


class Migration(migrations.Migration):
    dependencies = [
        ("reporting", "0027_live_answers"),
    ]

    operations = [room("reporting_rollup"), room("reporting_handoffrollup")]
