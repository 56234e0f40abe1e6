"""Named lists of companies and people: kept by hand or from a file, asked about by rules ("On list")."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Count, QuerySet

from core.errors import Conflict, FieldError, NotFound, ValidationFailed
from core.rules.text import fold
from leads.company_names import normal_name
from leads.incoming import storable
from leads.list_use import lock_lists, uses_of
from leads.matching import is_free_mail, normalise_email, registrable_domain
from leads.models import ListEntry, NamedList
from leads.text_search import begins
from tenants.audit import record_change
from tenants.bulk import fresh, insert_rows
from tenants.context import current_tenant_id

MOST_LISTS: Final = 100
MOST_ENTRIES: Final = 50_000
#: Entries that may be written at once by hand.
MOST_BY_HAND: Final = 500
_LONGEST: Final = 254
Kind = ListEntry.Kind


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry as it is looked up and as it is shown."""

    kind: str
    key: str
    shown: str


def all_lists() -> list[NamedList]:
    """Every list by name, with `size`: how many entries."""
    sizes = dict(ListEntry.objects.values_list("named_list_id").annotate(Count("id")).order_by())
    found = list(NamedList.objects.order_by("name", "id"))
    for each in found:
        each.size = sizes.get(each.id, 0)
    return found


def get_list(*, list_id: UUID) -> NamedList:
    """A list of this organisation. Raises NotFound."""
    found: NamedList | None = NamedList.objects.filter(id=list_id).first()
    if found is None:
        raise NotFound("There is no such list.")
    return found


def locked_list(*, list_id: UUID, to_remove: bool = False) -> NamedList:
    """A list that stays until the transaction ends, and whose entries nobody else writes meanwhile. Raises
    NotFound, also for one that somebody else was just removing."""
    rows = NamedList.objects.select_for_update(no_key=not to_remove)
    found: NamedList | None = rows.filter(id=list_id).first()
    if found is None:
        raise NotFound("There is no such list.")
    return found


def entries_of(found: NamedList, *, text: str = "") -> QuerySet[ListEntry]:
    """The entries of a list that begin with a text, whatever its case."""
    rows: QuerySet[ListEntry] = ListEntry.objects.filter(named_list=found)
    return rows.filter(begins("lower_shown", text.strip())) if text.strip() else rows


def get_entry(*, named_list: NamedList, entry_id: UUID) -> ListEntry:
    """An entry of this list. Raises NotFound."""
    found: ListEntry | None = ListEntry.objects.filter(id=entry_id, named_list=named_list).first()
    if found is None:
        raise NotFound("There is no such entry on this list.")
    return found


def read_entry(text: str, kind: str = "") -> Entry:
    """What somebody wrote as an entry. Without a kind, an address is told by its @, a domain by its dot.
    Raises ValidationFailed at /entry.
    """
    shown = " ".join(text.split())
    if not shown:
        raise ValidationFailed.at(
            "/entry", "Write a domain, an e-mail address or a company name.", "required"
        )
    if len(shown) > _LONGEST or not storable(shown):
        raise ValidationFailed.at("/entry", f"At most {_LONGEST} characters of plain text.", "max_length")
    if kind and kind not in Kind.values:
        raise ValidationFailed.at("/entry", f"Use one of: {', '.join(Kind.values)}.", "invalid_choice")
    chosen = kind or _guess(shown)
    if chosen == Kind.EMAIL:
        try:
            email = normalise_email(shown)
        except ValidationFailed as refusal:
            raise ValidationFailed.at("/entry", refusal.message, "invalid_email") from refusal
        return Entry(Kind.EMAIL, f"e:{email}", email)
    if chosen == Kind.DOMAIN:
        host = _host(shown)
        if not host:
            text = f"{shown[:80]!r} is no domain. Write it like acme.com."
            raise ValidationFailed.at("/entry", text, "invalid_domain")
        if is_free_mail(host):
            text = (
                f"People of many companies have an address at {host}, so it stands for none of them. Write "
                "their e-mail addresses, or the company's name."
            )
            raise ValidationFailed.at("/entry", text, "free_mail")
        return Entry(Kind.DOMAIN, f"d:{host}", host)
    name = normal_name(shown)
    if not name:
        raise ValidationFailed.at("/entry", "A company name has a letter or a digit.", "invalid")
    return Entry(Kind.COMPANY, f"n:{name}", shown)


