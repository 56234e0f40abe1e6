"""`among`: rows whose id is one of many, `Timer.objects.filter(handoff_id__among=ids)`.

As `in`, with the ids as one array: hundreds of them cost the query's making and its reading hardly more than
one does.
"""

from __future__ import annotations

from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import CharField, ForeignKey, Lookup, UUIDField

from tenants.arrays import as_array


@CharField.register_lookup
@ForeignKey.register_lookup
@UUIDField.register_lookup
class Among(Lookup):  # type: ignore[type-arg]  # it takes none when it runs
    """The column is one of a collection of values; of none, nothing is."""

    lookup_name = "among"

    def get_prep_lookup(self) -> str:
        return as_array(self.rhs)

    def as_sql(self, compiler: Any, connection: BaseDatabaseWrapper) -> tuple[str, tuple[Any, ...]]:
        column, parameters = self.process_lhs(compiler, connection)
        kind = str(self.lhs.output_field.db_type(connection)).split("(")[0]
        return f"{column} = any(%s::{kind}[])", (*parameters, self.rhs)
