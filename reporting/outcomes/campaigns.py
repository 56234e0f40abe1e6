"""Is what a new campaign delivers usable? Its acceptance against the organisation's own, as soon as enough
handoffs were answered; marketing is told once a campaign.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.urls import reverse

from notifications.context import Context, Row, register
from notifications.outbox import Message, enqueue
from reporting.lately import Lately, lately
from reporting.leaks.finder.statistics import Group, Interval, wilson
from reporting.outcomes.models import CampaignVerdict
from tenants.bulk import fresh, insert_rows
from tenants.context import current_tenant_id
from tenants.models import Member, Role

KIND: Final = "campaign.verdict"
_SUBJECT: Final = "campaign_verdict:"
#: A campaign is new for so long after its first handoff.
NEW: Final = timedelta(days=14)
#: Handoffs of other campaigns and of none that make the usual rate.
USUAL: Final = timedelta(days=90)
#: Fewer answers say nothing, of a campaign and of what is usual.
LEAST_ANSWERS: Final = 10
LEAST_USUAL: Final = 30
#: A campaign is usable if its rate is surely no further below the usual one: a fraction of 1.
MARGIN: Final = 0.15


class Verdict(StrEnum):
    USABLE = "usable"
    NOT_USABLE = "not_usable"
    EARLY = "early"


LABELS: Final = {
    Verdict.USABLE: "Usable",
    Verdict.NOT_USABLE: "Not usable",
    Verdict.EARLY: "Too early",
}


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign that began lately. usual: what sales accepts of everything else."""

    name: str
    began_at: datetime
    mqls: int
    accepted: Group  # of those that sales answered
    usual: Group

    @property
    def undecided(self) -> int:
        return self.mqls - self.accepted.base

    @property
    def interval(self) -> Interval:
        return wilson(self.accepted)

    @property
    def verdict(self) -> Verdict:
        return judge(self.accepted, self.usual)


def judge(accepted: Group, usual: Group) -> Verdict:
    """Not usable where even the upper end of the campaign's interval (95%) is under the usual rate; usable
    where its lower end is at most MARGIN under it; else it is too early, as it is with too few answers."""
    if accepted.base < LEAST_ANSWERS or usual.base < LEAST_USUAL:
        return Verdict.EARLY
    low, high = wilson(accepted)
    if high < usual.share:
        return Verdict.NOT_USABLE
    return Verdict.USABLE if low >= usual.share - MARGIN else Verdict.EARLY


_NEW: Final = """
select f.campaign, min(f.started_at), count(*), count(*) filter (where decision = 'accepted'),
    count(*) filter (where decision in ('accepted', 'rejected', 'nurture'))
from reporting_handofffact f
where f.campaign <> '' and f.kind = 'inbound' and not f.is_history
  and f.started_at >= %(since)s and f.started_at <= %(now)s
  and not exists (select 1 from reporting_handofffact former
                   where former.tenant_id = f.tenant_id and former.campaign = f.campaign
                     and former.campaign <> '' and former.kind = 'inbound' and former.started_at < %(since)s)
group by f.campaign {behind} order by min(f.started_at) desc, f.campaign limit %(most)s
"""
_BEHIND: Final = """
having min(f.started_at) < %(began)s or (min(f.started_at) = %(began)s and f.campaign > %(name)s)
"""
_USUAL: Final = """
select count(*) filter (where decision = 'accepted'),
    count(*) filter (where decision in ('accepted', 'rejected', 'nurture')), count(*)
from reporting_handofffact f
where f.kind = 'inbound' and not f.is_history and f.started_at >= %(usual)s and f.started_at <= %(now)s
"""


def new_campaigns(
    *, now: datetime, most: int | None = None, behind: tuple[datetime, str] | None = None
) -> list[Campaign]:
    """Those that began lately, the latest first; of these the ones behind (began_at, name), if that is said,
    and the first `most` alone.
    What is usual of each is the 90 days' answers without its own. Two queries."""
    rows = _began(now, most, behind)
    return _judged(rows, _usual(now)) if rows else []


