"""`manage.py rebuild_reports`: build what reports read anew, from the handoffs and their clocks."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from reporting.facts import rebuild
from reporting.models import HandoffFact
from tenants.context import tenant_scope
from tenants.models import Tenant
from tenants.selectors import active_tenants


class Command(BaseCommand):
    help = (
        "Build facts and roll-ups of every organisation anew, or of one: what is of clocks on one connection,"
        " what is of handoffs and leads beside it on another. Pages work meanwhile. A run that is broken off"
        " leaves those before as built and each half of the one at hand as it was or as it will be: run it"
        " again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tenant", metavar="SLUG", help="only this organisation")

    def handle(self, *args: Any, **options: Any) -> None:
        wanted = options["tenant"]
        found = False
        for tenant_id in active_tenants():
            with tenant_scope(tenant_id):
                slug = Tenant.objects.values_list("slug", flat=True).get(id=tenant_id)
            if wanted in (None, slug):
                found = True
                self.stdout.write(f"{slug}: building facts.")
                try:
                    count = rebuild(tenant_id, progress=self._tell, side_by_side=True)
                except KeyboardInterrupt:
                    text = f"Broken off: the reports of {slug} are not all built anew. Run it again."
                    raise CommandError(text, returncode=130) from None
                with tenant_scope(tenant_id):
                    handoffs = HandoffFact.objects.count()
                self.stdout.write(
                    f"{slug}: facts of {handoffs:,} handoffs and {count:,} clocks and their roll-ups are"
                    " built."
                )
        if wanted and not found:
            raise CommandError(f"No active organisation has the slug {wanted!r}.")

    def _tell(self, what: str, done: date, last: date) -> None:
        self.stdout.write(f"  {what}: counted to {done} of {last}")
        self.stdout.flush()
