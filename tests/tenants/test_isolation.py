"""The three layers, each without the other two: managers, row security, composite keys."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, models, transaction
from django.db.utils import DataError, ProgrammingError

from tenants.context import TenantMixError, TenantNotSetError, tenant_id_or_none, tenant_scope
from tenants.managers import TenantManager
from tests.factories import make_org
from tests.tenants.rows import TENANT_MODELS, Rows, insert_raw, make_rows, required_values

REFERENCES = [
    (model, field)
    for model in TENANT_MODELS
    for field in model._meta.local_fields
    if isinstance(field, models.ForeignKey)
    and field.name != "tenant"
    and field.related_model in TENANT_MODELS
]


@pytest.fixture(scope="module", autouse=True)
def two(django_db_setup: None, django_db_blocker: Any) -> Iterator[tuple[Rows, Rows]]:
    """Two tenants with a row of every model each, really committed: in a wrapped test the setting outlives
    its savepoint and proves nothing. Made once, since making them is what takes long; gone when the module
    ends."""
    now = datetime(2026, 11, 17, 9, 0, tzinfo=UTC)
    with django_db_blocker.unblock():
        here, there = make_org("acme", now=now), make_org("globex", now=now)
        try:
            yield Rows(here, make_rows(here)), Rows(there, make_rows(there))
        finally:
            call_command("flush", verbosity=0, interactive=False, database="owner", inhibit_post_migrate=True)


def count(table: str, where: str = "true") -> int:
    with connection.cursor() as cursor:
        cursor.execute(f'select count(*) from "{table}" where {where}')
        return cursor.fetchone()[0]


def changed_rows(rows: Rows, statement: str, *parameters: object) -> int:
    """How many rows a statement changes in this tenant's scope; none where the app role may not run it at
    all."""
    with rows.org.scope(), connection.cursor() as cursor:
        try:
            with transaction.atomic():
                cursor.execute(statement, parameters)
                return cursor.rowcount
        except ProgrammingError as error:
            if "permission denied" not in str(error):  # append-only
                raise
            return 0


def test_every_model_has_a_row_in_each_tenant(two: tuple[Rows, Rows]) -> None:
    for rows in two:
        with rows.org.scope():
            for model in TENANT_MODELS:
                assert model.objects.exists(), model._meta.label


# First layer


@pytest.mark.parametrize("model", TENANT_MODELS, ids=lambda model: model._meta.label)
def test_a_query_without_a_tenant_raises(model: type[models.Model]) -> None:
    with pytest.raises(TenantNotSetError):
        model.objects.all()
    with pytest.raises(TenantNotSetError):
        model._base_manager.all()


@pytest.mark.parametrize("model", TENANT_MODELS, ids=lambda model: model._meta.label)
def test_a_query_names_its_tenant(model: type[models.Model], two: tuple[Rows, Rows]) -> None:
    with two[0].org.scope():
        assert str(two[0].org.id).replace("-", "") in str(model.objects.all().query).replace("-", "")
        assert not model.objects.filter(tenant_id=two[1].org.id).exists()


def test_scopes_of_two_tenants_never_nest(two: tuple[Rows, Rows]) -> None:
    with two[0].org.scope(), pytest.raises(TenantMixError), two[1].org.scope():
        pass
    assert tenant_id_or_none() is None


def test_a_scope_ends_with_its_block_even_when_it_raises(two: tuple[Rows, Rows]) -> None:
    def fail() -> None:
        with two[0].org.scope():
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert tenant_id_or_none() is None
    assert count("leads_lead") == 0


# Second layer: row security alone


@pytest.mark.parametrize("model", TENANT_MODELS, ids=lambda model: model._meta.label)
def test_plain_sql_without_a_tenant_sees_nothing(model: type[models.Model], two: tuple[Rows, Rows]) -> None:
    assert count(model._meta.db_table) == 0


@pytest.mark.parametrize("model", TENANT_MODELS, ids=lambda model: model._meta.label)
def test_row_security_alone_leaks_no_row(
    model: type[models.Model], two: tuple[Rows, Rows], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TenantManager, "get_queryset", models.Manager.get_queryset)
    here, there = two
    with here.org.scope():
        seen = set(model._default_manager.values_list("tenant_id", flat=True))
        assert seen == {here.org.id}
        assert not model._default_manager.filter(id=there.ids[model]).exists()


@pytest.mark.parametrize("model", TENANT_MODELS, ids=lambda model: model._meta.label)
def test_row_security_alone_lets_nobody_change_the_others_rows(
    model: type[models.Model], two: tuple[Rows, Rows]
) -> None:
    table, there = model._meta.db_table, two[1]
    assert (
        changed_rows(two[0], f'update "{table}" set tenant_id = tenant_id where id = %s', there.ids[model])
        == 0
    )
    assert changed_rows(two[0], f'delete from "{table}" where id = %s', there.ids[model]) == 0
    with there.org.scope():
        assert model.objects.filter(id=there.ids[model]).exists()


@pytest.mark.parametrize("model", TENANT_MODELS, ids=lambda model: model._meta.label)
def test_no_row_can_be_written_for_another_tenant(model: type[models.Model], two: tuple[Rows, Rows]) -> None:
    """By insert, or by moving an own row over."""
    here, there = two
    with here.org.scope():
        with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
            insert_raw(model, {**required_values(model, there), "tenant_id": there.org.id})
        with (
            pytest.raises(ProgrammingError, match=r"row-level security|permission denied"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(f'update "{model._meta.db_table}" set tenant_id = %s', [there.org.id])


@pytest.mark.parametrize("setting", ["", "not-a-uuid"])
def test_a_broken_setting_shows_nothing(setting: str, two: tuple[Rows, Rows]) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select set_config('app.tenant_id', %s, true)", [setting])
        if setting:
            with pytest.raises(DataError), transaction.atomic():
                count("leads_lead")
        else:
            assert count("leads_lead") == 0


def test_the_setting_ends_with_the_transaction(two: tuple[Rows, Rows]) -> None:
    with two[0].org.scope():
        assert count("leads_lead") > 0
    with connection.cursor() as cursor:
        cursor.execute("select current_setting('app.tenant_id', true)")
        assert cursor.fetchone()[0] in (None, "")
    with two[1].org.scope():
        assert count("leads_lead", f"tenant_id = '{two[0].org.id}'") == 0


def test_an_unknown_tenant_is_an_empty_one(two: tuple[Rows, Rows]) -> None:
    with tenant_scope(uuid.uuid4()):
        assert count("leads_lead") == count("tenants_tenant") == 0


# Third layer: the keys alone


# References of which a row has exactly one: the others must be empty.
ALTERNATIVES = {"sla.ClockMove": ("calendar_version_id", "policy_version_id")}


def _may_change(table: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("select has_table_privilege(%s, 'update')", [table])
        return bool(cursor.fetchone()[0])


@pytest.mark.parametrize(
    ("model", "field"), REFERENCES, ids=[f"{model._meta.label}.{field.name}" for model, field in REFERENCES]
)
def test_no_row_can_refer_to_another_tenants(
    model: type[models.Model], field: models.ForeignKey, two: tuple[Rows, Rows]
) -> None:
    """The database refuses it when it looks at the constraint; row security has no say in it."""
    here, there = two
    table, row = model._meta.db_table, here.ids[model]
    if not _may_change(table):
        pytest.skip("its rows are never changed; the catalog's test holds its keys")
    others = [column for column in ALTERNATIVES.get(model._meta.label, ()) if column != field.column]
    cleared = "".join(f', "{column}" = null' for column in others)

    def point_to(target: Any) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                f'update "{table}" set "{field.column}" = %s{cleared} where id = %s', [target, row]
            )
            assert cursor.rowcount == 1
            cursor.execute("set constraints all immediate")
            transaction.set_rollback(True)

    with here.org.scope():
        with pytest.raises(IntegrityError, match="foreign key constraint"):
            point_to(there.ids[field.related_model])
        # An own row is fine there, so it was the reference that was refused.
        point_to(here.ids[field.related_model])


def test_one_reference_or_more_is_tested_for_nearly_every_model() -> None:
    assert len(REFERENCES) > 40


def test_the_rows_were_there_to_the_end(two: tuple[Rows, Rows]) -> None:
    """Nothing above was true for want of rows."""
    test_every_model_has_a_row_in_each_tenant(two)
