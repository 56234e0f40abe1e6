"""The leads behind lead to opportunity: those that came, what became of them, and those that are left out.

Counted as reporting.kpis.measured counts them by day.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db.models import DateTimeField, F, OuterRef, QuerySet, Subquery
from django.db.models.functions import Least

from core.errors import ValidationFailed
from leads.lifecycle import Stage
from leads.models import Lead
from reporting.kpis.catalog import OPPORTUNITY_DAYS
from reporting.kpis.spans import Span, spans_of
from reporting.models import HandoffFact
from reporting.selectors.questions import INBOUND, midnight

#: What a list may be asked for, and what it is called.
LISTED: Final[Mapping[str, str]] = {
    "opened": f"Leads that became an opportunity within {OPPORTUNITY_DAYS} days of coming",
    "came": f"Leads followed for {OPPORTUNITY_DAYS} days",
    "not_opened": f"Leads that became no opportunity within {OPPORTUNITY_DAYS} days",
    "subscribers": "Still subscribers, no leads yet",
    "disqualified": "Disqualified leads",
    "young": f"Leads that came less than {OPPORTUNITY_DAYS} days ago",
}
_NO_LEADS: Final = (Stage.SUBSCRIBER.value, Stage.DISQUALIFIED.value)


def span_of(month: date, *, zone: ZoneInfo, now: datetime) -> Span:
    """The span of a month. Raises ValidationFailed at /month where it has not begun."""
    found = spans_of(month, now.astimezone(zone).date(), 1)
    if not found:
        raise ValidationFailed.at("/month", "This month has not begun.", "invalid")
    return found[0]


def days_of(span: Span, which: str) -> tuple[date, date]:
    """First and last day on which the leads of a list came."""
    first, last = span.leads
    return (last + timedelta(days=1), span.last) if which == "young" else (first, last)


def leads_that(span: Span, which: str, *, zone: ZoneInfo) -> QuerySet[Any]:
    """The leads of a list of LISTED, each with `opened_at`: when it became an opportunity."""
    first, last = days_of(span, which)
    at: Any = Least("opportunity_at", "won_at", output_field=DateTimeField())
    opened = HandoffFact.objects.filter(lead_id=OuterRef("pk"), kind=INBOUND).annotate(at=at)
    opened = opened.filter(at__isnull=False).order_by("at").values("at")[:1]
    found: QuerySet[Any] = Lead.objects.filter(
        is_test=False,
        created_at__gte=midnight(first, zone),
        created_at__lt=midnight(last + timedelta(days=1), zone),
    ).annotate(opened_at=Subquery(opened))
    if which in ("subscribers", "disqualified"):
        return found.filter(stage=Stage.SUBSCRIBER if which == "subscribers" else Stage.DISQUALIFIED)
    found = found.exclude(stage__in=_NO_LEADS)
    within = {"opened_at__lte": F("created_at") + timedelta(days=OPPORTUNITY_DAYS)}
    if which == "opened":
        return found.filter(**within)
    if which == "not_opened":
        return found.exclude(**within, opened_at__isnull=False)
    return found
