"""`manage.py audit_engine`: has the engine kept its promises? Exit code 0 says yes, 1 no."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from sla.auditor import audit, late_cycles
from slaportal.ticks import tick_names
from tenants.clock import database_clock


class Command(BaseCommand):
    help = "Check every organisation's timers, events and messages; exit code 1 when something is wrong."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--no-pulse", action="store_true", help="do not ask whether the engine runs at all"
        )

        parser.add_argument(
            "--full", action="store_true", help="check everything, not only the last two hours"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        problems = 0
        for tenant_id, findings in audit(clock=database_clock, full=options["full"]).items():
            for finding in findings:
                problems += 1
                self.stdout.write(f"{tenant_id} {finding.kind} {finding.subject}: {finding.detail}")
        if not options["no_pulse"]:
            for line in late_cycles(tick_names(), now=database_clock()):
                problems += 1
                self.stdout.write(line)
        self.stdout.write("Nothing is wrong." if not problems else f"{problems} problems.")
        if problems:
            sys.exit(1)
