"""The alignment survey: five questions a quarter, answered once by everybody, read without names.

Nothing is shown of a quarter that still runs, so that no answer can be told from the change it makes; nor of
a side with fewer than LEAST answers. An answer holds no member and no time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction
from django.urls import reverse

from core.errors import Conflict, FieldError, PermissionDenied, ValidationFailed
from notifications.context import Context, Row, register
from notifications.outbox import Message, enqueue
from reporting.outcomes.models import SurveyAnswer, SurveyDone, SurveyQuestion, SurveyRound
from tenants.audit import record_change
from tenants.bulk import fresh, insert_rows
from tenants.context import current_tenant_id
from tenants.models import Member, Role, Tenant

KIND: Final = "survey.asked"
_SUBJECT: Final = "survey:"
#: Fewer answers of a side are not shown.
LEAST: Final = 5
MOST_QUARTERS: Final = 8
SCORES: Final = (1, 2, 3, 4, 5)
LONGEST_QUESTION: Final = 200
LONGEST_NOTE: Final = 1_000
#: As 4 and 5.
AGREES: Final = 4
DEFAULTS: Final = (
    "Sales and marketing mean the same by a qualified lead.",
    "The leads that are handed over are worth a call.",
    "Leads are answered as quickly as we agreed.",
    "What sales says about leads changes what marketing does.",
    "I trust the numbers that both sides look at.",
)
SIDES: Final = {"sales": "Sales", "marketing": "Marketing"}
_SIDE_OF: Final = {Role.REP: "sales", Role.MANAGER: "sales", Role.MARKETING: "marketing"}


def quarter_of(day: date) -> str:
    """ "2026Q4"."""
    return f"{day.year}Q{(day.month + 2) // 3}"


def today_of(tenant: Tenant, now: datetime) -> date:
    return now.astimezone(ZoneInfo(tenant.time_zone)).date()


def side_of(member: Member) -> str | None:
    """Whose side somebody answers for; None of admins and executives, who read."""
    return _SIDE_OF.get(Role(member.role))


def questions() -> list[SurveyQuestion]:
    """Those that are asked, by their places; the defaults, unsaved, until one was answered or changed."""
    kept = list(SurveyQuestion.objects.filter(retired_at__isnull=True).order_by("place"))
    return kept or [SurveyQuestion(place=place, text=text) for place, text in enumerate(DEFAULTS, start=1)]


def seal_of(asked: Sequence[SurveyQuestion]) -> str:
    """What a page of questions carries along, so that an answer or a change is known to be to these."""
    return sha256("\n".join(each.text for each in asked).encode()).hexdigest()[:16]


def _check_seal(seal: str, asked: Sequence[SurveyQuestion], way_out: str) -> None:
    if seal and seal != seal_of(asked):
        raise Conflict(f"The questions were changed meanwhile. {way_out}")


def _kept_questions() -> list[SurveyQuestion]:
    if not SurveyQuestion.objects.exists():
        rows = [
            fresh(SurveyQuestion, tenant_id=current_tenant_id(), place=each.place, text=each.text)
            for each in questions()
        ]
        insert_rows(rows, conflict="on conflict do nothing")
    return questions()


def has_answered(member: Member, quarter: str) -> bool:
    return SurveyDone.objects.filter(member=member, quarter=quarter).exists()


@transaction.atomic
def answer(
    *, member: Member, quarter: str, scores: Mapping[int, int], note: str = "", seal: str = ""
) -> None:
    """Keep what somebody answers, by the questions' places. seal: of the questions that they read.

    Raises PermissionDenied of who is of no side; Conflict the second time, and where other questions are
    asked by now; ValidationFailed at /scores/<place>."""
    side = side_of(member)
    if side is None:
        raise PermissionDenied("The survey is answered by sales and marketing.")
    asked = _kept_questions()
    if not has_answered(member, quarter):
        _check_seal(seal, asked, "Answer them as they are now.")
    wrong = [
        FieldError(f"/scores/{each.place}", "Choose a number from 1 to 5.", "required")
        for each in asked
        if scores.get(each.place) not in SCORES
    ]
    if wrong:
        raise ValidationFailed("Answer each question.", field_errors=wrong)
    done = fresh(SurveyDone, tenant_id=current_tenant_id(), quarter=quarter, member_id=member.id)
    if not insert_rows([done], conflict="on conflict do nothing", returning=True):
        raise Conflict("You have answered this quarter.")
    SurveyAnswer.objects.create(
        quarter=quarter,
        side=side,
        scores={str(each.id): scores[each.place] for each in asked},
        note=note.strip()[:LONGEST_NOTE],
    )


@transaction.atomic
def set_questions(texts: Sequence[str], *, actor: str, now: datetime, seal: str = "") -> None:
    """Change the texts, in their places. A changed one is another question from now on. seal: of the
    questions that the writer read.

    Raises ValidationFailed at /text_<place>; Conflict where somebody else changed them since."""
    # Two who change them at once come one after the other.
    Tenant.objects.select_for_update(no_key=True).get(id=current_tenant_id())
    kept = _kept_questions()
    if [each.text for each in kept] != [text.strip() for text in texts]:
        _check_seal(seal, kept, "Open the page again, and change them there.")
    wrong = [
        FieldError(f"/text_{place}", f"A text of at most {LONGEST_QUESTION} characters.", "invalid")
        for place, text in enumerate(texts, start=1)
        if not 0 < len(text.strip()) <= LONGEST_QUESTION
    ]
    if wrong:
        raise ValidationFailed("A question is a sentence.", field_errors=wrong)
    changed = [
        (each, text.strip()) for each, text in zip(kept, texts, strict=True) if each.text != text.strip()
    ]
    if not changed:
        return
    SurveyQuestion.objects.filter(id__in=[each.id for each, _ in changed]).update(retired_at=now)
    for each, text in changed:
        SurveyQuestion.objects.create(place=each.place, text=text)
    record_change(
        actor=actor,
        action="survey_questions_changed",
        object_type="survey",
        object_id=None,
        before=[each.text for each, _ in changed],
        after=[text for _, text in changed],
        now=now,
    )


# --- Results ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Score:
    """What a side answered to a question in a quarter. spread: how many gave 1, 2, 3, 4, 5."""

    spread: tuple[int, ...]

    @property
    def base(self) -> int:
        return sum(self.spread)

    @property
    def agree(self) -> int:
        return sum(self.spread[AGREES - 1 :])

    @property
    def mean(self) -> float:
        return sum(score * count for score, count in zip(SCORES, self.spread, strict=True)) / self.base


@dataclass(frozen=True, slots=True)
class SideResult:
    """answers: how many there were; scores: by question id, None where they are too few to be shown."""

    answers: int
    scores: Mapping[str, Score] | None
    notes: list[str]


@dataclass(frozen=True, slots=True)
class QuarterResult:
    quarter: str
    asked: list[SurveyQuestion]
    sides: Mapping[str, SideResult]


def results(*, running: str) -> list[QuarterResult]:
    """Quarters that are over, the latest first. Three queries."""
    over = SurveyAnswer.objects.filter(quarter__lt=running)
    quarters = list(over.values_list("quarter", flat=True).distinct().order_by("-quarter")[:MOST_QUARTERS])
    rows = list(over.filter(quarter__in=quarters).values_list("quarter", "side", "scores", "note"))
    known = {str(each.id): each for each in SurveyQuestion.objects.all()}
    found = []
    for quarter in quarters:
        own = [row for row in rows if row[0] == quarter]
        ids = {key for _, _, scores, _ in own for key in scores if key in known}
        asked = sorted((known[key] for key in ids), key=lambda each: (each.place, str(each.id)))
        sides = {side: _side([row for row in own if row[1] == side], asked) for side in SIDES}
        found.append(QuarterResult(quarter, asked, sides))
    return found


def _side(
    rows: Sequence[tuple[str, str, dict[str, int], str]], asked: Sequence[SurveyQuestion]
) -> SideResult:
    if len(rows) < LEAST:
        return SideResult(len(rows), None, [])
    scores: dict[str, Score] = {}
    for each in asked:
        given = [scores_of[str(each.id)] for _, _, scores_of, _ in rows if str(each.id) in scores_of]
        # A question that changed within the quarter was answered by some of them only.
        if len(given) >= LEAST:
            scores[str(each.id)] = Score(tuple(given.count(score) for score in SCORES))
    # In an order that tells nothing of who came when.
    return SideResult(len(rows), scores, sorted(note for *_, note in rows if note))


def answered_in(quarter: str) -> int:
    """How many answered so far."""
    return SurveyDone.objects.filter(quarter=quarter).count()


# --- Asking -------------------------------------------------------------------------------------------------


def ask_quarterly(*, tenant: Tenant, now: datetime) -> int:
    """Ask everybody of both sides, once a quarter, from its second month on; how many were asked."""
    day = today_of(tenant, now)
    if (day.month - 1) % 3 == 0:
        return 0
    quarter = quarter_of(day)
    row = fresh(SurveyRound, tenant_id=current_tenant_id(), quarter=quarter, asked_at=now)
    if SurveyRound.objects.filter(quarter=quarter).exists():
        return 0
    if not insert_rows([row], conflict="on conflict do nothing", returning=True):
        return 0
    people = list(Member.objects.filter(role__in=_SIDE_OF, is_active=True).values_list("id", flat=True))
    message = Message(
        kind=KIND,
        event_id=row.id,
        subject=f"{_SUBJECT}{row.id}",
        member_ids=people,
        data={"quarter": quarter},
    )
    enqueue([message], now=now)
    return len(people)


def install() -> None:
    """Speak for these messages. Called once, when the app is ready."""
    register("survey.", context_of)


def context_of(rows: Sequence[Row], now: datetime) -> Mapping[UUID, Context]:
    """The words of each message; nothing more to whoever has answered. See notifications.context."""
    done = set(
        SurveyDone.objects.filter(member_id__in=[row.member_id for row in rows if row.member_id]).values_list(
            "member_id", "quarter"
        )
    )
    found: dict[UUID, Context] = {}
    for row in rows:
        quarter: Any = row.data.get("quarter", "")
        if row.told or (row.member_id, quarter) not in done:
            words = {"quarter": quarter_words(quarter), "number": str(len(DEFAULTS))}
            found[row.id] = Context(words, {"quarter": quarter}, reverse("reporting:survey"))
    return found


def quarter_words(quarter: str) -> str:
    """ "Q4 2026"."""
    return f"{quarter[4:]} {quarter[:4]}"
