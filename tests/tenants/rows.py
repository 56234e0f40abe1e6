"""A row of every tenant model, made from the models themselves: a new model is in the tests by existing."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db import connection, models
from psycopg2.extras import Json

from tenants.models import Calendar, CalendarVersion
from tenants.rls import is_tenant_model
from tests.factories import MQL_RULE, POLICY, Org

AT = datetime(2026, 11, 17, 9, 0, tzinfo=UTC)
TENANT_MODELS: list[type[models.Model]] = [model for model in apps.get_models() if is_tenant_model(model)]
_RULES = {"pools": [], "priorities": [], "horizon_minutes": 30}
_HOURS = {"tz": "UTC", "weekly": {"mon": [["09:00", "17:00"]]}, "country": "", "holidays": {}, "extra": {}}
# Values that a check constraint asks for, and documents that pages read.
SPECIAL: dict[str, dict[str, Any]] = {
    "tenants.RepProfile": {"time_zone": "UTC"},
    "tenants.Leave": {"starts_at": AT, "ends_at": datetime(2026, 11, 18, 9, 0, tzinfo=UTC)},
    "sla.Pause": {"started_at": AT, "until": datetime(2026, 11, 18, 9, 0, tzinfo=UTC)},
    "tenants.Publication": {"kind": "policy"},
    "tenants.CalendarVersion": {"spec": Json(_HOURS)},
    "feedback.Meeting": {
        "starts_at": AT,
        "ends_at": datetime(2026, 11, 17, 10, 0, tzinfo=UTC),
        "absent": "",
    },
    "leads.Opportunity": {"outcome": ""},
    "leads.DirtyHandoff": {"lead_id": "00000000-0000-4000-8000-000000000001"},
    "leads.CriteriaVersion": {
        "content": Json({"rule": MQL_RULE, "fit": None, "exclude": [], "required": ["email"]})
    },
    "leads.SqlBarVersion": {
        "content": Json(
            {
                "questions": [
                    {
                        "key": "need",
                        "label": "Need confirmed",
                        "hint": "",
                        "answer": "yes_no",
                        "choices": [],
                        "must": False,
                        "must_be": True,
                    }
                ]
            }
        )
    },
    "routing.RuleSetVersion": {"content": Json(_RULES)},
    "routing.SimulationRun": {"rules": Json(_RULES), "side": "live", "state": "done", "days": 7},
    "routing.LeadCase": {
        "facts": Json({"title": "CTO"}),
        "expects": Json({"qualifies": True}),
        "comes_on": "tue",
        "comes_at": "10:00",
    },
    "sla.BusinessUnit": {"when": Json(MQL_RULE)},
    "sla.PolicyVersion": {"content": Json(POLICY)},
    "reporting.CommitmentTarget": {"commitment": "mql_volume", "valid_from": date(2026, 11, 1)},
    "reporting.CommitmentNote": {"commitment": "acceptance", "month": date(2026, 11, 1)},
    "reporting.KpiTarget": {"kpi": "close_rate", "target": 25, "valid_from": date(2026, 11, 1)},
    "reporting.KpiOwner": {"kpi": "close_rate"},
    "reporting.SourceCost": {"currency": "EUR", "month": date(2026, 10, 1)},
    "reporting.Agreement": {"document": Json({"sections": []})},
    "reporting.AgreementSettings": {"review_day": 5, "freeze_days": 30},
    "reporting.Review": {"first_day": date(2026, 11, 1), "frozen": None},
    "reporting.FreezeOverride": {"kind": "policy"},
}


@dataclass(frozen=True)
class Rows:
    """One tenant with the id of one row of every model."""

    org: Org
    ids: dict[type[models.Model], UUID]


def marker(org: Org) -> str:
    """A text that only this tenant's rows have; short enough for every column."""
    return f"zz{org.tenant.slug[:6]}zz"


