"""What disputes owe, on pages of lower floors that know nothing of disputes."""

from __future__ import annotations

from typing import Any

from django import template
from django.template import Context

from handoff.follow_ups import owed
from tenants.models import Role

register = template.Library()


@register.inclusion_tag("handoff/_owed.html", takes_context=True)
def owed_by_disputes(context: Context, about: str) -> dict[str, Any]:
    """The follow-ups about "criteria" or "routing" that wait for a version; nothing where none does. Two
    queries at most, one where nothing is owed."""
    request: Any = context["request"]
    return {
        "owed": owed(about, request.member),
        "may_answer": request.member.role in (Role.ADMIN, Role.MARKETING),
        "next": request.get_full_path(),
        "csrf_token": context.get("csrf_token"),
    }
