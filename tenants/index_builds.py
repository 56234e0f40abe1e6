"""Indexes of big tables, built without stopping who writes to them: for migrations with `atomic = False`,
which have nothing else in them.
"""

from __future__ import annotations

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import ProjectState


class BuildIndexApart(AddIndexConcurrently):
    """Build an index while its table is written. A build that was broken off leaves an index that PostgreSQL
    does not use: it is dropped first, so running the migration again mends it.
    """

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        model = to_state.apps.get_model(app_label, self.model_name)
        if not self.allow_migrate_model(schema_editor.connection.alias, model):
            return
        self._ensure_not_in_transaction(schema_editor)
        name = schema_editor.quote_name(self.index.name)
        schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}", params=None)
        super().database_forwards(app_label, schema_editor, from_state, to_state)