def _guess(text: str) -> str:
    if text.startswith("@"):
        return Kind.DOMAIN
    if "@" in text:
        return Kind.EMAIL
    return Kind.DOMAIN if " " not in text and _host(text) else Kind.COMPANY


def _host(text: str) -> str:
    """The host of a domain, an address's end or a page, as the lists keep it; "" for none. Part of a
    company's domain may be an entry ("alumni.uni.example")."""
    rest = re.sub(r"^[a-z][a-z0-9+.-]*://", "", text.strip().lower()).lstrip("@")
    host = re.split(r"[/?#:]", rest, maxsplit=1)[0].removesuffix(".")
    top = registrable_domain(host)
    if not top:
        return ""
    host = host.removeprefix("www.")
    return host if host.endswith(top) else top  # the second: what the list writes otherwise than was typed


@transaction.atomic
def create_list(*, name: str, purpose: str, actor: str, now: datetime) -> NamedList:
    """A new list without entries. Audited. Raises ValidationFailed at /name or /purpose."""
    lock_lists()
    title = _checked(name, purpose)
    if NamedList.objects.count() >= MOST_LISTS:
        raise ValidationFailed.at(
            "/name", f"There are {MOST_LISTS} lists already: remove one first.", "too_many"
        )
    made: NamedList = NamedList.objects.create(
        name=title, slug=_free_slug(title), purpose=purpose, created_at=now
    )
    _record(made, "list.create", None, {"name": title, "slug": made.slug, "purpose": purpose}, actor, now)
    return made


@transaction.atomic
def change_list(
    *, list_id: UUID, name: str | None = None, purpose: str | None = None, actor: str, now: datetime
) -> NamedList:
    """Give a list another name or purpose (None: as it is by then); rules go on naming it by its slug.
    Audited. Raises NotFound; ValidationFailed at /name or /purpose."""
    lock_lists()
    found = get_list(list_id=list_id)
    purpose = found.purpose if purpose is None else purpose
    title = _checked(found.name if name is None else name, purpose, but=found)
    before = {"name": found.name, "purpose": found.purpose}
    after = {"name": title, "purpose": purpose}
    if before != after:
        found.name, found.purpose = title, purpose
        found.save(update_fields=["name", "purpose"])
        _record(found, "list.change", before, after, actor, now)
    return found


@transaction.atomic
def remove_list(*, list_id: UUID, actor: str, now: datetime) -> NamedList:
    """Remove a list with its entries. Audited. Raises NotFound; Conflict, with `used` in words, where rules
    of a draft or of what is in force ask about it."""
    lock_lists()
    found = locked_list(list_id=list_id, to_remove=True)
    used = uses_of([found.slug])[found.slug]
    if used:
        text = f"Rules ask about {found.name}: {'; '.join(used)}. Take it out there first."
        raise Conflict(text, used=used)
    size = ListEntry.objects.filter(named_list=found).count()
    _record(found, "list.remove", {"name": found.name, "slug": found.slug, "entries": size}, None, actor, now)
    with connection.cursor() as cursor:  # without reading 50,000 rows first
        cursor.execute(
            "delete from leads_listentry where tenant_id = %s and named_list_id = %s",
            [str(current_tenant_id()), str(found.id)],
        )
    NamedList.objects.filter(id=found.id).delete()
    return found


