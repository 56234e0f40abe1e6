"""The bars that an organisation writes as questions: what makes an SQL, and what makes a meeting a qualified
one. Both are written, versioned and judged by `leads.sql_bar`; what is said of each, and where its pages are,
stands here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from leads import sql_bar
from leads.models import MeetingBarVersion, SqlBarVersion
from leads.sql_bar import Bar, must_be_yes
from tenants.models import VersionedModel


@dataclass(frozen=True, slots=True)
class BarKind:
    """One bar. slug: of the names of its pages.

    title, short: as a head, and as in a sentence. step: "becomes an SQL", of what is asked. The rest are
    sentences of its pages.
    """

    slug: str
    model: type[VersionedModel]
    default: Mapping[str, Any]
    title: str
    asked: str  # what it is, under the head
    each: str  # what a question of it is
    counts: str  # for what a new version counts
    nothing: str  # where nothing is asked
    refuses: str
    keeps: str  # where nothing is refused
    answers: str  # what becomes of the answers
    must: str  # beside the box "must be"

    @property
    def words(self) -> str:
        """ "the SQL criteria"."""
        first = self.title.split()[0]
        return f"the {self.title if first.isupper() else self.title[0].lower() + self.title[1:]}"

    @property
    def page(self) -> str:
        return f"leads:{self.slug}"

    @property
    def start(self) -> str:
        return f"leads:{self.slug}_start"

    @property
    def draft(self) -> str:
        return f"leads:{self.slug}_draft"

    @property
    def check(self) -> str:
        return f"leads:{self.slug}_check"

    @property
    def discard(self) -> str:
        return f"leads:{self.slug}_discard"

    @property
    def versions(self) -> str:
        return f"leads:{self.slug}_versions"

    @property
    def use(self) -> str:
        return f"leads:{self.slug}_use"

    def in_force(self, now: datetime) -> Bar:
        """The bar that holds at `now`: the one published, else the default."""
        return sql_bar.bar_in_force(now, self.model, self.default)


SQL_BAR: Final = BarKind(
    slug="sql_bar",
    model=SqlBarVersion,
    default=sql_bar.DEFAULT_BAR,
    title="SQL criteria",
    asked="What sales confirms before a lead is an SQL.",
    each="Each is a question that sales answers when a lead becomes an SQL.",
    counts="It counts for the next lead that becomes an SQL.",
    nothing="Nothing is asked: a lead becomes an SQL as soon as sales says so.",
    refuses="A lead that falls short of what must be stays a SAL, and whoever moves it is told what is"
    " missing.",
    keeps="Nothing is refused: the answers are kept and shown with the lead.",
    answers="Sales answers when it moves a lead to SQL, on the page or over the API. What was said is kept"
    " with the version that asked, and is never changed.",
    must="Must be: without it the lead does not become an SQL",
)

#: In force until a version is published: it asks, and refuses nothing.
DEFAULT_MEETING_BAR: Final[dict[str, Any]] = {
    "questions": [
        must_be_yes(
            "authority", "Attendee decides or influences", "They sign, or whoever signs listens to them."
        ),
        must_be_yes("fit", "Fits our criteria", "The company is one that our written criteria ask for."),
        must_be_yes(
            "next_step", "Next step agreed", "They know what the meeting is for and what comes after it."
        ),
        must_be_yes("ae_confirmed", "AE confirmed", "The AE knows of it and has the time."),
    ]
}
MEETING_BAR: Final = BarKind(
    slug="meeting_bar",
    model=MeetingBarVersion,
    default=DEFAULT_MEETING_BAR,
    title="Qualified-meeting criteria",
    asked="What an SDR confirms when a meeting is booked for an AE.",
    each="Each is a question that the SDR answers when a meeting is booked.",
    counts="It counts for the next meeting that is booked.",
    nothing="Nothing is asked: every meeting counts as a qualified one.",
    refuses="A meeting that falls short of what must be is not booked, and whoever books is told what is"
    " missing.",
    keeps="Nothing is refused: the answers are kept and shown with the meeting.",
    answers="SDRs answer when they book, on the page or over the API. What was said is kept with the number"
    " of the version that asked; another day of the same meeting keeps it.",
    must="Must be: without it the meeting is not booked",
)
