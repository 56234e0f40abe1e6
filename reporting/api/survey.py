"""The alignment survey for programs: to be read, and its questions. People answer: an answer that a program
brought would be known to the program."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.errors import FieldError, ValidationFailed
from leads import strict
from reporting.outcomes import survey as asked
from reporting.outcomes.models import SurveyQuestion
from reporting.outcomes.survey import DEFAULTS, SIDES, QuarterResult, Score, SideResult
from web.api import TenantAPIView
from web.pagination import known_query


class SurveyQuestionSerializer(serializers.Serializer[Any]):
    place = serializers.IntegerField(help_text="From 1.")
    text = serializers.CharField()


class SurveyScoreSerializer(serializers.Serializer[Any]):
    """What a side answered to a question."""

    base = serializers.IntegerField(help_text="Answers.")
    agree = serializers.IntegerField(help_text="Of these, how many gave 4 or 5.")
    mean = serializers.FloatField(help_text="Of 1 to 5; read it with the spread.")
    spread = serializers.ListField(child=serializers.IntegerField(), help_text="How many gave 1, 2, 3, 4, 5.")


class SurveyScoresSerializer(serializers.Serializer[Any]):
    """By side; null where the answers are too few to be shown."""

    def get_fields(self) -> dict[str, Any]:
        return {side: SurveyScoreSerializer(allow_null=True) for side in SIDES}


class SurveyAskedSerializer(SurveyQuestionSerializer):
    scores = SurveyScoresSerializer()


class SurveySideSerializer(serializers.Serializer[Any]):
    answers = serializers.IntegerField(help_text="How many there were.")
    is_shown = serializers.BooleanField(help_text="False: too few to be shown, numbers or texts.")
    notes = serializers.ListField(child=serializers.CharField(), help_text="As written, in no order of time.")


class SurveySidesSerializer(serializers.Serializer[Any]):
    def get_fields(self) -> dict[str, Any]:
        return {side: SurveySideSerializer() for side in SIDES}


class SurveyQuarterSerializer(serializers.Serializer[Any]):
    quarter = serializers.CharField(help_text="2026Q4.")
    sides = SurveySidesSerializer()
    questions = SurveyAskedSerializer(many=True, help_text="As they were asked then.")


class SurveySerializer(serializers.Serializer[Any]):
    quarter = serializers.CharField(help_text="The one that runs: nothing of it is shown.")
    answered = serializers.IntegerField(help_text="How many answered in it so far.")
    least = serializers.IntegerField(help_text="Of a side with fewer answers nothing is shown.")
    questions = SurveyQuestionSerializer(many=True, help_text="As they are asked now.")
    results = SurveyQuarterSerializer(many=True, help_text="Quarters that are over, the latest eight.")


class SurveyQuestionsSerializer(serializers.Serializer[Any]):
    seal = serializers.CharField(help_text="Of these texts; send it along with a change.")
    questions = SurveyQuestionSerializer(many=True)


class SurveyQuestionsInSerializer(serializers.Serializer[Any]):
    questions = serializers.ListField(
        child=serializers.CharField(max_length=asked.LONGEST_QUESTION),
        help_text=f"All {len(DEFAULTS)} texts, in their places.",
    )
    seal = serializers.CharField(
        max_length=16,
        required=False,
        help_text="As read with the questions: 409 where somebody changed them since.",
    )


_read: Callable[..., dict[str, Any]] = strict.reader_of(SurveyQuestionsInSerializer)


class SurveyView(TenantAPIView):
    """GET survey"""

    scopes: ClassVar[Mapping[str, str]] = {"GET": "reports:read"}

    @extend_schema(
        operation_id="survey",
        summary="The alignment survey: what is asked, and what both sides answered before",
        description=(
            "Read without names, and only when nobody can be told. Keys cannot answer: people do, on the"
            " page."
        ),
        responses=SurveySerializer,
    )
    def get(self, request: Request) -> Response:
        known_query(request)
        quarter = asked.quarter_of(asked.today_of(self.tenant, self.clock()))
        return Response(
            {
                "quarter": quarter,
                "answered": asked.answered_in(quarter),
                "least": asked.LEAST,
                "questions": [_question(each) for each in asked.questions()],
                "results": [_quarter(each) for each in asked.results(running=quarter)],
            }
        )


class SurveyQuestionsView(TenantAPIView):
    """GET, PUT survey/questions"""

    scopes: ClassVar[Mapping[str, str]] = {"GET": "config:read", "PUT": "config:write"}

    @extend_schema(
        operation_id="survey_questions",
        summary="What the survey asks",
        responses=SurveyQuestionsSerializer,
    )
    def get(self, request: Request) -> Response:
        known_query(request)
        return self._all()

    @extend_schema(
        operation_id="set_survey_questions",
        summary="Reword what the survey asks",
        description="A reworded question is another one and begins a trend of its own; the others go on.",
        request=SurveyQuestionsInSerializer,
        responses=SurveyQuestionsSerializer,
    )
    def put(self, request: Request) -> Response:
        known_query(request)
        said = strict.read(_read, request.data)
        texts = said["questions"]
        if len(texts) != len(DEFAULTS):
            raise ValidationFailed.at("/questions", f"Say all {len(DEFAULTS)}, each in its place.", "invalid")
        try:
            asked.set_questions(texts, actor=self.actor, now=self.clock(), seal=said.get("seal", ""))
        except ValidationFailed as refusal:
            raise _as_sent(refusal) from refusal
        return self._all()

    def _all(self) -> Response:
        kept = asked.questions()
        return Response({"seal": asked.seal_of(kept), "questions": [_question(each) for each in kept]})


def _as_sent(refusal: ValidationFailed) -> ValidationFailed:
    """The same refusal at the places of the body: the page's form has a field a question, from 1."""
    errors = [
        FieldError(f"/questions/{int(each.path.removeprefix('/text_')) - 1}", each.message, each.code)
        for each in refusal.field_errors
    ]
    return ValidationFailed(refusal.message, field_errors=errors)


def _question(each: SurveyQuestion) -> dict[str, Any]:
    return {"place": each.place, "text": each.text}


def _quarter(each: QuarterResult) -> dict[str, Any]:
    return {
        "quarter": each.quarter,
        "sides": {
            side: {
                "answers": found.answers,
                "is_shown": found.scores is not None,
                "notes": found.notes,
            }
            for side, found in each.sides.items()
        },
        "questions": [
            {
                **_question(question),
                "scores": {side: _score(found, question) for side, found in each.sides.items()},
            }
            for question in each.asked
        ],
    }


def _score(found: SideResult, question: SurveyQuestion) -> dict[str, Any] | None:
    score: Score | None = (found.scores or {}).get(str(question.id))
    if score is None:
        return None
    return {
        "base": score.base,
        "agree": score.agree,
        "mean": round(score.mean, 2),
        "spread": list(score.spread),
    }
