"""Two bad weeks running of a team are brought before the executives, once an episode.

A week of a team is bad where fewer of its first touches were on time than the limit (80% unless set), good
where as many or more were. One with fewer counted clocks than the least says neither: it opens nothing,
closes nothing, and stands between no two weeks as good.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Final
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from django.db.models import F, Q, QuerySet
from django.urls import reverse

from notifications.context import Context, Row, register
from notifications.outbox import Message, enqueue
from reporting import selectors
from reporting.mailings.digest import last_of, week_question
from reporting.mailings.models import Episode, MailSettings
from reporting.mailings.schedule import last_due, week_told
from reporting.mailings.words import day_words, week_words
from reporting.measures import Rate
from tenants.models import Member, Role, Tenant

KIND: Final = "compliance.escalated"
#: Weeks are looked at on Monday, an hour at which the facts of Sunday are in.
LOOKED_AT: Final = time(8)


def is_bad(rate: Rate | None, *, percent: int, least: int) -> bool | None:
    """Whether a week is below the limit; None where it has too few clocks to say."""
    if rate is None or rate.base == 0 or rate.base < least:
        return None
    return rate.kept * 100 < percent * rate.base


def look(setting: MailSettings, tenant: Tenant, *, now: datetime) -> int:
    """Open and close the episodes of the last week that is over, under the lock of the settings; how many
    were opened. Each week is looked at once."""
    zone = ZoneInfo(tenant.time_zone)
    week = week_told(last_due(now, zone=zone, weekday=0, at=LOOKED_AT), zone=zone)
    if setting.escalation_week is not None and setting.escalation_week >= week:
        return 0
    setting.escalation_week = week
    setting.save(update_fields=["escalation_week"])
    present = _rates(tenant, week, now)
    former = _rates(tenant, week - timedelta(days=7), now)
    limits = {"percent": setting.escalation_percent, "least": setting.escalation_clocks}
    opened = 0
    episodes = {each.team_id: each for each in Episode.objects.filter(closed_at__isnull=True)}
    for team_id in sorted(present.keys() | episodes.keys()):
        bad = is_bad(present.get(team_id), **limits)
        if team_id in episodes:
            if bad is False:
                episodes[team_id].closed_at, episodes[team_id].closed_week = now, week
                episodes[team_id].save(update_fields=["closed_at", "closed_week"])
        elif bad and is_bad(former.get(team_id), **limits):
            _open(setting, team_id, week, former[team_id], present[team_id], now)
            opened += 1
    return opened


def _rates(tenant: Tenant, week: date, now: datetime) -> Mapping[UUID, Rate]:
    """Of each team, the compliance page's row for the week."""
    question = week_question(tenant, week, {})
    found = selectors.report(
        question, "team", now=now, names=selectors.load_names({}), ground=selectors.ground_of(question)
    )
    return {group.key: group.rates[found.lead] for group in found.groups if isinstance(group.key, UUID)}


def _open(
    setting: MailSettings, team_id: UUID, week: date, former: Rate, present: Rate, now: datetime
) -> None:
    people = told_of(setting)
    episode, made = Episode.objects.get_or_create(
        team_id=team_id,
        week=week,
        defaults={
            "percent": setting.escalation_percent,
            "kept_before": former.kept,
            "base_before": former.base,
            "kept": present.kept,
            "base": present.base,
            "told": people,
            "opened_at": now,
        },
    )
    if made:
        event = uuid5(team_id, f"two bad weeks:{week.isoformat()}")
        data = {"week": week.isoformat()}
        enqueue([Message(KIND, event, f"episode:{episode.id}", people, data, priority=1)], now=now)


def told_of(setting: MailSettings) -> list[UUID]:
    """Who hears of it: those who were named and are active, else the executives, else the admins."""
    active = Member.objects.filter(is_active=True).order_by("id")
    for wanted in (Q(id__in=setting.escalation_people), Q(role=Role.EXECUTIVE), Q(role=Role.ADMIN)):
        found = list(active.filter(wanted).values_list("id", flat=True))
        if found:
            return found
    return []


def episodes_seen_by(member: Member, *, most: int = 5) -> QuerySet[Episode]:
    """The open episodes and the last ones that were closed, as far as somebody sees the teams."""
    open_first = F("closed_at").desc(nulls_first=True)
    found = Episode.objects.select_related("team").order_by(open_first, "-week", "team__name")
    if member.role == Role.MANAGER:
        found = found.filter(Q(team__manager=member) | Q(team__backup=member) | Q(team=member.team_id))
    elif member.role == Role.REP:
        found = found.none()
    return found[:most]


def install() -> None:
    """Speak for these messages. Called once, when the app is ready."""
    register("compliance.", context_of)


def context_of(rows: Sequence[Row], now: datetime) -> Mapping[UUID, Context]:
    """The words of each message; moot once the team is good again. See notifications.context."""
    ids = {row.subject.partition(":")[2] for row in rows}
    episodes = Episode.objects.select_related("team").filter(id__in=ids)
    known = {f"episode:{each.id}": each for each in episodes}
    found = {}
    for row in rows:
        each = known.get(row.subject)
        if each is None or (each.closed_at is not None and not row.told and row.member_id):
            continue
        before = each.week - timedelta(days=7)
        words = {
            "team": each.team.name,
            "percent": f"{each.percent}%",
            "first": f"{week_words(before, last_of(before))}: {_share(each.kept_before, each.base_before)}",
            "second": f"{week_words(each.week, last_of(each.week))}: {_share(each.kept, each.base)}",
        }
        facts = {
            "team": {"id": str(each.team_id), "name": each.team.name},
            "week": each.week.isoformat(),
            "limit": each.percent,
            "weeks": [
                {"kept": each.kept_before, "base": each.base_before},
                {"kept": each.kept, "base": each.base},
            ],
        }
        found[row.id] = Context(words, facts, episode_path(each))
    return found


def _share(kept: int, base: int) -> str:
    """A share with its base; rounded down, so that none below the limit shows it."""
    return f"{1_000 * kept // base / 10:g}% ({kept:,} of {base:,})"


def episode_path(each: Episode) -> str:
    """The compliance of the team in the two weeks."""
    first, last = each.week - timedelta(days=7), last_of(each.week)
    return f"{reverse('reporting:compliance')}?from={first}&to={last}&team={each.team_id}"


def episode_rows(member: Member) -> list[dict[str, str]]:
    """The same for a page."""
    return [
        {
            "team": each.team.name,
            "url": episode_path(each),
            "weeks": (
                f"{_share(each.kept_before, each.base_before)}, then {_share(each.kept, each.base)} on time"
            ),
            "since": f"two weeks under {each.percent}%, the second from {day_words(each.week, year=True)}",
            "closed": f"good again in the week of {day_words(each.closed_week, year=True)}"
            if each.closed_week
            else "",
        }
        for each in episodes_seen_by(member)
    ]
