"""`manage.py bench NAME`: measure, beside the machine's own floor in the same run."""

from __future__ import annotations

import json
import os
import pkgutil
import platform
from argparse import ArgumentParser
from importlib import import_module
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from slaportal import benches

#: Modules beside the benches that they share.
HELPERS = {"bare", "browsing", "crowd", "database", "engines", "sweepers"}


def bench_names() -> list[str]:
    """Every bench, by name: each is a module of slaportal.benches with a function `run(**options)`."""
    return sorted(each.name for each in pkgutil.iter_modules(benches.__path__) if each.name not in HELPERS)


class Command(BaseCommand):
    help = "Run a bench and print its figures beside the floor of this machine."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", nargs="?", help="which bench; without one they are listed")
        parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
        parser.add_argument("--scale", type=float, default=None, help="1 is usual, 0.1 a quick look")
        parser.add_argument(
            "--set", action="append", default=[], metavar="NAME=VALUE", help="an option of the bench's own"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        name = options["name"]
        if name is None:
            self.stdout.write("\n".join(bench_names()))
            return
        if name not in bench_names():
            raise CommandError(f"There is no bench {name}. There are: {', '.join(bench_names())}.")
        if options["scale"] is not None:
            os.environ["BENCH_SCALE"] = str(options["scale"])
        module = import_module(f"slaportal.benches.{name}")
        report = module.run(**_own_options(options["set"]))
        report.setdefault("bench", name)
        report.setdefault("machine", machine())
        if options["json"]:
            self.stdout.write(json.dumps(report))
            return
        for part in ("figures", "floor", "ratios", "machine"):
            self.stdout.write(f"{part}")
            for key, value in (report.get(part) or {}).items():
                self.stdout.write(f"  {key:<44} {_shown(value)}")


def _own_options(pairs: list[str]) -> dict[str, Any]:
    chosen: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise CommandError(f"--set wants NAME=VALUE, not {pair}.")
        try:
            chosen[key] = json.loads(value)
        except ValueError:
            chosen[key] = value
    return chosen


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.3f}" if abs(value) < 10 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    found: dict[str, Any] = {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": platform.platform(terse=True),
    }
    try:
        with connections["default"].cursor() as cursor:
            cursor.execute("select current_setting('server_version'), current_setting('fsync')")
            found["postgresql"], found["fsync"] = cursor.fetchone()
    except Exception as error:
        found["postgresql"] = f"not reached ({type(error).__name__})"
    return found
