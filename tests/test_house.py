"""The house stands: imports and references go down only, migrations say what models say, and truth has one
clock."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import models

PROJECT = Path(__file__).resolve().parent.parent
# From the ground up; apps of one row never refer to each other.
HOUSE: list[tuple[str, ...]] = [
    ("core",),
    ("tenants",),
    ("web",),
    ("notifications",),
    ("leads",),
    ("routing", "sla", "feedback"),
    ("handoff",),
    ("integrations", "reporting"),
    ("slaportal",),
]
FLOOR = {app: floor for floor, row in enumerate(HOUSE) for app in row}
# Where the wall clock may be read: the edges, which pass the moment on. Everything else is given `now`.
CLOCK_EDGES = {
    "tenants/login.py",  # Unix time of a rate window
    "web/tasks.py",  # the same
    "web/throttling.py",  # the same
    "tenants/middleware.py",  # when the page was asked for: what its rail has
    "web/shell.py",  # what a page's frame shows
    "web/templatetags/sp.py",  # "today" beside a time, where a page gives no moment of its own
    "reporting/middleware.py",  # on which day a report was opened
    "handoff/views/base.py",  # the moment that a page shows; acts pass the database's clock
}
FORBIDDEN_CLOCKS = re.compile(
    r"\btimezone\.now\(|\bdatetime\.(now|utcnow|today)\(|\bdate\.today\(|\bauto_now|\bNow\(\)|\btime\.time\b"
)
# Models that are no tenant's truth may stamp themselves.
STAMPED = {"tenants/models.py"}
# celery.py itself refuses both, for code that this search would not find.
SLOW_QUEUE = re.compile(r"\b(eta|countdown)\s*=|\.apply_async\(|\.retry\(")
REFUSES_LATER = {"slaportal/celery.py"}


def sources(*, apps_only: bool = True) -> list[Path]:
    """Our own modules, without migrations, tests and tools."""
    roots = [app for row in HOUSE for app in row if not (apps_only and app == "slaportal")]
    return [
        path
        for root in roots
        for path in sorted((PROJECT / root).rglob("*.py"))
        if "migrations" not in path.parts
    ]


def test_imports_go_down_only() -> None:
    """By import-linter, whose contracts stand in pyproject.toml."""
    linter = Path(sys.executable).with_name("lint-imports")
    run = subprocess.run([linter], cwd=PROJECT, capture_output=True, text=True, check=False, timeout=120)
    assert run.returncode == 0, run.stdout + run.stderr


def test_the_contracts_name_every_app() -> None:
    text = (PROJECT / "pyproject.toml").read_text()
    layers = re.search(r"layers = \[(.*?)\]", text, re.DOTALL)[1]
    named = [tuple(row.split(" | ")) for row in re.findall(r'"([^"]+)"', layers)]
    assert [set(row) for row in reversed(named)] == [set(row) for row in HOUSE]


@pytest.mark.parametrize(
    "model",
    [model for model in apps.get_models() if model._meta.app_label in FLOOR],
    ids=lambda m: m._meta.label,
)
def test_references_go_down_only(model: type[models.Model]) -> None:
    here = model._meta.app_label
    for field in model._meta.get_fields():
        if not field.is_relation or field.auto_created or field.related_model is None:
            continue
        there = field.related_model._meta.app_label
        if there in FLOOR and there != here:
            assert FLOOR[there] < FLOOR[here], f"{model._meta.label}.{field.name} refers upwards to {there}"


@pytest.mark.django_db
def test_migrations_say_what_the_models_say() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_handoff_has_no_models() -> None:
    assert list(apps.get_app_config("handoff").get_models()) == []


def test_nothing_waits_in_the_broker() -> None:
    """A message is a nudge for now; what must happen later is a row with a time (Redis repeats what waits
    long)."""
    found = [
        f"{path.relative_to(PROJECT)}:{number}: {line.strip()}"
        for path in sources(apps_only=False)
        if str(path.relative_to(PROJECT)) not in REFUSES_LATER
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if SLOW_QUEUE.search(line)
    ]
    assert found == []


def test_the_domain_is_given_its_moment() -> None:
    found = []
    for path in sources():
        name = str(path.relative_to(PROJECT))
        if name in CLOCK_EDGES:
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if FORBIDDEN_CLOCKS.search(line) and not (name in STAMPED and "auto_now_add" in line):
                found.append(f"{name}:{number}: {line.strip()}")
    assert found == []


def test_every_edge_is_one() -> None:
    """An entry of the list that reads no clock is forgotten there."""
    idle = [name for name in CLOCK_EDGES if not FORBIDDEN_CLOCKS.search((PROJECT / name).read_text())]
    assert idle == []


def test_no_signal_carries_business() -> None:
    """The next step is called by name."""
    pattern = re.compile(r"\b(post_save|pre_save|post_delete|pre_delete|m2m_changed|Signal)\b")
    assert [str(path.relative_to(PROJECT)) for path in sources() if pattern.search(path.read_text())] == []


def test_every_form_reads_numbers_as_people_write_them() -> None:
    """Django's own number fields would take "1_000", and digits of any script."""
    pattern = re.compile(r"\bforms\.(Integer|Float|Decimal)Field\(")
    assert [str(path.relative_to(PROJECT)) for path in sources() if pattern.search(path.read_text())] == []


def test_no_line_of_a_template_begins_with_a_comma_or_a_full_stop() -> None:
    """The break before it would be shown as a gap: "Last name: 11 ."."""
    wrong = [
        f"{path.relative_to(PROJECT)}:{number}"
        for path in sorted((PROJECT / "templates").rglob("*.html"))
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if re.match(r"\s*[,.;:)](\s|$)", line)
    ]
    assert not wrong
