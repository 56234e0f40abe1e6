"""The first of three layers: a query of tenant rows names its tenant, or raises. The others are in the
database."""

from __future__ import annotations

from typing import Any

from django.db import models

from tenants.context import current_tenant_id


class TenantManager(models.Manager[Any]):
    """Default manager of every tenant table: rows of the tenant in force; TenantNotSetError without one.

    It is also the base manager, so `refresh_from_db`, `save` and foreign-key access name the tenant as well:
    every statement on a hot path carries `tenant_id = constant`, which row security repeats and sharding
    needs.
    """

    use_in_migrations = False

    def get_queryset(self) -> models.QuerySet[Any]:
        return super().get_queryset().filter(tenant_id=current_tenant_id())
