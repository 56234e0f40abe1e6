"""Findings of large organisations, kept for some minutes: a page that shows them beside other things cannot
count a year each time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final

from django.core.cache import cache

from reporting.leaks.counting import leaks_for
from reporting.leaks.finder.registry import Leaks
from reporting.leaks.settings import LeakTerms
from reporting.selectors.questions import Question
from tenants.context import current_tenant_id

#: Leads that conversion is learned from, from which on findings are kept, and for how many seconds.
LARGE: Final = 20_000
KEPT_SECONDS: Final = 600


@dataclass(frozen=True, slots=True)
class Kept:
    """Findings, and when they were worked out."""

    leaks: Leaks
    at: datetime


def leaks_lately(question: Question, now: datetime, *, chosen: LeakTerms) -> Kept:
    """The leaks of a period, at most ten minutes old.

    A reader who sees only part of the organisation is always answered anew: what they see may have changed
    since.
    """
    if question.seen_by is not None:
        return Kept(leaks_for(question, now, chosen=chosen), now)
    asked = repr((current_tenant_id(), question, chosen))
    # Kept is pickled by the names of its modules: where these move, the prefix has to change as well.
    key = f"leaks/kept:{sha256(asked.encode()).hexdigest()}"
    kept: Kept | None = cache.get(key)
    if kept is not None and kept.at <= now:
        return kept
    kept = Kept(leaks_for(question, now, chosen=chosen), now)
    if max(kept.leaks.followed, kept.leaks.leads) >= LARGE:
        cache.set(key, kept, KEPT_SECONDS)
    return kept
