"""One list of ticks (settings.ENGINE_TICKS), run alike by Celery's beat and by `manage.py engine`.

A tick is a function named by its dotted path: no arguments, returns how much it handled. It finds its work in
the database, so running it twice at once, or once too often, does no harm.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from django.conf import settings

from sla.services import record_cycle
from tenants.clock import database_clock

Tick = Callable[[], int]


class UnknownTick(ValueError):
    """The name is not in settings.ENGINE_TICKS."""


def tick_names() -> list[str]:
    """Every tick, by its dotted path, in the order of the settings."""
    return [name for name, _ in settings.ENGINE_TICKS]


def load_tick(name: str) -> Tick:
    """The function of a tick. Raises UnknownTick for a name that the settings do not have: a broker's message
    must not be able to call anything else.
    """
    if name not in tick_names():
        raise UnknownTick(f"{name} is no tick of settings.ENGINE_TICKS.")
    module, _, function = name.rpartition(".")
    found: Tick = getattr(import_module(module), function)
    return found


def run_tick(name: str) -> int:
    """Run one tick and note its pulse; returns what it handled. A tick that raises leaves no pulse."""
    handled = load_tick(name)()
    record_cycle(name, handled=handled, now=database_clock())
    return handled
