"""What the numbers about feedback and disputes count, each with its base. Pages, files, the API and docs say
the same; nothing else counts.

Feedback coverage: of the MQLs of which an answer can be expected, how many have one. Any answer counts:
accepted, rejected, nurture, progressing, disqualified, lost. Expected is an answer once there is one, or once
the decision was due on the company's clock. Left out are those not due yet (or paused), and those of which no
decision was promised: a nurture sequence answers them, or there was no policy. Where the decision target is
enforced it is 100%: what is still unanswered has not come due.

Rejected as answered: rejections / decisions, as sales gave them. Rejected as corrected: the same without
rejections that a dispute overturned, which are in neither: the lead came back, and is decided anew.

Imported history is in neither: nobody answered it here. Test leads are in no number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import Count, Q

#: MQLs that people answer here.
LIVE: Final = Q(is_history=False)
ANSWERED: Final = ~Q(feedback="")
SILENT: Final = Q(feedback="")
DECIDED: Final = ~Q(decision="")
REJECTED: Final = Q(decision="rejected")
OVERTURNED: Final = Q(decision="rejected", overturned=True)
DISPUTED: Final = ~Q(dispute="")
#: What a list of MQLs may be of, by name: its title, and the same filter as the counting below.
BEHIND: Final[Mapping[str, tuple[str, Q]]] = {
    "feedback_mqls": ("MQLs that people answer here", LIVE),
    "feedback_given": ("With feedback", LIVE & ANSWERED),
    "feedback_none": ("Without feedback", LIVE & SILENT),
    "feedback_decided": ("Accepted, rejected or sent to nurture here", LIVE & DECIDED),
    "feedback_rejected": ("Rejected as answered", LIVE & REJECTED),
    "feedback_corrected": ("Rejected as corrected", LIVE & REJECTED & ~OVERTURNED),
    "disputed": ("Disputed", LIVE & DISPUTED),
    **{
        f"dispute_{state}": (f"Disputed: {words}", LIVE & Q(dispute=state))
        for state, words in {
            "open": "open",
            "upheld": "upheld",
            "overturned": "overturned",
            "criteria": "criteria to change",
            "routing": "routing to change",
        }.items()
    },
}


def owed(now: datetime) -> Q:
    """Without an answer although the decision was due."""
    return Q(feedback="", decision_due_at__lte=now) & ~Q(decision_verdict="paused")


def not_due(now: datetime) -> Q:
    """Without an answer, and not due yet."""
    return Q(feedback="") & (Q(decision_due_at__gt=now) | Q(decision_verdict="paused"))


def counts(now: datetime) -> dict[str, Count]:
    """What `Feedback` is made of, as aggregates over facts."""
    return {
        "mqls": Count("id"),
        "answered": Count("id", filter=ANSWERED),
        "owed": Count("id", filter=owed(now)),
        "not_due": Count("id", filter=not_due(now)),
        "progressing": Count("id", filter=Q(feedback="progressing")),
        "decided": Count("id", filter=DECIDED),
        "rejected": Count("id", filter=REJECTED),
        "overturned": Count("id", filter=OVERTURNED),
        "disputed": Count("id", filter=DISPUTED),
        "dispute_open": Count("id", filter=Q(dispute="open")),
        "dispute_upheld": Count("id", filter=Q(dispute="upheld")),
        "dispute_overturned": Count("id", filter=Q(dispute="overturned")),
        "dispute_criteria": Count("id", filter=Q(dispute="criteria")),
        "dispute_routing": Count("id", filter=Q(dispute="routing")),
    }


@dataclass(frozen=True, slots=True)
class Feedback:
    """MQLs of a period, counted. answered: with any answer; owed, not_due: without. decided: accepted,
    rejected or sent to nurture, by the first of these. disputed: with a dispute in whatever state.
    """

    mqls: int = 0
    answered: int = 0
    owed: int = 0
    not_due: int = 0
    progressing: int = 0
    decided: int = 0
    rejected: int = 0
    overturned: int = 0
    disputed: int = 0
    dispute_open: int = 0
    dispute_upheld: int = 0
    dispute_overturned: int = 0
    dispute_criteria: int = 0
    dispute_routing: int = 0

    @property
    def expected(self) -> int:
        """The base of the coverage."""
        return self.answered + self.owed

    @property
    def not_promised(self) -> int:
        """Without an answer, and none was promised."""
        return self.mqls - self.answered - self.owed - self.not_due

    @property
    def coverage(self) -> float | None:
        """Per cent; None where no answer can be expected yet."""
        return _percent(self.answered, self.expected)

    @property
    def rejected_as_answered(self) -> float | None:
        return _percent(self.rejected, self.decided)

    @property
    def corrected(self) -> int:
        """Rejections that stand."""
        return self.rejected - self.overturned

    @property
    def corrected_base(self) -> int:
        return self.decided - self.overturned

    @property
    def rejected_as_corrected(self) -> float | None:
        return _percent(self.corrected, self.corrected_base)

    def as_dict(self) -> dict[str, Any]:
        """As the API answers it."""
        return {
            "mqls": self.mqls,
            "coverage": {
                "answered": self.answered,
                "base": self.expected,
                "percent": self.coverage,
                "left_out": {"not_due": self.not_due, "not_promised": self.not_promised},
            },
            "rejected_as_answered": {
                "rejected": self.rejected,
                "base": self.decided,
                "percent": self.rejected_as_answered,
            },
            "rejected_as_corrected": {
                "rejected": self.corrected,
                "base": self.corrected_base,
                "percent": self.rejected_as_corrected,
                "left_out": {"overturned": self.overturned},
            },
            "disputes": {
                "all": self.disputed,
                "open": self.dispute_open,
                "upheld": self.dispute_upheld,
                "overturned": self.dispute_overturned,
                "criteria": self.dispute_criteria,
                "routing": self.dispute_routing,
            },
        }


def _percent(part: int, base: int) -> float | None:
    return round(100 * part / base, 1) if base else None