def new_campaigns_lately(
    *, now: datetime, most: int | None = None, behind: tuple[datetime, str] | None = None
) -> Lately[list[Campaign]]:
    """The same, of many handoffs at most ten minutes old."""

    def read() -> tuple[list[Campaign], int]:
        usual = _usual(now)
        return _judged(_began(now, most, behind), usual), usual[-1]

    kept = lately("campaigns", (most, behind), read, rows=lambda found: found[1], now=now, seen_by=None)
    return Lately(kept.value[0], kept.at)


def _began(now: datetime, most: int | None, behind: tuple[datetime, str] | None) -> list[tuple[Any, ...]]:
    asked: dict[str, Any] = {"since": now - NEW, "now": now, "most": most}
    if behind is not None:
        asked |= {"began": behind[0], "name": behind[1]}
    with connection.cursor() as cursor:
        cursor.execute(_NEW.format(behind=_BEHIND if behind else ""), asked)
        return cursor.fetchall()


def _usual(now: datetime) -> tuple[int, int, int]:
    """Accepted, answered, and all handoffs of USUAL days."""
    with connection.cursor() as cursor:
        cursor.execute(_USUAL, {"usual": now - USUAL, "now": now})
        accepted, answered, handoffs = cursor.fetchall()[0]
    return accepted, answered, handoffs


def _judged(rows: Sequence[tuple[Any, ...]], usual: tuple[int, int, int]) -> list[Campaign]:
    all_accepted, all_answered, _ = usual
    return [
        Campaign(
            name,
            began_at,
            mqls,
            Group(accepted, answered),
            Group(all_accepted - accepted, all_answered - answered),
        )
        for name, began_at, mqls, accepted, answered in rows
    ]


def tell_verdicts(now: datetime) -> int:
    """Tell marketing of the campaigns of the tenant in scope that can be judged now and of which nobody was
    told; how many."""
    judged = [each for each in new_campaigns(now=now) if each.verdict != Verdict.EARLY]
    if not judged:
        return 0
    rows = [
        fresh(
            CampaignVerdict,
            tenant_id=current_tenant_id(),
            campaign=each.name,
            verdict=str(each.verdict),
            at=now,
            accepted=each.accepted.hits,
            answered=each.accepted.base,
            usual_accepted=each.usual.hits,
            usual_answered=each.usual.base,
        )
        for each in judged
    ]
    new = set(insert_rows(rows, conflict="on conflict do nothing", returning=True))
    told = [row for row in rows if row.id in new]
    if told:
        people = list(Member.objects.filter(role=Role.MARKETING, is_active=True).values_list("id", flat=True))
        enqueue([_message(row, people) for row in told], now=now)
    return len(told)


def _message(row: CampaignVerdict, people: Sequence[UUID]) -> Message:
    return Message(
        kind=KIND,
        event_id=row.id,
        subject=f"{_SUBJECT}{row.id}",
        member_ids=people,
        data={"campaign_verdict": str(row.id)},
    )


def install() -> None:
    """Speak for these messages. Called once, when the app is ready."""
    register("campaign.", context_of)


def context_of(rows: Sequence[Row], now: datetime) -> Mapping[UUID, Context]:
    """The words of each message. See notifications.context."""
    ids = {row.subject.removeprefix(_SUBJECT) for row in rows}
    kept = {str(each.id): each for each in CampaignVerdict.objects.filter(id__in=ids)}
    found = {}
    for row in rows:
        verdict = kept.get(row.subject.removeprefix(_SUBJECT))
        if verdict is not None:
            path = reverse("reporting:campaigns")
            found[row.id] = Context(_words(verdict), _document(verdict), path)
    return found


def _words(row: CampaignVerdict) -> dict[str, str]:
    return {
        "campaign": row.campaign,
        "verdict": LABELS[Verdict(row.verdict)].lower(),
        "accepted": f"{row.accepted:,} of {row.answered:,}",
        "share": f"{100 * row.accepted / row.answered:.0f}%",
        "usual_share": f"{100 * row.usual_accepted / row.usual_answered:.0f}%",
        "usual": f"{row.usual_accepted:,} of {row.usual_answered:,}",
    }


def _document(row: CampaignVerdict) -> dict[str, Any]:
    return {
        "campaign": row.campaign,
        "verdict": row.verdict,
        "accepted": row.accepted,
        "answered": row.answered,
        "usual_accepted": row.usual_accepted,
        "usual_answered": row.usual_answered,
    }