def _plain_value(model: type[models.Model], field: models.Field, text: str) -> Any:
    if field.has_default() and not isinstance(field, models.CharField | models.TextField):
        value = field.get_default()
        return Json(value) if isinstance(field, models.JSONField) else value
    if field.null:
        return None
    match field:
        case models.CharField() if field.name == "email":
            return f"{text}-{uuid.uuid4().hex[:12]}@{text}.example"
        case models.URLField():
            return f"https://{text}.example/{uuid.uuid4().hex[:12]}"
        case models.CharField() if field.choices:
            return field.get_default() or field.choices[0][0]
        case models.CharField() | models.TextField():
            room = field.max_length or 200
            return f"{text}{uuid.uuid4().hex}"[:room]
        case models.JSONField():
            return Json({"note": text})
        case models.DateTimeField():
            return AT
        case models.TimeField():
            return time(8)
        case models.DateField():
            return date(2026, 11, 17)
        case models.BooleanField():
            return False
        case models.UUIDField():
            return uuid.uuid4()
        case models.DecimalField():
            return 100
        case models.IntegerField():
            return int(uuid.uuid4().int % 30_000) + 1
    raise AssertionError(f"tests/tenants/rows.py knows no value for {model._meta.label}.{field.name}")


def required_values(model: type[models.Model], rows: Rows) -> dict[str, Any]:
    """Column values of a new row of `model`; compulsory references go to the tenant's own rows."""
    values: dict[str, Any] = {"id": uuid.uuid4(), "tenant_id": rows.org.id}
    for field in model._meta.local_concrete_fields:
        if field.name in ("id", "tenant") or field.generated:
            continue
        if isinstance(field, models.ForeignKey):
            if is_tenant_model(field.related_model):
                # References that may be empty are filled too where the row is there: a richer sample.
                values[field.column] = (
                    rows.ids.get(field.related_model) if field.null else rows.ids[field.related_model]
                )
            else:
                values[field.column] = _new_user(rows.org)
        else:
            values[field.column] = _plain_value(model, field, marker(rows.org))
    return {**values, **SPECIAL.get(model._meta.label, {})}


def _new_user(org: Org) -> UUID:
    from tenants.models import User

    email = f"{marker(org)}-{uuid.uuid4().hex[:12]}@{marker(org)}.example"
    return User.objects.create(email=email, name=marker(org), password="!").id


def insert_raw(model: type[models.Model], values: dict[str, Any]) -> None:
    """Insert past Django's layers, so that only the database can refuse."""
    columns = ", ".join(f'"{column}"' for column in values)
    marks = ", ".join(["%s"] * len(values))
    with connection.cursor() as cursor:
        cursor.execute(
            f'insert into "{model._meta.db_table}" ({columns}) values ({marks})', list(values.values())
        )


def make_rows(org: Org) -> dict[type[models.Model], UUID]:
    """One new row of every model in `org`'s tenant, referred-to models first."""
    rows = Rows(org, {})
    waiting = list(TENANT_MODELS)
    with org.scope():
        while waiting:
            ready = [model for model in waiting if _needs(model) <= set(rows.ids)]
            assert ready, f"compulsory references go in a circle: {waiting}"
            for model in ready:
                rows.ids[model] = _only_row(model) or _new_row(model, rows)
                waiting.remove(model)
        _put_in_force(rows)
    return rows.ids


def _put_in_force(rows: Rows) -> None:
    """A calendar names its version in force without a key, since each would need the other first."""
    calendar = Calendar.objects.get(id=rows.ids[Calendar])
    calendar.current_version_id = rows.ids[CalendarVersion]
    calendar.save(update_fields=["current_version_id"])


def _only_row(model: type[models.Model]) -> UUID | None:
    """The row of a model that has one a tenant, where it is there already."""
    if ("tenant",) in [tuple(getattr(one, "fields", ())) for one in model._meta.constraints]:
        return model.objects.values_list("id", flat=True).first()
    return None


def _new_row(model: type[models.Model], rows: Rows) -> UUID:
    values = required_values(model, rows)
    insert_raw(model, values)
    return values["id"]


def _needs(model: type[models.Model]) -> set[type[models.Model]]:
    return {
        field.related_model
        for field in model._meta.local_fields
        if isinstance(field, models.ForeignKey) and not field.null and is_tenant_model(field.related_model)
    }
