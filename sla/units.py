"""Business units and product lines whose leads run by policies of their own, side by side."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from core.errors import Conflict, FieldError, NotFound, ValidationFailed
from core.rules import InvalidRule, Rule, Schema, compile_rule, describe, validate
from leads.criteria import SCHEMA
from leads.list_names import ListNames
from leads.list_use import unknown_lists
from sla.models import BusinessUnit, PolicyVersion
from tenants.audit import record_change
from tenants.config import configured
from tenants.context import current_tenant_id
from tenants.models import Tenant, VersionState
from tenants.versions import published_version

MOST_UNITS: Final = 50
LONGEST_NAME: Final = 80
LONGEST_SLUG: Final = 60
#: What a unit's rule may ask about: all that a tier's may, but the tier, which only its policy says.
UNIT_SCHEMA: Final = Schema([each for each in SCHEMA.fields if each.name != "sla.tier"])
_SLUG: Final = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*")
_ONCE: Final = "There is another business unit of this {}."


@dataclass(frozen=True, slots=True)
class ActiveUnit:
    """A unit that leads can belong to."""

    id: UUID
    rule: Rule


# --- Reading ---


@configured
def active_units() -> tuple[ActiveUnit, ...]:
    """The active units in the order in which they are tried; one whose rule fits the schema no more is left
    out.
    """
    found = []
    for unit in BusinessUnit.objects.filter(is_active=True).order_by("position", "id"):
        try:
            found.append(ActiveUnit(unit.id, compile_rule(unit.when, UNIT_SCHEMA)))
        except InvalidRule:
            continue
    return tuple(found)


@configured
def has_units() -> bool:
    """Whether the organisation has business units at all, active or not."""
    return bool(BusinessUnit.objects.exists())


def policy_lines() -> tuple[UUID | None, ...]:
    """The lines of the policy: None for the main one, then the id of every unit, active or not."""
    return (None, *BusinessUnit.objects.order_by("position", "id").values_list("id", flat=True))


def all_units() -> list[BusinessUnit]:
    """Every unit, in the order in which they are tried."""
    return list(BusinessUnit.objects.order_by("position", "id"))


def get_unit(unit_id: UUID) -> BusinessUnit:
    """A unit of this organisation. Raises NotFound."""
    found: BusinessUnit | None = BusinessUnit.objects.filter(id=unit_id).first()
    if found is None:
        raise NotFound("There is no such business unit.")
    return found


def named_unit(slug: str | None) -> BusinessUnit | None:
    """The unit of a slug; None, the main policy, without one. Raises NotFound."""
    if not slug:
        return None
    found: BusinessUnit | None = BusinessUnit.objects.filter(slug=slug[:LONGEST_SLUG]).first()
    if found is None or found.slug != slug:
        raise NotFound("There is no business unit of this slug.")
    return found


def rule_words(unit: BusinessUnit) -> str:
    """Whose leads are the unit's, in a sentence; "" for a rule that fits the schema no more."""
    try:
        return describe(ListNames().in_rules(unit.when), UNIT_SCHEMA)
    except InvalidRule:
        return ""


def unit_document(unit: BusinessUnit) -> dict[str, Any]:
    """A unit as the record of changes keeps it and the API answers it."""
    return {
        "name": unit.name,
        "slug": unit.slug,
        "position": unit.position,
        "when": unit.when,
        "is_active": unit.is_active,
    }


# --- Changing ---


@transaction.atomic
def create_unit(
    *, name: str, when: object, actor: str, now: datetime, slug: str = "", is_active: bool = True
) -> BusinessUnit:
    """A new unit, tried after the others. Its leads run by the main policy until a version of its own is
    published.

    slug: made from the name where it is left out. Raises ValidationFailed with the place of every error;
    Conflict beyond MOST_UNITS, and before the main policy is published: what no unit takes falls to it.
    """
    Tenant.objects.select_for_update(no_key=True).get(id=current_tenant_id())
    if published_version(PolicyVersion) is None:
        raise Conflict("Publish the organisation's policy first: leads that no unit takes run by it.")
    units = all_units()
    if len(units) >= MOST_UNITS:
        raise Conflict(f"There are {MOST_UNITS} business units already, the most there can be.")
    unit = BusinessUnit(
        name=name.strip(),
        slug=slug or _free_slug(name, {each.slug for each in units}),
        position=max((each.position for each in units), default=0) + 1,
        when=when,
        is_active=is_active,
    )
    _check(unit, units)
    try:
        with transaction.atomic():
            unit.save(force_insert=True)
    except IntegrityError as error:
        raise Conflict("Somebody else made a unit at the same moment. Look at it, then try again.") from error
    _record(unit, "created", actor=actor, before=None, now=now)
    return unit