@transaction.atomic
def add_entries(
    *, list_id: UUID, texts: Sequence[str], kind: str = "", actor: str, now: datetime
) -> tuple[int, int]:
    """Put entries on a list; (new, there already). All or none of them. Audited.

    Raises NotFound; ValidationFailed with /entries/<index> of each that is none.
    """
    found = locked_list(list_id=list_id)
    if len(texts) > MOST_BY_HAND:
        text = f"At most {MOST_BY_HAND} at once; a file brings more."
        raise ValidationFailed.at("/entries", text, "too_many")
    entries, errors = [], []
    for index, each in enumerate(texts):
        try:
            entries.append(read_entry(each, kind))
        except ValidationFailed as refusal:
            errors.append(FieldError(f"/entries/{index}", refusal.message, refusal.field_errors[0].code))
    if errors or not entries:
        errors = errors or [FieldError("/entries", "Write at least one entry.", "required")]
        raise ValidationFailed(errors[0].message, field_errors=errors)
    new = write_entries(found, entries, now=now)
    if new:
        shown = [entry.shown if entry.kind != Kind.EMAIL else "an e-mail address" for entry in entries[:20]]
        _record(found, "list.add", None, {"new": new, "entries": shown}, actor, now)
    return new, len(entries) - new


def write_entries(found: NamedList, entries: Iterable[Entry], *, now: datetime) -> int:
    """Write entries that are not on the list yet; how many were new. The caller has the list locked."""
    once = {entry.key: entry for entry in entries}
    there = ListEntry.objects.filter(named_list=found).count()
    known = set(ListEntry.objects.filter(named_list=found, key__in=list(once)).values_list("key", flat=True))
    rows = [
        fresh(
            ListEntry,
            tenant_id=current_tenant_id(),
            named_list_id=found.id,
            kind=str(entry.kind),
            key=entry.key,
            shown=entry.shown,
            added_at=now,
        )
        for entry in once.values()
        if entry.key not in known
    ]
    if there + len(rows) > MOST_ENTRIES:
        text = f"A list has at most {MOST_ENTRIES:,} entries; this one would have {there + len(rows):,}."
        raise ValidationFailed.at("/entries", text, "too_many")
    insert_rows(rows)
    return len(rows)


@transaction.atomic
def remove_entry(*, list_id: UUID, entry_id: UUID, actor: str, now: datetime) -> None:
    """Take an entry off a list. Audited. Raises NotFound."""
    found = locked_list(list_id=list_id)
    entry = get_entry(named_list=found, entry_id=entry_id)
    shown = entry.shown if entry.kind != Kind.EMAIL else "an e-mail address"
    _record(found, "list.take", {"entry": shown, "kind": entry.kind}, None, actor, now)
    entry.delete()


def _checked(name: str, purpose: str, but: NamedList | None = None) -> str:
    """The name as it is kept."""
    title = " ".join(name.split())
    errors = []
    if not 0 < len(title) <= 80 or not storable(title):
        errors.append(FieldError("/name", "A name has 1 to 80 characters.", "required"))
    elif any(
        fold(each.name) == fold(title) for each in NamedList.objects.all() if but is None or each.id != but.id
    ):
        errors.append(FieldError("/name", "There is a list of this name already.", "taken"))
    if purpose not in NamedList.Purpose.values:
        text = f"Use one of: {', '.join(NamedList.Purpose.values)}."
        errors.append(FieldError("/purpose", text, "invalid_choice"))
    if errors:
        raise ValidationFailed(errors[0].message, field_errors=errors)
    return title


def _free_slug(name: str) -> str:
    plain = re.sub(r"[^a-z0-9]+", "-", fold(name)).strip("-")[:50] or "list"
    taken = set(NamedList.objects.values_list("slug", flat=True))
    number, slug = 1, plain
    while slug in taken:
        number += 1
        slug = f"{plain}-{number}"
    return slug


def _record(found: NamedList, action: str, before: object, after: object, actor: str, now: datetime) -> None:
    record_change(
        actor=actor,
        action=action,
        object_type="list",
        object_id=found.id,
        before=before,
        after=after,
        now=now,
    )
