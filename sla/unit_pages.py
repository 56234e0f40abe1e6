"""What the pages of the policy share about business units: which one is asked for, addresses, tabs."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.urls import reverse

from sla.models import BusinessUnit
from sla.units import all_units, named_unit, rule_words
from tenants.requests import TenantRequest


def asked_unit(request: TenantRequest) -> BusinessUnit | None:
    """The unit whose policy a page is about (?unit=<slug>); None for the main policy. Raises NotFound."""
    return named_unit(request.GET.get("unit"))


def line_of(unit: BusinessUnit | None) -> UUID | None:
    """The line of versions of a unit, or of the main policy."""
    return unit.id if unit else None


def address(page: str, unit: BusinessUnit | None, **more: str) -> str:
    """The address of a page of the policy about a unit."""
    query = urlencode({**({"unit": unit.slug} if unit else {}), **more})
    return f"{reverse(page)}?{query}" if query else reverse(page)


def unit_context(unit: BusinessUnit | None, page: str) -> dict[str, Any]:
    """For templates: unit, its rule in words, what is added to addresses, and tabs to the same page of every
    unit; none where there are no units. One query.
    """
    units = all_units()
    tabs = [
        {
            "label": (each.name + ("" if each.is_active else " (off)")) if each else "Everybody else",
            "url": address(page, each),
            "current": line_of(each) == line_of(unit),
        }
        for each in (*units, None)
    ]
    return {
        "unit": unit,
        "unit_rule": rule_words(unit) if unit else "",
        "unit_query": f"?unit={unit.slug}" if unit else "",
        "unit_tabs": tabs if units else [],
    }