@transaction.atomic
def change_unit(unit_id: UUID, *, changes: Mapping[str, Any], actor: str, now: datetime) -> BusinessUnit:
    """Change a unit's `name`, `when`, `is_active` or `position` (1 is tried first); what is left out stays.

    New leads follow at once; open ones keep the version that they run by. Raises NotFound, and
    ValidationFailed with the place of every error.
    """
    units = _locked()
    unit = next((each for each in units if each.id == unit_id), None)
    if unit is None:
        raise NotFound("There is no such business unit.")
    units.sort(key=lambda each: (each.position, each.id))
    before = {**unit_document(unit), "position": units.index(unit) + 1}
    if "name" in changes:
        unit.name = str(changes["name"]).strip()
    if "when" in changes:
        unit.when = changes["when"]
    if "is_active" in changes:
        unit.is_active = bool(changes["is_active"])
    _check(unit, [each for each in units if each is not unit])
    place = changes.get("position", before["position"])
    if not 1 <= place <= len(units):
        raise ValidationFailed.at("/position", f"From 1 to {len(units)}.", "out_of_range")
    units.remove(unit)
    units.insert(place - 1, unit)
    for number, each in enumerate(units, start=1):
        if each.position != number or each is unit:
            each.position = number
            each.save(update_fields=["name", "when", "is_active", "position"])
    if unit_document(unit) != before:
        _record(unit, "changed", actor=actor, before=before, now=now)
    return unit


@transaction.atomic
def remove_unit(unit_id: UUID, *, actor: str, now: datetime) -> None:
    """Take away a unit that never had a policy. Raises NotFound; Conflict where it has versions: leads may
    run by them, so it is switched off instead.
    """
    unit = next((each for each in _locked() if each.id == unit_id), None)
    if unit is None:
        raise NotFound("There is no such business unit.")
    _record(unit, "removed", actor=actor, before=unit_document(unit), now=now)
    try:
        unit.delete()
    except ProtectedError as error:
        others = PolicyVersion.objects.filter(unit_id=unit_id).exclude(state=VersionState.DRAFT)
        raise Conflict(
            f"{unit.name} has had a policy, and leads may run by it: switch it off instead."
            if others.exists()
            else f"A policy of {unit.name} is being drafted: discard the draft first."
        ) from error


def lock_unit(unit: BusinessUnit | None) -> None:
    """Let nobody remove a unit while a draft of its policy is begun. Raises NotFound where it is gone."""
    if unit is None:
        return
    if not BusinessUnit.objects.select_for_update(of=("self",), no_key=True).filter(id=unit.id).exists():
        raise NotFound("There is no such business unit.")


def _locked() -> list[BusinessUnit]:
    """Every unit, and nobody else changes one. The tenant's row is locked last, as everywhere."""
    units = list(BusinessUnit.objects.select_for_update(of=("self",)).order_by("id"))
    Tenant.objects.select_for_update(no_key=True).get(id=current_tenant_id())
    return units


def _free_slug(name: str, taken: set[str]) -> str:
    base = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[: LONGEST_SLUG - 4].strip("-") or "unit"
    found, number = base, 1
    while found in taken:
        number += 1
        found = f"{base}-{number}"
    return found


def _check(unit: BusinessUnit, others: list[BusinessUnit]) -> None:
    """Raises ValidationFailed with the place of everything that is wrong with a unit."""
    errors = []
    if not unit.name or len(unit.name) > LONGEST_NAME:
        errors.append(FieldError("/name", f"Needed: a text of at most {LONGEST_NAME} characters.", "text"))
    if not _SLUG.fullmatch(unit.slug) or len(unit.slug) > LONGEST_SLUG:
        text = f"At most {LONGEST_SLUG} small letters, digits, and single hyphens between them."
        errors.append(FieldError("/slug", text, "slug"))
    if any(each.name.lower() == unit.name.lower() for each in others):
        errors.append(FieldError("/name", _ONCE.format("name"), "duplicate"))
    if any(each.slug == unit.slug for each in others):
        errors.append(FieldError("/slug", _ONCE.format("slug"), "duplicate"))
    if unit.when is None:
        errors.append(FieldError("/when", "Whose leads? A unit needs a rule.", "required"))
    else:
        errors += [
            FieldError(f"/when{wrong.path}", wrong.message, wrong.code)
            for wrong in validate(unit.when, UNIT_SCHEMA)
        ]
        errors += [
            FieldError(f"/when{wrong.path}", wrong.message, wrong.code) for wrong in unknown_lists(unit.when)
        ]
    if errors:
        raise ValidationFailed("The business unit is not valid: " + errors[0].message, field_errors=errors)


def _record(unit: BusinessUnit, action: str, *, actor: str, before: Any, now: datetime) -> None:
    record_change(
        actor=actor,
        action=action,
        object_type="businessunit",
        object_id=unit.id,
        before=before,
        after=None if action == "removed" else unit_document(unit),
        now=now,
    )


def rules_kept() -> list[tuple[str, object]]:
    """The rules of business units, and where they stand: for whoever looks for what rules ask about."""
    rows = BusinessUnit.objects.order_by("position").values_list("name", "when")
    return [(f"business unit {name}", when) for name, when in rows]
