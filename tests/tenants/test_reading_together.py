"""Several questions in one query are answered as each of them alone would be."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.db.models import Count, DecimalField, QuerySet
from django.db.models.functions import Cast, TruncDate
from django.test.utils import CaptureQueriesContext

from feedback.models import Reason
from leads.models import CriteriaVersion, Lead
from reporting.agreement.models import AgreementSettings
from sla.models import PolicyVersion
from tenants.models import Calendar, CalendarVersion, Member, Team
from tenants.together import answers, models_of, tuples_of
from tests.factories import Org

pytestmark = pytest.mark.django_db


def values_of(rows: list[Any], names: list[str]) -> list[tuple[Any, ...]]:
    return [tuple(getattr(row, name) for name in names) for row in rows]


@pytest.mark.parametrize(
    "model", [Member, Team, Calendar, CalendarVersion, CriteriaVersion, PolicyVersion, Reason]
)
def test_the_objects_are_those_of_the_query_in_its_order(acme: Org, globex: Org, model: Any) -> None:
    with acme.scope():
        rows: QuerySet[Any] = model.objects.order_by("-id")
        (found,) = answers(models_of(rows))
        names = [field.attname for field in model._meta.concrete_fields]
        assert found
        assert values_of(found, names) == values_of(list(rows), names)
        assert {type(row) for row in found} == {model}


def test_lists_of_ids_and_moments_keep_their_types(acme: Org, now) -> None:
    with acme.scope():
        AgreementSettings.objects.create(sales_signers=[acme.manager.id, acme.admin.id])
        settings, members = answers(
            models_of(AgreementSettings.objects.all()), models_of(Member.objects.filter(id=acme.admin.id))
        )
    assert settings[0].sales_signers == [acme.manager.id, acme.admin.id]
    assert members[0].pk == acme.admin.id


def test_a_deferred_column_is_read_when_it_is_asked_for(acme: Org) -> None:
    with acme.scope():
        (found,) = answers(models_of(PolicyVersion.objects.defer("content")))
        with CaptureQueriesContext(connection) as asked:
            assert found[0].number == 1
            assert not asked.captured_queries
            assert found[0].content["tiers"]
            assert len(asked.captured_queries) == 1
        (only,) = answers(models_of(Member.objects.only("name").filter(id=acme.admin.id)))
        assert only[0].get_deferred_fields() >= {"role", "team_id"}


def test_many_questions_are_one_query_and_those_without_rows_have_none(acme: Org, globex: Org) -> None:
    with acme.scope(), CaptureQueriesContext(connection) as asked:
        people, nobody, impossible, counted = answers(
            models_of(Member.objects.order_by("name")),
            models_of(Member.objects.filter(name="Nobody")),
            models_of(Member.objects.filter(id__in=[])),
            tuples_of(Reason.objects.order_by("kind").values_list("kind").annotate(number=Count("id"))),
        )
        assert len(asked.captured_queries) == 1
    assert {member.tenant_id for member in people} == {acme.id}
    assert (nobody, impossible) == ([], [])
    with acme.scope():
        expected = Reason.objects.order_by("kind").values_list("kind").annotate(number=Count("id"))
        assert counted == list(expected)


def test_days_and_texts_with_signs_survive(acme: Org, now) -> None:
    odd = "50% “off”, {curly} 'x' \\ %s"
    with acme.scope():
        Reason.objects.filter(slug="other", kind="reject").update(label=odd)
        days = PolicyVersion.objects.values_list("number", TruncDate("created_at"))
        (rows,) = answers(tuples_of(days))
        assert rows == list(days)
        (labels,) = answers(tuples_of(Reason.objects.filter(label=odd).values_list("label")))
    assert labels == [(odd,)]


def test_without_any_question_nothing_is_asked(acme: Org) -> None:
    with acme.scope(), CaptureQueriesContext(connection) as asked:
        assert answers() == []
        assert answers(models_of(Member.objects.none())) == [[]]
        assert not asked.captured_queries


def test_what_is_made_of_an_answer_may_be_something_else(acme: Org) -> None:
    with acme.scope():
        (names,) = answers(
            models_of(Member.objects.order_by("name")).then(lambda rows: [row.name for row in rows])
        )
        assert names == sorted(names)


def test_what_json_would_round_is_refused_rather_than_rounded(acme: Org) -> None:
    with acme.scope(), pytest.raises(TypeError, match="DecimalField"):
        answers(
            tuples_of(Lead.objects.values_list(Cast("score", DecimalField(max_digits=12, decimal_places=2))))
        )
