"""Only the owner role changes the schema; the app role, which runs the product, cannot."""

from __future__ import annotations

from typing import Any


class OwnerMigrates:
    """Database router: migrations run on the alias `owner` alone."""

    def allow_migrate(self, db: str, app_label: str, model_name: str | None = None, **hints: Any) -> bool:
        return db == "owner"

    def allow_relation(self, obj1: Any, obj2: Any, **hints: Any) -> bool:
        return True
