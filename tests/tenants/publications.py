"""Admins and drafts, for tests of second approvals and of versions for a later day."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sla.models import PolicyVersion
from tenants import versions
from tenants.audit import member_actor
from tenants.models import Member, Publication, Role
from tenants.services import add_member
from tests.factories import POLICY, Org


def second_admin(org: Org, name: str = "Bea") -> Member:
    with org.scope():
        return add_member(
            tenant=org.tenant,
            name=f"{name} {org.tenant.name}",
            email=f"{name.lower()}@{org.tenant.slug}.example",
            role=Role.ADMIN,
        )


def approval_on(org: Org, now: datetime, kind: str = "policy") -> Member:
    """Second approval of a kind, and the second admin whom it needs."""
    other = second_admin(org)
    with org.scope():
        versions.set_second_approval(kind=kind, on=True, actor=member_actor(org.admin), now=now)
    return other


def drafted(by: Member, now: datetime, **parts: Any) -> PolicyVersion:
    """A draft of the policy, saved once by somebody. In scope."""
    actor = member_actor(by)
    draft = versions.open_draft(PolicyVersion) or versions.start_draft(PolicyVersion, actor=actor, now=now)
    content = {**POLICY, "responses": ["call"], **parts}
    return versions.save_draft(draft, content=content, expected_revision=draft.revision, actor=actor, now=now)


def asked(by: Member, draft: PolicyVersion, now: datetime, **more: Any) -> Publication:
    """Somebody asks for the approval of a draft. In scope."""
    return versions.ask(
        draft, actor=member_actor(by), asker=by, now=now, expected_revision=draft.revision, **more
    )
