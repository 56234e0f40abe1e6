"""The digest in words: one shape that the plain text, the HTML of the mail and the page are made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.conf import settings
from django.urls import reverse

from reporting import params
from reporting.definitions import Share
from reporting.mailings.digest import Digest, DigestRow
from reporting.mailings.schedule import LATE
from reporting.selectors import Tally
from web.templatetags.sp import signed


@dataclass(frozen=True, slots=True)
class Line:
    """text: the row's name or a sentence. cells: numbers beside it. url: absolute, or "". more: what is said
    below it; of a row with cells what plain text says instead of them."""

    text: str
    cells: tuple[str, ...] = ()
    url: str = ""
    more: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """A heading, a remark below it, and lines; `head` where they are a table."""

    title: str
    lines: tuple[Line, ...]
    head: tuple[str, ...] = ()
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail in words. late: a sentence where it comes after its hour."""

    title: str
    late: str
    parts: tuple[Part, ...]
    foot: tuple[str, ...] = ()
    links: tuple[Line, ...] = field(default=())


def absolute(path: str) -> str:
    return f"{settings.SITE_URL.rstrip('/')}{path}"


def day_words(day: date, *, year: bool = False) -> str:
    return f"{day.day} {day:%b %Y}" if year else f"{day.day} {day:%b}"


def week_words(week: date, last: date) -> str:
    """ "16 to 22 Nov 2026", with both months or years where they differ."""
    first = f"{week.day}" if week.month == last.month else day_words(week, year=week.year != last.year)
    return f"{first} to {day_words(last, year=True)}"


def moment_words(at: datetime, zone: ZoneInfo) -> str:
    local = at.astimezone(zone)
    return f"{local:%a} {day_words(local.date())} at {local:%H:%M}"


def late_words(due: datetime | None, now: datetime, zone: ZoneInfo) -> str:
    """Why it comes now; "" where it comes in time."""
    if due is None or now - due <= LATE:
        return ""
    told = moment_words(due, zone)
    return f"This mail comes late: it was due on {told}. It is about the week in its title."


def report_url(view: str, first: date, last: date, **more: str) -> str:
    query = {"from": first.isoformat(), "to": last.isoformat(), **more}
    return absolute(f"{reverse(f'reporting:{view}')}?{urlencode(query)}")


def share_words(share: Share) -> str:
    """ "75% (6 of 8 answered)"; why there is none where nothing was answered."""
    if share.percent is None:
        return "none answered yet"
    return f"{share.percent:g}% ({share.count:,} of {share.base:,} answered)"


_ROW_HEAD: Final = ("Delivered", "Accepted", "Rejected", "Acceptance")


def letter_of(digest: Digest, *, zone: ZoneInfo, now: datetime, due: datetime | None = None) -> Letter:
    """The digest in words. zone: the reader's, for moments; days are the organisation's."""
    period = week_words(digest.week, digest.last)
    page = absolute(f"{reverse('reporting:digest')}?week={digest.week.isoformat()}")
    parts = [
        _totals(digest),
        _reasons(digest),
        *(_split(digest, by) for by in digest.splits),
        _notes(digest, zone),
        _disputes(digest, zone),
    ]
    if not digest.whole.all["mqls"]:
        parts = [Part("", (Line("Nothing was delivered to sales in this week."),)), _disputes(digest, zone)]
    return Letter(
        title=f"What sales said, {period}",
        late=late_words(due, now, zone),
        parts=tuple(part for part in parts if part.lines),
        foot=(
            (
                "A lead counts in the week in which it became an MQL, in the organisation's time zone. "
                "Test leads count nowhere. Acceptance is of those that sales answered. "
                "What stands in brackets after a number is its change against the week before."
            ),
            f"Counted on {moment_words(now, zone)} ({zone.key}).",
        ),
        links=(
            Line("Rejections of this week", url=report_url("rejections", digest.week, digest.last)),
            Line("Funnel of this week", url=report_url("funnel", digest.week, digest.last)),
            Line("This digest", url=page),
            Line("Which mails I get", url=absolute(reverse("reporting:my_mails"))),
        ),
    )


def _totals(digest: Digest) -> Part:
    now, before = digest.whole, digest.before
    lines = [
        Line(label, (f"{now.all[name]:,}", signed(now.all[name] - before.all[name])))
        for label, name in (
            ("Delivered", "mqls"),
            ("Accepted", "accepted"),
            ("Rejected", "rejected"),
            ("Sent to nurture", "nurtured"),
            ("Without an answer", "undecided"),
        )
    ]
    lines.append(Line("Acceptance", (share_words(now.acceptance), _change(now, before))))
    remark = (
        f"{digest.overturned:,} of these rejections "
        f"{'was' if digest.overturned == 1 else 'were'} overturned by a dispute."
        if digest.overturned
        else ""
    )
    return Part("The week", tuple(lines), ("", "This week", "Change against the week before"), remark)


