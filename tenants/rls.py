"""Migration operations of the tenancy: row-level security, tenant-led keys, and the resolver's reviewed
functions.

Second and third layer of isolation. For each tenant table `SecureTenantTables`
  1. makes (tenant_id, id) the primary key,
  2. turns row-level security on and forces it on the owner too, with one policy,
  3. adds a composite foreign key (tenant_id, x_id) for every reference to another tenant table, so that the
     database itself refuses a row that points across tenants,
  4. lets the resolver role read it, but only where asked.
A later migration that adds a reference uses `AddTenantForeignKey`.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

POLICY = "tenant_isolation"
RESOLVER_POLICY = "resolver_read"
TENANT_TABLE = "tenants_tenant"
TENANT_EXPRESSION = "(tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::uuid))"
# The tenant's own row: the same question, asked of its id.
OWN_ROW_EXPRESSION = TENANT_EXPRESSION.replace("tenant_id =", "id =")


def is_tenant_model(model: type[models.Model]) -> bool:
    """True for a model whose rows belong to a tenant: it has a field `tenant`."""
    return any(field.name == "tenant" for field in model._meta.local_fields)


def composite_name(table: str, column: str) -> str:
    return f"{table}_{column}_tenant_fk"[:63]


def tenant_references(model: type[models.Model]) -> list[tuple[str, str, bool]]:
    """References of a tenant model to tenant tables: (column, referred table, nullable)."""
    return [
        (field.column, field.related_model._meta.db_table, field.null)
        for field in model._meta.local_fields
        if isinstance(field, models.ForeignKey)
        and field.name != "tenant"
        and is_tenant_model(field.related_model)
    ]


def _composite_sql(table: str, column: str, target: str) -> str:
    # Deferred, as Django's own: rows of one transaction may come in any order.
    return (
        f'ALTER TABLE "{table}" ADD CONSTRAINT "{composite_name(table, column)}" '
        f'FOREIGN KEY (tenant_id, "{column}") '
        f'REFERENCES "{target}" (tenant_id, id) DEFERRABLE INITIALLY DEFERRED'
    )


class SecureTenantTables(Operation):
    """Give an app's tenant tables their keys and their row security. Those in `resolver` the resolver role
    may read.

    A list and not a table at a time, since tables that refer to each other need both primary keys first.
    """

    reduces_to_sql = True
    reversible = True

    def __init__(self, model_names: list[str], resolver: list[str] | None = None) -> None:
        self.model_names = model_names
        self.resolver = resolver or []

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return (self.__class__.__name__, [self.model_names], {"resolver": self.resolver})

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        pass

    def database_forwards(
        self,
        app_label: str,
        editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        if editor.connection.alias != "owner":
            return
        tables = [(name, to_state.apps.get_model(app_label, name)) for name in self.model_names]
        for _, model in tables:
            _set_primary_key(editor, model._meta.db_table, "tenant_id, id")
        for name, model in tables:
            table = model._meta.db_table
            references = tenant_references(model)
            for column, target, _ in references:
                editor.execute(_composite_sql(table, column, target))
            if all(null for _, _, null in references):
                # Tables with a compulsory reference hang from their tenant through it: one look-up a row is
                # enough.
                _tie_to_tenant(editor, table)
            force_row_security(editor, table, TENANT_EXPRESSION)
            if name in self.resolver:
                grant_resolver(editor, table)

    def database_backwards(
        self,
        app_label: str,
        editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        if editor.connection.alias != "owner":
            return
        tables = [(name, from_state.apps.get_model(app_label, name)) for name in self.model_names]
        for _, model in tables:
            table = model._meta.db_table
            drop_row_security(editor, table)
            editor.execute(f'ALTER TABLE "{table}" DROP CONSTRAINT IF EXISTS "{table}_tenant_fk"')
            for column, _, _ in tenant_references(model):
                editor.execute(
                    f'ALTER TABLE "{table}" DROP CONSTRAINT IF EXISTS "{composite_name(table, column)}"'
                )
        for _, model in tables:
            _set_primary_key(editor, model._meta.db_table, "id")

    def describe(self) -> str:
        return f"Tenant-led keys and row security for {', '.join(self.model_names)}"


def _set_primary_key(editor: BaseDatabaseSchemaEditor, table: str, columns: str) -> None:
    editor.execute(f'ALTER TABLE "{table}" DROP CONSTRAINT "{table}_pkey"')
    editor.execute(f'ALTER TABLE "{table}" ADD CONSTRAINT "{table}_pkey" PRIMARY KEY ({columns})')


def force_row_security(editor: BaseDatabaseSchemaEditor, table: str, expression: str) -> None:
    editor.execute(f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY')
    editor.execute(f'ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY')
    editor.execute(f'CREATE POLICY {POLICY} ON "{table}" USING {expression} WITH CHECK {expression}')


def drop_row_security(editor: BaseDatabaseSchemaEditor, table: str) -> None:
    editor.execute(f'DROP POLICY IF EXISTS {RESOLVER_POLICY} ON "{table}"')
    editor.execute(f'DROP POLICY IF EXISTS {POLICY} ON "{table}"')
    editor.execute(f'ALTER TABLE "{table}" NO FORCE ROW LEVEL SECURITY')
    editor.execute(f'ALTER TABLE "{table}" DISABLE ROW LEVEL SECURITY')


def grant_resolver(editor: BaseDatabaseSchemaEditor, table: str) -> None:
    role = settings.DATABASE_RESOLVER_ROLE
    editor.execute(f'GRANT SELECT ON "{table}" TO "{role}"')
    editor.execute(f'CREATE POLICY {RESOLVER_POLICY} ON "{table}" FOR SELECT TO "{role}" USING (true)')


class TieToTenant(Operation):
    """Key to the tenant itself, of a table whose last compulsory reference became optional later."""

    reduces_to_sql = True
    reversible = True

    def __init__(self, model_name: str) -> None:
        self.model_name = model_name

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return (self.__class__.__name__, [self.model_name], {})

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        pass

    def database_forwards(
        self,
        app_label: str,
        editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        if editor.connection.alias == "owner":
            _tie_to_tenant(editor, to_state.apps.get_model(app_label, self.model_name)._meta.db_table)

    def database_backwards(
        self,
        app_label: str,
        editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        if editor.connection.alias == "owner":
            table = from_state.apps.get_model(app_label, self.model_name)._meta.db_table
            editor.execute(f'ALTER TABLE "{table}" DROP CONSTRAINT IF EXISTS "{table}_tenant_fk"')

    def describe(self) -> str:
        return f"Key to the tenant for {self.model_name}"


def _tie_to_tenant(editor: BaseDatabaseSchemaEditor, table: str) -> None:
    editor.execute(
        f'ALTER TABLE "{table}" ADD CONSTRAINT "{table}_tenant_fk" FOREIGN KEY (tenant_id) '
        "REFERENCES tenants_tenant (id) DEFERRABLE INITIALLY DEFERRED"
    )


class AddTenantForeignKey(Operation):
    """Composite key for a reference that a later migration added to a tenant table."""

    reduces_to_sql = True
    reversible = True

    def __init__(self, model_name: str, field_name: str) -> None:
        self.model_name = model_name
        self.field_name = field_name

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return (self.__class__.__name__, [self.model_name, self.field_name], {})

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        pass

    def _names(self, app_label: str, state: ProjectState) -> tuple[str, str, str]:
        model = state.apps.get_model(app_label, self.model_name)
        field = model._meta.get_field(self.field_name)
        return model._meta.db_table, field.column, field.related_model._meta.db_table

    def database_forwards(
        self,
        app_label: str,
        editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        if editor.connection.alias == "owner":
            editor.execute(_composite_sql(*self._names(app_label, to_state)))

    def database_backwards(
        self,
        app_label: str,
        editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        if editor.connection.alias == "owner":
            table, column, _ = self._names(app_label, from_state)
            editor.execute(
                f'ALTER TABLE "{table}" DROP CONSTRAINT IF EXISTS "{composite_name(table, column)}"'
            )

    def describe(self) -> str:
        return f"Composite key for {self.model_name}.{self.field_name}"


class SecureOwnRow(Operation):
    """Row security for the table of tenants itself: a tenant sees its own row."""

    reduces_to_sql = True
    reversible = True

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        pass

    def database_forwards(
        self,
        app_label: str,
        editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        if editor.connection.alias == "owner":
            force_row_security(editor, TENANT_TABLE, OWN_ROW_EXPRESSION)
            grant_resolver(editor, TENANT_TABLE)

    def database_backwards(
        self,
        app_label: str,
        editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        if editor.connection.alias == "owner":
            drop_row_security(editor, TENANT_TABLE)

    def describe(self) -> str:
        return "Row security for the table of tenants"


class GrantAppRole(Operation):
    """What the app role may do: rows of every table the owner makes from here on; never the schema."""

    reduces_to_sql = True
    reversible = True

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        pass

    def database_forwards(
        self,
        app_label: str,
        editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        if editor.connection.alias != "owner":
            return
        app, resolver = settings.DATABASE_APP_ROLE, settings.DATABASE_RESOLVER_ROLE
        default = "ALTER DEFAULT PRIVILEGES IN SCHEMA public"
        for statement in (
            f'GRANT USAGE ON SCHEMA public TO "{app}", "{resolver}"',
            f'GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO "{app}"',
            f'GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO "{app}"',
            f'{default} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO "{app}"',
            f'{default} GRANT USAGE, SELECT ON SEQUENCES TO "{app}"',
        ):
            editor.execute(statement)

    def database_backwards(
        self,
        app_label: str,
        editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        pass

    def describe(self) -> str:
        return "Privileges of the app role"


class AppendOnly(Operation):
    """Take from the app role the right to change or remove rows of a table: what is written there stays."""

    reduces_to_sql = True
    reversible = True

    def __init__(self, model_name: str) -> None:
        self.model_name = model_name

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return (self.__class__.__name__, [self.model_name], {})

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        pass

    def database_forwards(
        self,
        app_label: str,
        editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        if editor.connection.alias == "owner":
            table = to_state.apps.get_model(app_label, self.model_name)._meta.db_table
            editor.execute(f'REVOKE UPDATE, DELETE ON "{table}" FROM "{settings.DATABASE_APP_ROLE}"')

    def database_backwards(
        self,
        app_label: str,
        editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        if editor.connection.alias == "owner":
            table = from_state.apps.get_model(app_label, self.model_name)._meta.db_table
            editor.execute(f'GRANT UPDATE, DELETE ON "{table}" TO "{settings.DATABASE_APP_ROLE}"')

    def describe(self) -> str:
        return f"Append-only rows of {self.model_name}"


class ResolverFunction(Operation):
    """A SECURITY DEFINER function owned by the resolver role, callable by the app role.

    It answers what must be known before a tenant is (whose key is this, which tenants have work). The catalog
    test lists every one of them; add to that list only after a review.
    """

    reduces_to_sql = True
    reversible = True

    def __init__(
        self,
        signature: str,
        returns: str,
        body: str,
        language: str = "sql",
        before: ResolverFunction | None = None,
    ) -> None:
        """before: what an earlier migration made of the same signature, and going back makes again."""
        self.signature = signature
        self.returns = returns
        self.body = body
        self.language = language
        self.before = before

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return (
            self.__class__.__name__,
            [self.signature, self.returns, self.body],
            {"language": self.language, "before": self.before},
        )

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        pass

    @property
    def _identity(self) -> str:
        """Name and argument types, as DROP and GRANT want them: parameter names are dropped."""
        name, arguments = self.signature.rstrip(")").split("(", 1)
        types = [
            argument.split(" default ")[0].split(" ", 1)[1] for argument in arguments.split(", ") if argument
        ]
        return f"{name}({', '.join(types)})"

    def database_forwards(
        self,
        app_label: str,
        editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        if editor.connection.alias != "owner":
            return
        editor.execute(
            f"CREATE OR REPLACE FUNCTION {self.signature} RETURNS {self.returns} LANGUAGE {self.language} "
            f"STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $body$ {self.body} $body$",
            params=None,
        )
        editor.execute(f"REVOKE ALL ON FUNCTION {self._identity} FROM PUBLIC")
        editor.execute(f'GRANT EXECUTE ON FUNCTION {self._identity} TO "{settings.DATABASE_APP_ROLE}"')
        # PostgreSQL asks of a function's new owner the right to create in the schema: lent for this one
        # moment.
        resolver = settings.DATABASE_RESOLVER_ROLE
        editor.execute(f'GRANT CREATE ON SCHEMA public TO "{resolver}"')
        editor.execute(f'ALTER FUNCTION {self._identity} OWNER TO "{resolver}"')
        editor.execute(f'REVOKE CREATE ON SCHEMA public FROM "{resolver}"')

    def database_backwards(
        self,
        app_label: str,
        editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        if editor.connection.alias != "owner":
            return
        editor.execute(f"DROP FUNCTION IF EXISTS {self._identity}")
        if self.before is not None:
            self.before.database_forwards(app_label, editor, from_state, to_state)

    def describe(self) -> str:
        return f"Resolver function {self.signature}"


class StampConfig(Operation):
    """Let every change of these tables give the tenant's row a new stamp: see tenants.config.

    A statement trigger, since one change of a hundred rows is one change. The stamp comes from a sequence,
    which no roll-back turns back, so two different states never share one.

    columns: of updates, only those of these columns count. rows: with `columns`, rows that come and go count
    too.
    """

    reduces_to_sql = True
    reversible = True

    def __init__(
        self, model_names: list[str], columns: str = "", trigger: str = "config_changed", rows: bool = False
    ) -> None:
        self.model_names = model_names
        self.columns = columns
        self.rows = rows
        self.trigger = trigger  # another name where a later migration adds columns to a table that has one

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return (
            self.__class__.__name__,
            [self.model_names],
            {"columns": self.columns, "trigger": self.trigger, "rows": self.rows},
        )

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        pass

    def database_forwards(
        self,
        app_label: str,
        editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        if editor.connection.alias != "owner":
            return
        what = f"UPDATE OF {self.columns}" if self.columns else "INSERT OR UPDATE OR DELETE"
        what = f"INSERT OR DELETE OR {what}" if self.columns and self.rows else what
        for name in self.model_names:
            table = to_state.apps.get_model(app_label, name)._meta.db_table
            editor.execute(
                f'CREATE TRIGGER {self.trigger} AFTER {what} ON "{table}" '
                "FOR EACH STATEMENT EXECUTE FUNCTION stamp_config()"
            )

    def database_backwards(
        self,
        app_label: str,
        editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        if editor.connection.alias != "owner":
            return
        for name in self.model_names:
            table = from_state.apps.get_model(app_label, name)._meta.db_table
            editor.execute(f'DROP TRIGGER IF EXISTS {self.trigger} ON "{table}"')

    def describe(self) -> str:
        return f"Stamp changes of {', '.join(self.model_names)}"
