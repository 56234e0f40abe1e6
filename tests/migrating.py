"""Migrations in a twelfth of the time, for test databases.

After every operation Django draws all models anew that are related to the changed one, however far away; here
that is all of them, through the tenant, five hundred times. For the schema the changed model is enough. Where
a migration runs Python, Django itself draws everything anew, since it knows that this was put off.
tests/ops/test_quick_migrations.py holds that the schema is the same to the last constraint.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db.migrations.state import ProjectState


@contextmanager
def quick_migrations() -> Iterator[None]:
    """Migrations that run in this block draw no model anew but the one that they change."""
    name = "_find_reload_model"
    thorough = getattr(ProjectState, name)

    def itself(self: Any, app_label: str, model_name: str, delay: bool = False) -> set[tuple[str, str]]:
        self.is_delayed = True
        return {(app_label, model_name)}

    setattr(ProjectState, name, itself)
    try:
        yield
    finally:
        setattr(ProjectState, name, thorough)
