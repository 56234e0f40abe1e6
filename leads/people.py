"""Who is it? One person is one lead, by e-mail or by the id that another system gave."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from core.errors import Conflict, DomainError
from leads.arrivals import Person
from leads.incoming import LeadIn, check
from leads.matching import normalise_email
from tenants.arrays import with_arrays
from tenants.context import current_tenant_id


def find_people(items: Sequence[LeadIn], now: datetime) -> tuple[list[Person], dict[int, DomainError]]:
    """Sort the items by person. Items that make no sense, or name two different leads, are refused: their
    errors by position."""
    people: list[Person] = []
    errors: dict[int, DomainError] = {}
    good: list[tuple[int, LeadIn, str]] = []
    for index, item in enumerate(items):
        error = check(item, now)
        if error is not None:
            errors[index] = error
        else:
            good.append((index, item, normalise_email(item.email)))
    by_email, by_id = _look_up(good)
    by_lead: dict[UUID, Person] = {}
    emails: dict[str, Person] = {}
    outside: dict[tuple[str, str], Person] = {}
    for email, lead_id in by_email.items():
        emails[email] = by_lead.setdefault(lead_id, Person(lead_id))
    for key, lead_id in by_id.items():
        outside[key] = by_lead.setdefault(lead_id, Person(lead_id))
    for index, item, email in good:
        key = (item.external_system, item.external_id)
        named = emails.get(email) if email else None
        known = outside.get(key) if item.external_id else None
        if named is not None and known is not None and named is not known:
            errors[index] = Conflict(
                "The e-mail belongs to one lead and the external id to another: correct one of them.",
                conflict="identity",
            )
            continue
        person = named or known or Person(None)
        if email:
            emails[email] = person
        if item.external_id:
            if known is None:
                person.new_ids[key] = None
            outside[key] = person
        if not person.items:
            people.append(person)
        person.items.append((index, item))
    return people, errors


def _look_up(good: Sequence[tuple[int, LeadIn, str]]) -> tuple[dict[str, UUID], dict[tuple[str, str], UUID]]:
    """Leads that are known by these e-mails and by these outside ids, in one statement."""
    emails = sorted({email for _, _, email in good if email})
    ids = {(item.external_system, item.external_id) for _, item, _ in good if item.external_id}
    parts: list[str] = []
    parameters: list[Any] = []
    if emails:
        # "not (email = '')" is the condition of the index, which a long list alone does not imply.
        parts.append(
            "select id, email, null::text, null::text from leads_lead"
            " where tenant_id = %s and email = any(%s) and not (email = '')"
        )
        parameters += [str(current_tenant_id()), emails]
    if ids:
        # Systems are few: what the two lists let through besides is not asked for below.
        parts.append(
            "select lead_id, null::text, system, external_id from leads_leadexternalid"
            " where tenant_id = %s and system = any(%s) and external_id = any(%s)"
        )
        systems, keys = {system for system, _ in ids}, {key for _, key in ids}
        parameters += [str(current_tenant_id()), sorted(systems), sorted(keys)]
    by_email: dict[str, UUID] = {}
    by_id: dict[tuple[str, str], UUID] = {}
    if parts:
        with connection.cursor() as cursor:
            cursor.execute(" union all ".join(parts), with_arrays(parameters))
            for lead_id, email, system, external_id in cursor.fetchall():
                if email is not None:
                    by_email[email] = lead_id
                elif (system, external_id) in ids:
                    by_id[(system, external_id)] = lead_id
    return by_email, by_id
