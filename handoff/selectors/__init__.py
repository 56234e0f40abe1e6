"""Reads for the people who work and watch leads: who may see what, the inbox, the board, the lists.

Lists cost the same number of queries whatever their length; how a clock stands comes from handoff.clocks,
which asks sla.status. A module a subject; what others call is named here.
"""

from __future__ import annotations

from handoff.selectors.access import ACTS, SEES_ALL, get_lead, last_handoff, teams_of, visible_leads, watched
from handoff.selectors.boards import PRESSING, Board, Pressing, board
from handoff.selectors.finding import search
from handoff.selectors.inboxes import MOST_OPEN, TABS, Inbox, attempts, inbox, undecided
from handoff.selectors.ownerless import Waiting, ownerless, unrouted, unrouted_count, waiting_handoffs
from handoff.selectors.people import Person, names_of, receivers
from handoff.selectors.rows import SHOWN, Row

__all__ = [
    "ACTS",
    "MOST_OPEN",
    "PRESSING",
    "SEES_ALL",
    "SHOWN",
    "TABS",
    "Board",
    "Inbox",
    "Person",
    "Pressing",
    "Row",
    "Waiting",
    "attempts",
    "board",
    "get_lead",
    "inbox",
    "last_handoff",
    "names_of",
    "ownerless",
    "receivers",
    "search",
    "teams_of",
    "undecided",
    "unrouted",
    "unrouted_count",
    "visible_leads",
    "waiting_handoffs",
    "watched",
]
