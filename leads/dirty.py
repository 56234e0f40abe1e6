"""What reporting is to count again, written in the changing transaction.

A lead's or a company's data may be behind many handoffs: one row stands for all of them, and the drain finds
them (`reporting.facts`). So a change costs one row however large the company is, and takes no lock of a
handoff, which its caller may come to in another order.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7

from leads.models import DirtyHandoff
from tenants.bulk import insert_values


def mark_dirty(handoff_ids: Iterable[UUID], now: datetime) -> None:
    """Note for reporting that the numbers of these handoffs changed."""
    _note("handoff_id", handoff_ids, now)


def mark_leads_dirty(lead_ids: Iterable[UUID], now: datetime) -> None:
    """Note that what is known of these leads changed: all their handoffs are counted again."""
    _note("lead_id", lead_ids, now)


def mark_accounts_dirty(account_ids: Iterable[UUID], now: datetime) -> None:
    """Note that what is known of these companies changed: all handoffs of their leads are counted again."""
    _note("account_id", account_ids, now)


def _note(column: str, ids: Iterable[UUID], now: datetime) -> None:
    rows = [(uuid7(), each, now) for each in dict.fromkeys(ids)]
    insert_values(DirtyHandoff, ("id", column, "at"), rows)
