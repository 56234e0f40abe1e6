"""Drafts of the routing rules, and the rules as they stand now."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from core.errors import NotFound
from routing.models import Pool, RuleSetVersion
from routing.rules_edit import EVERYONE_ELSE
from tenants import versions


def begin_draft(*, actor: str, now: datetime) -> RuleSetVersion:
    """Begin the next version: a copy of the rules in force, else one rule that sends everyone to a pool.

    Raises Conflict where a draft is open already.
    """
    in_force = versions.version_in_force(RuleSetVersion, now)
    content = None if in_force else first_content()
    return versions.start_draft(RuleSetVersion, actor=actor, now=now, content=content)


def first_content() -> dict[str, Any]:
    """Rules to begin with where there are none: everyone goes to the first pool."""
    slug = Pool.objects.filter(is_active=True).order_by("id").values_list("slug", flat=True)
    rule = {"name": EVERYONE_ELSE, "when": None, "pool": slug.first() or ""}
    return {"pools": [rule], "priorities": [], "horizon_minutes": 30}


def get_version(version_id: UUID) -> RuleSetVersion:
    """A version of this organisation's rules. Raises NotFound."""
    found: RuleSetVersion | None = RuleSetVersion.objects.filter(id=version_id).first()
    if found is None:
        raise NotFound("There is no such version of the routing rules.")
    return found


def pool_names() -> dict[str, str]:
    """Every pool's name by its slug."""
    return dict(Pool.objects.values_list("slug", "name"))
