"""Which rules ask about which named lists: what a list may not be removed for, and what a rule may not name.

Rules stand in versions, which say themselves what kinds there are (`tenants.versions`); what else keeps rules
says so by `register_rules`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.db.models import Value

from core.errors import FieldError, pointer
from core.rules.text import fold
from leads.models import NamedList
from tenants.context import current_tenant_id
from tenants.models import VersionState
from tenants.versions.kinds import get_kind, kinds, title_of

FIELD: Final = "lead.lists"
#: States of a version whose rules decide something, or may.
_ALIVE: Final = (VersionState.DRAFT, VersionState.SCHEDULED, VersionState.HELD, VersionState.PUBLISHED)
_STATE_WORDS: Final = {
    VersionState.DRAFT: "draft",
    VersionState.SCHEDULED: "scheduled",
    VersionState.HELD: "held",
    VersionState.PUBLISHED: "in force",
}

#: (where, in words; the rules as they are kept) of what is no version.
RulesKept = Callable[[], Iterable[tuple[str, object]]]
_others: list[RulesKept] = []


def register_rules(kept: RulesKept) -> None:
    """Have these rules searched too. Called once, when their app is ready."""
    _others.append(kept)


def uses_of(slugs: Iterable[str]) -> dict[str, list[str]]:
    """Where each list is asked about: "qualification criteria, version 4 (in force)"."""
    found: dict[str, list[str]] = {slug: [] for slug in slugs}
    by_folded = {fold(slug): slug for slug in found}
    for where, content in _rules():
        named = sorted({fold(value) for _, value in _named(content)} & set(by_folded))
        for slug in named:
            found[by_folded[slug]].append(where())
    return found


def _rules() -> Iterator[tuple[Callable[[], str], object]]:
    """Every rule that is alive, and how to say where it stands; a statement for all versions."""
    queries = [
        kind.model.objects.filter(state__in=_ALIVE)
        .annotate(kind=Value(kind.slug))
        .values_list("kind", "number", "id", "state", "content")
        for kind in kinds()
        if any(field.name == "content" for field in kind.model._meta.fields)
    ]
    rows = queries[0].union(*queries[1:], all=True) if queries else ()
    for slug, number, version_id, state, content in sorted(rows, key=lambda row: row[:3]):
        yield partial(_place, slug, number, version_id, VersionState(state)), content
    for kept in _others:
        for where, content in kept():
            yield partial(str, where), content


def _place(slug: str, number: int, version_id: UUID, state: VersionState) -> str:
    kind = get_kind(slug)
    title = title_of(kind.model.objects.get(id=version_id)) if kind.model.LINE else kind.title
    return f"{title}, version {number} ({_STATE_WORDS[state]})"


def lock_lists(*, shared: bool = False) -> None:
    """One at a time makes, names and removes lists of an organisation, until the transaction ends. shared: of
    those who only want them to stay, any number at once."""
    lock = "pg_advisory_xact_lock_shared" if shared else "pg_advisory_xact_lock"
    with connection.cursor() as cursor:
        cursor.execute(f"select {lock}(hashtext(%s))", [f"lists:{current_tenant_id()}"])


def unknown_lists(content: object) -> list[FieldError]:
    """The places of a content that name a list which there is not; two statements where it names any.

    Until the transaction ends no list is removed: whoever publishes the content by this answer has then
    written what keeps its lists.
    """
    named = list(_named(content))
    if not named:
        return []
    lock_lists(shared=True)
    lists = list(NamedList.objects.order_by("name").values_list("slug", flat=True))
    known = {fold(slug) for slug in lists}
    there = f"There are: {', '.join(lists[:10])}." if lists else "There is none yet: make it under Lists."
    return [
        FieldError(path, f"There is no list {value[:80]!r}. {there}", "unknown_list")
        for path, value in named
        if fold(value) not in known
    ]


def named_lists(content: object) -> Iterator[tuple[dict[str, Any], list[object]]]:
    """(condition, what it names) of every condition in a document that asks for lists by their slugs."""
    for _, each in _conditions(content):
        value = each.get("value")
        values = value if isinstance(value, list) else [value]
        if any(isinstance(text, str) for text in values):
            yield each, values


def _named(content: object) -> Iterator[tuple[str, str]]:
    """(place, value) of every list that the rules in a document name."""
    for path, each in _conditions(content):
        value = each.get("value")
        if isinstance(value, list):
            yield from (
                (f"{path}/value/{index}", text) for index, text in enumerate(value) if isinstance(text, str)
            )
        elif isinstance(value, str):
            yield f"{path}/value", value


def _conditions(content: object) -> Iterator[tuple[str, dict[str, Any]]]:
    """(place, condition) of every condition in a document that asks for lists by their slugs."""
    waiting: list[tuple[str, Any]] = [("", content)]
    while waiting:
        path, each = waiting.pop()
        if isinstance(each, dict):
            if each.get("field") == FIELD and each.get("op") == "contains":
                yield path, each
            waiting += [(path + pointer(key), inner) for key, inner in each.items()]
        elif isinstance(each, list):
            waiting += [(f"{path}/{index}", inner) for index, inner in enumerate(each)]
