"""What the words of the agreement mean. The same for everybody, so no part of what is compared."""

from __future__ import annotations

from typing import Final

STAGES: Final[tuple[tuple[str, str], ...]] = (
    ("Subscriber", "Opted in; not yet known to fit."),
    ("Lead", "Known to fit, and below the engagement that makes an MQL."),
    (
        "MQL",
        "Fits, is engaged and showed intent, as the criteria of this agreement say. Marketing hands it over.",
    ),
    ("SAL", "Sales has looked at it and accepted it."),
    ("SQL", "A qualifying conversation confirmed what the SQL criteria ask."),
    ("Opportunity", "A deal with an amount and an expected close date."),
    ("Won or lost", "How the deal ended."),
    ("Rejected", "Sales refused it, with a reason."),
    ("Nurture", "Not now. The handoff ends; a return to MQL begins a new one."),
    ("Disqualified", "Cannot become a customer; nobody works it any more."),
)
WORDS: Final[tuple[tuple[str, str], ...]] = (
    ("Handoff", "The moment at which a lead becomes an MQL: it gets an owner and its clocks start."),
    ("Touch", "An attempt of a person to reach the lead, as it was logged."),
    ("First touch", "The first touch of a kind that counts as a response."),
)
