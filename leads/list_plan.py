"""What bringing a file into a named list would do, worked out row by row. Nothing is written here.

A list of accounts may also say who owns each, its tier, its flags and what stands above it. Rows find their
account by domain, else by name; one that is not there yet is made.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from core.errors import ValidationFailed
from core.rules.text import fold
from leads.account_edit import FLAGS
from leads.account_tree import (
    MOST_LEVELS,
    TOO_DEEP,
    children_by_parent,
    levels_below,
    parents_around,
)
from leads.accounts import accounts_of_domains, lock_new_names
from leads.list_csv import ABOUT_ACCOUNTS, Row, Table
from leads.matching import check_domain, registrable_domain
from leads.models import Account, ListEntry, NamedList
from leads.named_lists import Entry, read_entry
from tenants.bulk import fresh
from tenants.context import current_tenant_id
from tenants.models import Member
from web.csv_text import undivided

_LARGEST: Final = 2_147_483_647
NEW, THERE, AGAIN, WRONG = "new", "there", "again", "wrong"
STATUS_WORDS: Final = {
    NEW: "New",
    THERE: "On the list already",
    AGAIN: "Twice in the file",
    WRONG: "Wrong",
}
_YES: Final = frozenset({"yes", "y", "true", "1", "x", "ja", "oui", "si"})
_NO: Final = frozenset({"no", "n", "false", "0", "nein", "non"})
TEXTS: Final = {"tier": 40, "industry": 80, "country": 60, "region": 60}
_LABELS: Final = {
    "owner_id": "owner",
    "parent_id": "parent",
    "tier": "tier",
    "employees": "employees",
    "industry": "industry",
    "country": "country",
    "region": "region",
    **{name: label.lower() for name, label in FLAGS.items()},
}


@dataclass(slots=True)
class Line:
    """What becomes of one row. says: changes of its account in words. changes: of columns, {name: value}."""

    line: int
    shown: str
    status: str = NEW
    errors: list[str] = field(default_factory=list)
    says: list[str] = field(default_factory=list)
    entry: Entry | None = None
    account: Account | None = None
    makes: bool = False
    changes: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class ListPlan:
    """What bringing a file in does."""

    lines: list[Line]
    ignored: Sequence[str] = ()
    encoding: str = "UTF-8"

    @property
    def counts(self) -> dict[str, int]:
        """How many rows of each status, and accounts made and changed."""
        found = Counter(line.status for line in self.lines)
        sound = [line for line in self.lines if line.status != WRONG]
        made = {line.account.id for line in sound if line.account and line.makes}
        changed = {line.account.id for line in sound if line.account and line.changes} - made
        return {
            **{status: found[status] for status in STATUS_WORDS},
            "accounts_made": len(made),
            "accounts_changed": len(changed),
        }

    @property
    def does_something(self) -> bool:
        counts = self.counts
        return any(counts[name] for name in (NEW, "accounts_made", "accounts_changed"))


class Planning:
    """One plan while it is made. locks: hold the accounts, to write them."""

    def __init__(self, found: NamedList, table: Table, now: datetime, *, locks: bool = False) -> None:
        self._list, self._table, self._now, self._locks = found, table, now, locks
        self._by_domain: dict[str, Account] = {}
        self._by_name: dict[str, set[UUID]] = {}
        self._accounts: dict[UUID, Account] = {}
        self._owners: dict[str, Member] = {}
        self._new: set[UUID] = set()
        self._wrong: set[str] = set()
        self._parents: dict[UUID, UUID | None] = {}
        self._children: dict[UUID, set[UUID]] = {}

    def plan(self) -> ListPlan:
        lines = [self._line(row) for row in self._table.rows]
        if self._table.sets_accounts:
            self._set_accounts(lines)
        for line in lines:
            if line.errors:
                line.status, line.changes, line.says = WRONG, {}, []
        self._mark_known(lines)
        return ListPlan(lines, self._table.ignored, self._table.encoding)

    def _line(self, row: Row) -> Line:
        cells = row.cells
        named = [(name, cells[name]) for name in ("entry", "domain", "email", "company") if name in cells]
        shown = named[0][1] if named else ""
        line = Line(row.line, shown[:100])
        if not named:
            line.errors.append("It names no domain, e-mail address or company.")
            return line
        name, text = named[0]
        try:
            line.entry = read_entry(text, cells.get("kind", "").lower() if name == "entry" else name)
        except ValidationFailed as refusal:
            line.errors.append(refusal.message)
        return line

    def _mark_known(self, lines: Sequence[Line]) -> None:
        keys = {line.entry.key for line in lines if line.entry}
        rows = ListEntry.objects.filter(named_list=self._list, key__in=list(keys))
        there = set(rows.values_list("key", flat=True))
        seen: set[str] = set()
        for line in lines:
            if line.entry is None or line.status == WRONG:
                continue
            key = line.entry.key
            line.status = AGAIN if key in seen else THERE if key in there else NEW
            seen.add(key)

    # --- Accounts -------------------------------------------------------------------------------------------

    def _set_accounts(self, lines: Sequence[Line]) -> None:
        about = [
            (line, row.cells)
            for line, row in zip(lines, self._table.rows, strict=True)
            if not line.errors and set(row.cells) & ABOUT_ACCOUNTS
        ]
        self._load(about)
        for _ in range(MOST_LEVELS + 2):  # each row that turns wrong may make one below its account wrong
            if not self._settle(about):
                return
            about = [(line, cells) for line, cells in about if not line.errors]
        for line, _ in about:
            if line.makes or line.changes.get("parent_id") in self._new:
                line.errors.append("Too many rows that this one builds on are wrong: put those right first.")

    def _settle(self, about: Sequence[tuple[Line, Mapping[str, str]]]) -> bool:
        """Say what becomes of these rows as if they were all there are; whether one turned wrong whose
        account others may have built on, so that those are to be asked again without it."""
        kept = self._by_domain, self._by_name, self._accounts, self._parents
        self._by_domain, self._accounts, self._parents = dict(kept[0]), dict(kept[2]), dict(kept[3])
        self._by_name = {name: set(ids) for name, ids in kept[1].items()}
        self._children = children_by_parent(self._parents)
        for line, cells in about:
            line.account, line.makes, line.changes, line.says = None, False, {}, []
            self._find(line, cells)
        for line, cells in about:
            if line.account is not None and not line.errors:
                self._change(line, line.account, cells)
        again = [line for line, _ in about if line.errors and line.makes]
        if again:
            self._wrong |= {text for line, cells in about if line.errors for text in _called_by(cells)}
            self._by_domain, self._by_name, self._accounts, self._parents = kept
        return bool(again)

    def _load(self, about: Iterable[tuple[Line, Mapping[str, str]]]) -> None:
        """The accounts and members that the rows name, and what stands above them."""
        texts = [text for _, cells in about for text in (*_identity(cells), cells.get("parent", "")) if text]
        domains = {domain for text in texts if (domain := registrable_domain(text))}
        self._by_domain = accounts_of_domains(domains) if domains else {}
        self._accounts = {each.id: each for each in self._by_domain.values()}
        self._load_names(set(texts))
        nameless = {name for _, cells in about for domain, name in [_identity(cells)] if name and not domain}
        if self._locks and nameless - self._by_name.keys():
            lock_new_names()  # before any account is locked, as arrivals do
            self._load_names(nameless - self._by_name.keys())
        if self._locks:
            held = Account.objects.filter(id__in=list(self._accounts)).order_by("id")
            self._accounts = {row.id: row for row in held.select_for_update(of=("self",), no_key=True)}
        self._parents = {each.id: each.parent_id for each in self._accounts.values()}
        if any("parent" in cells for _, cells in about):
            self._parents = parents_around(self._accounts) | self._parents
        addresses = {cells["owner"].lower() for _, cells in about if "owner" in cells}
        members = Member.objects.select_related("user").filter(
            user__email__in=sorted(addresses), is_active=True
        )
        self._owners = {member.user.email.lower(): member for member in members}

    def _load_names(self, names: Iterable[str]) -> None:
        rows = Account.objects.select_related("merged_into").filter(name__in=sorted(names))
        for row in rows:
            account = row.merged_into or row
            self._accounts.setdefault(account.id, account)
            self._by_name.setdefault(row.name, set()).add(account.id)

    def _find(self, line: Line, cells: Mapping[str, str]) -> None:
        domain_text, name = _identity(cells)
        if not domain_text and not name:
            line.errors.append("An owner, a tier or flags need the account's domain or name in the same row.")
            return
        try:
            domain = check_domain(domain_text, "/domain")
        except ValidationFailed as refusal:
            line.errors.append(refusal.message)
            return
        found = self._called(line, domain or name)
        if found is None and not line.errors:
            found = fresh(
                Account,
                tenant_id=current_tenant_id(),
                name=(name or domain)[:200],
                domain=domain,
                created_at=self._now,
            )
            self._accounts[found.id] = found
            self._parents[found.id] = None
            self._new.add(found.id)
            if domain:
                self._by_domain[domain] = found
            self._by_name.setdefault(found.name, set()).add(found.id)
            line.makes = True
            line.says.append("makes the account")
        line.account = found

    def _called(self, line: Line, text: str) -> Account | None:
        """The account with this domain or name; more than one is an error of the row."""
        domain = registrable_domain(text)
        if domain and domain in self._by_domain:
            return self._accounts[self._by_domain[domain].id]
        ids = self._by_name.get(text, set())
        if len(ids) > 1:
            line.errors.append(f"Several accounts are called {text[:80]!r}: give the domain.")
            return None
        return self._accounts[next(iter(ids))] if ids else None

    def _change(self, line: Line, account: Account, cells: Mapping[str, str]) -> None:
        wanted: dict[str, Any] = {}
        for name in FLAGS:
            if name in cells:
                said = fold(cells[name])
                if said not in _YES | _NO:
                    line.errors.append(f"{FLAGS[name]}: write yes or no, not {cells[name][:40]!r}.")
                wanted[name] = said in _YES
        for name, longest in TEXTS.items():
            if name in cells:
                if len(cells[name]) > longest:
                    line.errors.append(f"{_LABELS[name].capitalize()}: at most {longest} characters.")
                wanted[name] = cells[name]
        if "employees" in cells:
            many = _whole_number(cells["employees"])
            if many is None:
                line.errors.append(f"Employees: a whole number, not {cells['employees'][:40]!r}.")
            else:
                wanted["employees"] = many
        if "owner" in cells:
            member = self._owners.get(cells["owner"].lower())
            if member is None:
                line.errors.append(f"Nobody active here has the e-mail {cells['owner'][:80]}.")
            else:
                wanted["owner_id"] = member.id
        if "parent" in cells:
            parent = self._called(line, cells["parent"])
            if parent is None and not line.errors:
                called = cells["parent"]
                line.errors.append(
                    f"The row that would make {called[:80]!r}, its parent, is wrong."
                    if (registrable_domain(called) or called) in self._wrong
                    else f"No account and no row of this file is called {called[:80]!r}."
                )
            elif parent is not None and self._may_stand(line, account, parent):
                wanted["parent_id"] = parent.id
        if line.errors:
            return
        line.changes = {name: value for name, value in wanted.items() if getattr(account, name) != value}
        if "parent_id" in wanted:
            self._place(account.id, wanted["parent_id"])
        line.says += [self._said(name, value) for name, value in line.changes.items()]

    def _may_stand(self, line: Line, account: Account, parent: Account) -> bool:
        if self._parents.get(account.id) == parent.id:
            return True
        way: set[UUID] = set()
        above: UUID | None = parent.id
        while above is not None and above not in way:
            if above == account.id:
                line.errors.append(f"{parent.name} stands below {account.name}: this would close a circle.")
                return False
            way.add(above)
            above = self._parents.get(above)
        if len(way) + levels_below(account.id, self._children) >= MOST_LEVELS:
            line.errors.append(TOO_DEEP)
            return False
        return True

    def _place(self, account_id: UUID, parent_id: UUID) -> None:
        was = self._parents.get(account_id)
        if was is not None:
            self._children.get(was, set()).discard(account_id)
        self._parents[account_id] = parent_id
        self._children.setdefault(parent_id, set()).add(account_id)

    def _said(self, name: str, value: Any) -> str:
        if name == "owner_id":
            value = next(each.name for each in self._owners.values() if each.id == value)
        elif name == "parent_id":
            value = self._accounts[value].name
        elif isinstance(value, bool):
            value = "yes" if value else "no"
        return f"{_LABELS[name]}: {value}"


def _identity(cells: Mapping[str, str]) -> tuple[str, str]:
    """(domain, name) by which a row names its account."""
    entry = cells.get("entry", "")
    domain = cells.get("domain", "") or (entry if " " not in entry and registrable_domain(entry) else "")
    return domain, cells.get("company", "") or ("" if domain else entry)


def _called_by(cells: Mapping[str, str]) -> set[str]:
    """What a row's account is called by others, in one spelling of domains."""
    return {registrable_domain(text) or text for text in _identity(cells) if text}


def _whole_number(text: str) -> int | None:
    """A number as somebody wrote it, where its column can hold it."""
    plain = undivided(text)
    if not (plain.isascii() and plain.isdigit()):
        return None
    digits = plain.lstrip("0")[:11] or "0"  # one more than the column holds, however long the number is
    return int(digits) if int(digits) <= _LARGEST else None
