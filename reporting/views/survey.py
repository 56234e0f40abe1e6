"""The alignment survey: to be answered, to be read, and its questions."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from core.errors import DomainError, PermissionDenied
from reporting.outcomes import survey as asked
from reporting.outcomes.survey import SIDES, QuarterResult
from tenants.audit import member_actor
from tenants.auth import member_required
from tenants.clock import database_clock
from tenants.models import Role
from tenants.refusals import status_of, status_of_refusal, take_errors
from tenants.requests import TenantRequest

_SCALE: Final = [(1, "1, not at all"), (2, "2"), (3, "3"), (4, "4"), (5, "5, fully")]


def _seal(questions: list[Any]) -> forms.CharField:
    return forms.CharField(
        widget=forms.HiddenInput, required=False, max_length=16, initial=asked.seal_of(questions)
    )


class SurveyForm(forms.Form):
    """One number a question, and what somebody wants to add."""

    def __init__(self, *args: Any, questions: list[Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for each in questions:
            self.fields[f"scores_{each.place}"] = forms.TypedChoiceField(
                label=each.text,
                choices=_SCALE,
                coerce=int,
                widget=forms.RadioSelect,
                error_messages={"required": "Choose a number from 1 to 5."},
            )
        self.fields["note"] = forms.CharField(
            label="What else should be said",
            required=False,
            max_length=asked.LONGEST_NOTE,
            widget=forms.Textarea(attrs={"rows": 3}),
            help_text="Shown as you write it, without a name.",
        )
        self.fields["seal"] = _seal(questions)

    def scores(self) -> dict[int, int]:
        """After is_valid(), by place."""
        return {
            int(name.removeprefix("scores_")): value
            for name, value in self.cleaned_data.items()
            if name.startswith("scores_")
        }


@require_http_methods(["GET", "HEAD", "POST"])
@member_required()
def survey(request: TenantRequest) -> HttpResponse:
    """GET, POST /survey: answer the quarter's questions once; read what both sides answered before."""
    quarter = asked.quarter_of(asked.today_of(request.tenant, database_clock()))
    side = asked.side_of(request.member)
    done = side is not None and asked.has_answered(request.member, quarter)
    questions = asked.questions()
    if request.method == "POST" and side is None:
        raise PermissionDenied("The survey is answered by sales and marketing.")
    form = SurveyForm(request.POST if request.method == "POST" else None, questions=questions)
    status = status_of(form)
    if request.method == "POST" and form.is_valid():
        try:
            with transaction.atomic():
                asked.answer(
                    member=request.member,
                    quarter=quarter,
                    scores=form.scores(),
                    note=form.cleaned_data["note"],
                    seal=form.cleaned_data["seal"],
                )
        except DomainError as error:
            take_errors(form, error)
            status = status_of_refusal(error)
            # The form that is shown again asks what is asked now.
            form.data = {**request.POST.dict(), "seal": asked.seal_of(questions)}
        else:
            messages.success(request, "Thank you. Your answer is kept without your name.")
            return redirect("reporting:survey")
    context = {
        "crumbs": _crumbs(),
        "quarter": asked.quarter_words(quarter),
        "form": form if side is not None and not done else None,
        "done": done,
        "answered": asked.answered_in(quarter),
        "least": asked.LEAST,
        "may_edit": request.member.role == Role.ADMIN,
        "results": [_result(each) for each in asked.results(running=quarter)],
    }
    return render(request, "reporting/survey.html", context, status=status)


def _crumbs() -> list[dict[str, str]]:
    return [
        {"label": "Contract"},
        {"label": "Agreement", "url": reverse("reporting:agreement")},
        {"label": "Alignment survey", "url": reverse("reporting:survey")},
    ]


def _result(each: QuarterResult) -> dict[str, Any]:
    return {
        "quarter": asked.quarter_words(each.quarter),
        "sides": [
            {"label": SIDES[side], "answers": found.answers, "hidden": found.scores is None}
            for side, found in each.sides.items()
        ],
        "rows": [
            {
                "text": question.text,
                "cells": [(found.scores or {}).get(str(question.id)) for found in each.sides.values()],
            }
            for question in each.asked
        ],
        "notes": [
            {"label": SIDES[side], "texts": found.notes} for side, found in each.sides.items() if found.notes
        ],
    }


class QuestionsForm(forms.Form):
    """The five questions."""

    def __init__(self, *args: Any, questions: list[Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for each in questions:
            self.fields[f"text_{each.place}"] = forms.CharField(
                label=f"Question {each.place}", max_length=asked.LONGEST_QUESTION, initial=each.text
            )
        self.fields["seal"] = _seal(questions)


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.ADMIN)
def questions(request: TenantRequest) -> HttpResponse:
    """GET, POST /survey/questions: what is asked. A changed question begins a trend of its own."""
    form = QuestionsForm(request.POST if request.method == "POST" else None, questions=asked.questions())
    status = status_of(form)
    if request.method == "POST" and form.is_valid():
        texts = [form.cleaned_data[name] for name in form.fields if name.startswith("text_")]
        try:
            with transaction.atomic():
                asked.set_questions(
                    texts,
                    actor=member_actor(request.member),
                    now=database_clock(),
                    seal=form.cleaned_data["seal"],
                )
        except DomainError as error:
            take_errors(form, error)
            status = status_of_refusal(error)
        else:
            messages.success(request, "The questions are saved.")
            return redirect("reporting:survey")
    crumbs = [*_crumbs(), {"label": "Questions"}]
    return render(request, "reporting/survey_questions.html", {"form": form, "crumbs": crumbs}, status=status)