def _change(now: Tally, before: Tally) -> str:
    mine, former = now.acceptance.percent, before.acceptance.percent
    if mine is None or former is None:
        return "no rate to compare with"
    return signed(round(mine - former, 1), "pts")


def _reasons(digest: Digest) -> Part:
    rejected = digest.whole.all["rejected"]
    lines = [
        Line(
            row.label + (f" ({row.note})" if row.note else ""),
            (
                f"{row.count:,}",
                f"{Share(row.count, rejected).percent or 0:g}% of {rejected:,}",
                signed(row.count - row.before),
            ),
            url=report_url(
                "funnel_leads", digest.week, digest.last, stage="rejected", reason=row.slug or params.NONE
            ),
        )
        for row in digest.reasons
        if row.count or row.before
    ]
    return Part("Rejected by reason", tuple(lines), ("Reason", "Rejected", "Share", "Change"))


def _split(digest: Digest, by: str) -> Part:
    split = digest.splits[by]
    lines = [
        Line(
            row.name,
            _cells(row),
            url=report_url(
                "rejections", digest.week, digest.last, by=by, **{by: str(row.key) or params.NONE}
            ),
        )
        for row in split.rows
    ]
    more = f"The {len(lines)} with the most leads; {split.others:,} more in the portal."
    return Part(f"By {by}", tuple(lines), (by.capitalize(), *_ROW_HEAD), more if split.others else "")


def _cells(row: DigestRow) -> tuple[str, ...]:
    told = [
        f"{row.tally.all[name]:,} ({signed(row.tally.all[name] - row.before.all[name])})"
        for name in ("mqls", "accepted", "rejected")
    ]
    return (*told, share_words(row.tally.acceptance))


def _notes(digest: Digest, zone: ZoneInfo) -> Part:
    lines = [
        Line(
            f"{each.reason}: {each.note}",
            url=absolute(reverse("handoff:lead", args=[each.lead_id])),
            more=f"{each.by + ', ' if each.by else ''}about {each.lead}, {moment_words(each.at, zone)}",
        )
        for each in digest.notes
    ]
    return Part(
        "Notes worth reading",
        tuple(lines),
        remark="Of each reason of marketing's side the longest note, the most frequent reasons first.",
    )


def _disputes(digest: Digest, zone: ZoneInfo) -> Part:
    found, lines = digest.disputes, []
    url = absolute(reverse("handoff:disputes"))
    if found.open and found.since:
        what = "1 dispute waits" if found.open == 1 else f"{found.open:,} disputes wait"
        lines.append(
            Line(f"{what} to be decided, the oldest since {moment_words(found.since, zone)}.", url=url)
        )
    if found.disputable and found.until:
        what = "1 rejection" if found.disputable == 1 else f"{found.disputable:,} rejections"
        first = "it" if found.disputable == 1 else "the first of them"
        lines.append(
            Line(f"{what} can still be disputed, {first} until {moment_words(found.until, zone)}.", url=url)
        )
    return Part("Disputes", tuple(lines))


# --- As plain text ------------------------------------------------------------------------------------------


def as_text(letter: Letter) -> str:
    """Everything below the title, as plain text."""
    blocks = [letter.late] if letter.late else []
    for part in letter.parts:
        lines = [part.title.upper()] if part.title else []
        lines += [_text_line(part, line) for line in part.lines]
        blocks.append("\n".join([*lines, *([part.remark] if part.remark else [])]))
    blocks.append("\n".join(f"{line.text}: {line.url}" for line in letter.links))
    return "\n\n".join([*blocks, *letter.foot])


def _text_line(part: Part, line: Line) -> str:
    if line.more or not line.cells:
        return f"- {line.text}" + (f"\n  {line.more}" if line.more else "")
    told = [
        f"{cell} {head.lower()}" if head in _COUNTED else cell
        for head, cell in zip(part.head[1:], line.cells, strict=True)
        if cell
    ]
    ends_in_change = part.head[-1].startswith("Change") and line.cells[-1]
    change = f" ({told.pop()})" if ends_in_change else ""
    return f"- {line.text}: {', '.join(told)}{change}"


#: Columns whose numbers need their word in a line of text.
_COUNTED: Final = {"Delivered", "Accepted", "Rejected"}
