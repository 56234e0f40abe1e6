"""`manage.py demo seed | traffic | receiver | check`: the parts that `bin/demo` puts together."""

from __future__ import annotations

import json
import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from slaportal.demo import state

DEFAULT_LEADS = 2000
DEFAULT_SEED = 20260


class Command(BaseCommand):
    help = "The demo: fill an empty database, keep it moving, prove that it works."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parts = parser.add_subparsers(dest="part", required=True)
        seed = parts.add_parser(
            "seed", help="two organisations and 90 days of history, into an empty database"
        )
        seed.add_argument("--leads", type=int, default=DEFAULT_LEADS, help="of both together (%(default)s)")
        seed.add_argument("--days", type=int, default=90, help="of history (%(default)s)")
        seed.add_argument("--seed", type=int, default=DEFAULT_SEED, help="of chance (%(default)s)")
        seed.add_argument("--drill", action="store_true", help="with the 12-second tier that check breaks")
        seed.add_argument("--json", action="store_true", help="print figures as JSON at the end")
        traffic = parts.add_parser("traffic", help="leads come in and reps act until it is ended")
        traffic.add_argument("--url", default=settings.SITE_URL)
        traffic.add_argument("--every", type=float, default=6.0, help="seconds between leads (%(default)s)")
        receiver = parts.add_parser("receiver", help="take the demo's webhooks on a loopback port")
        receiver.add_argument("--port", type=int, required=True)
        check = parts.add_parser(
            "check", help="drive two leads through the running demo and verify all of it"
        )
        check.add_argument("--url", default=settings.SITE_URL)

    def handle(self, *args: Any, **options: Any) -> None:
        getattr(self, f"_{options['part']}")(options)

    @property
    def data_dir(self) -> Path:
        return Path(settings.DATA_DIR)

    def _summary(self) -> dict[str, Any]:
        found = state.read(self.data_dir)
        if found is None:
            raise CommandError("The demo is not seeded yet: run `manage.py demo seed`.")
        return found

    def _seed(self, options: dict[str, Any]) -> None:
        from slaportal.demo.seed import SeedError, seed

        began = time.monotonic()
        bars = Bars()
        try:
            with bars:
                done = seed(
                    self.data_dir,
                    leads=options["leads"],
                    seed=options["seed"],
                    days=options["days"],
                    drill=options["drill"],
                    told=bars.show,
                )
        except SeedError as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            sys.exit(130)
        seconds = time.monotonic() - began
        if not done:
            self.stdout.write("The demo is seeded already.")
        elif options["json"]:
            self.stdout.write(json.dumps({"seconds": round(seconds, 1), **bars.totals}))
        else:
            self.stdout.write(
                f"{bars.totals['leads']:,} leads, {bars.totals['touches']:,} touches, "
                f"{bars.totals['fired']:,} steps of the ladder fired: {seconds:.0f} s."
            )

    def _traffic(self, options: dict[str, Any]) -> None:
        from slaportal.demo.traffic import run

        run(self._summary(), url=options["url"].rstrip("/"), every=options["every"])

    def _receiver(self, options: dict[str, Any]) -> None:
        from slaportal.demo.receiver import secrets_by_path, serve, subscribe

        ids = [UUID(row["id"]) for row in self._summary()["tenants"]]
        for tenant_id in ids:
            subscribe(tenant_id, options["port"])
        serve(self.data_dir, options["port"], secrets_by_path(ids))

    def _check(self, options: dict[str, Any]) -> None:
        from slaportal.demo.check import check

        if not check(self._summary(), url=options["url"].rstrip("/"), data_dir=self.data_dir):
            sys.exit(1)


class Bars:
    """One progress bar an organisation; silent where the output is no terminal."""

    def __init__(self) -> None:
        self.console = Console(stderr=True)
        self._bars = Progress(
            TextColumn("  {task.description:<12}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}% {task.fields[leads]:>5} leads"),
            TimeElapsedColumn(),
            console=self.console,
            disable=not self.console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}
        self._last: dict[str, Any] = {}

    @property
    def totals(self) -> dict[str, int]:
        """What all organisations have done so far."""
        names = ("leads", "touches", "answers", "swept", "fired", "refused")
        return {name: sum(getattr(each, name) for each in self._last.values()) for name in names}

    def show(self, report: Any) -> None:
        """Bring one organisation's bar up to date."""
        if report.slug not in self._tasks:
            self._tasks[report.slug] = self._bars.add_task(report.slug.title(), total=1.0, leads=0)
        self._last[report.slug] = report.progress
        share = 1.0 if report.done else report.progress.share
        self._bars.update(self._tasks[report.slug], completed=share, leads=report.progress.leads)

    def __enter__(self) -> Bars:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()
