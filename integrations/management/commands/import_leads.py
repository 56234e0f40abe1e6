"""`manage.py import_leads FILE --tenant SLUG --mapping NAME_OR_FILE [--dry-run]`: bring in history."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from core.errors import DomainError
from integrations.csv_import import Report, import_file
from integrations.mappings import load_mapping, shipped
from leads.models import Handoff
from tenants.clock import database_clock
from tenants.context import tenant_scope
from tenants.models import Tenant

#: Names of columns that are told; a warehouse's Lead has hundreds.
MOST_COLUMNS: Final = 30


class Command(BaseCommand):
    help = (
        "Import leads with their stages, dates and owners as history: measured, never acted on. A run that"
        " was broken off goes on where it stopped; importing a file again changes nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--tenant", required=True, metavar="SLUG")
        parser.add_argument(
            "--mapping", required=True, metavar="NAME_OR_FILE", help=f"{', '.join(shipped())}, or a JSON file"
        )
        parser.add_argument(
            "--encoding",
            default="",
            help="what the file is written in, instead of what the mapping says",
        )
        parser.add_argument(
            "--join", type=Path, metavar="FILE", help="the second file of a mapping that joins two"
        )
        parser.add_argument("--dry-run", action="store_true", help="do all of it and take it back")

    def handle(self, *args: Any, **options: Any) -> None:
        tenant = _tenant(options["tenant"])
        try:
            mapping = load_mapping(options["mapping"])
            mapping = replace(mapping, encoding=options["encoding"] or mapping.encoding)
            report = import_file(
                options["file"],
                tenant=tenant,
                mapping=mapping,
                now=database_clock(),
                dry_run=options["dry_run"],
                join=options["join"],
                progress=self._progress if options["verbosity"] > 1 else None,
            )
        except DomainError as error:
            places = "".join(f"\n  {each.path}: {each.message}" for each in error.field_errors)
            raise CommandError(f"{error.message}{places}") from error
        self._tell(report, dry_run=options["dry_run"])
        if mapping.changes and not options["dry_run"]:
            self._tell_unowned(tenant)
        if report.failed:
            raise CommandError(f"{report.failed:,} rows were not imported.", returncode=2)

    def _progress(self, report: Report, rows: int) -> None:
        self.stdout.write(f"{report.skipped + report.rows:,} of {rows:,} rows")

    def _tell(self, report: Report, *, dry_run: bool) -> None:
        if report.encoding != "UTF-8":
            self.stdout.write(f"The file was read as {report.encoding}.")
        self.stdout.write(f"{_count(report.used)} read: {_some(report.used)}.")
        if report.unused:
            self.stdout.write(f"{_count(report.unused)} left out: {_some(report.unused)}.")
        if report.warning:
            self.stdout.write(report.warning)
        for error in report.errors:
            place = f"line {error.line}" + (f", {error.field}" if error.field else "")
            self.stdout.write(f"{place}: {error.message}")
        if report.failed > len(report.errors):
            self.stdout.write(f"and {report.failed - len(report.errors):,} more")
        if report.skipped:
            self.stdout.write(f"Went on after row {report.skipped:,}, where an earlier run stopped.")
        would = "Would be: " if dry_run else ""
        self.stdout.write(
            f"{would}{report.created:,} leads created, {report.updated:,} updated,"
            f" {report.unchanged:,} unchanged, {report.failed:,} rows refused."
        )
        if report.left_out:
            self.stdout.write(
                f"{report.left_out:,} rows were left out: not counted by the mapping, or about nobody here."
            )
        if dry_run:
            self.stdout.write("This was a dry run: nothing was written.")

    def _tell_unowned(self, tenant: Tenant) -> None:
        """A file of changes may be the first to say that a lead was handed over, and names no owner."""
        with tenant_scope(tenant.id):
            unowned = Handoff.objects.filter(is_history=True, owner=None).count()
        if unowned:
            self.stdout.write(
                f"Imported handoffs without an owner: {unowned:,}. Import the file of leads again:"
                " those that it names are put down then."
            )


def _count(columns: Sequence[str]) -> str:
    return f"{len(columns):,} column{' was' if len(columns) == 1 else 's were'}"


def _some(columns: Sequence[str]) -> str:
    more = len(columns) - MOST_COLUMNS
    return ", ".join(columns[:MOST_COLUMNS]) + (f" and {more:,} more" if more > 0 else "")


def _tenant(slug: str) -> Tenant:
    with connection.cursor() as cursor:
        cursor.execute("select tenant_id from resolve_active_tenants() where slug = %s", [slug])
        row = cursor.fetchone()
    if row is None:
        raise CommandError(f"There is no active organisation {slug!r}.")
    with tenant_scope(row[0]):
        tenant: Tenant = Tenant.objects.get(id=row[0])
        return tenant
