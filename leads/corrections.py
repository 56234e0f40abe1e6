"""What is known of a lead is put right by hand: fields are replaced or emptied, and the lead is judged again.

A correction is no arrival. It leaves no engagement, says nothing of when the lead did anything, and lets the
last word be the last: what an arrival only fills in, a correction overwrites.

Of the company it may say two things. Which one it is: a domain moves the lead to that company's account. And
what is so of it: that is written to the account, for all its leads. Nothing that is left blank empties an
account that the lead only comes to, and who may only fill in (`fills_only`) changes nothing that the account
says already.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from core.errors import Conflict, DomainError, FieldError, StaleVersion, ValidationFailed
from leads.accounts import account_to_be
from leads.arrivals import Arrival, NewEngagement, Person
from leads.dirty import mark_accounts_dirty
from leads.incoming import CompanyIn, LeadIn, check
from leads.matching import check_domain, normalise_email, normalise_phone
from leads.models import Account, CriteriaVersion, Lead, LeadExternalId
from leads.upsert import Batch, try_until_alone
from tenants.bulk import update_rows
from tenants.clock import Clock
from tenants.versions import version_in_force

#: What may be put right of the lead itself; `LeadIn` has them under the same names.
LEAD_FIELDS: Final = (
    "email",
    "first_name",
    "last_name",
    "title",
    "phone",
    "postal_code",
    "source",
    "campaign",
    "channel",
    "score",
)
#: And of its company, as `CompanyIn` has them.
COMPANY_FIELDS: Final = ("name", "domain", "employees", "revenue", "industry", "country", "region")
#: Columns of the lead that its company's fields are kept in as well.
_ON_LEAD: Final = {"name": "company_name", "country": "country", "region": "region"}
#: Columns of the account that may be emptied. Its name and domain say which account it is.
_EMPTIED: Final = ("employees", "revenue", "industry", "country", "region")
_NUMBERS: Final = ("score", "employees", "revenue")
_NOTHING: Final = (None, "")


@dataclass(frozen=True, slots=True)
class Correction:
    """What is said of a lead: fields of LEAD_FIELDS and COMPANY_FIELDS; "" or None means "not known".

    seen_at: the lead's `updated_at` as the author saw it; None where nobody looked.
    """

    lead: Mapping[str, Any]
    company: Mapping[str, Any]
    seen_at: datetime | None = None

    @property
    def names(self) -> list[str]:
        """Which fields it is about: "phone", "company.country"."""
        return sorted([*self.lead, *(f"company.{name}" for name in self.company)])


def current_values(lead: Lead) -> dict[str, Any]:
    """What is known now, by the names of `Correction.names`; the account's word counts where the lead has
    none."""
    account: Account | None = lead.account
    found = {name: getattr(lead, name) for name in LEAD_FIELDS}
    for name in COMPANY_FIELDS:
        own = getattr(lead, _ON_LEAD[name]) if name in _ON_LEAD else None
        found[f"company.{name}"] = own or (getattr(account, name) if account is not None else None)
    return found


def correct_lead(
    lead: Lead, correction: Correction, *, now: datetime, clock: Clock, fills_only: bool = False
) -> Arrival:
    """Write what was said of the lead, judge it again, and give back what became of it: `qualifies` says that
    a handoff is to be opened. The stage's steps are the caller's to write (`record_steps`).

    fills_only: the author may say which company the lead belongs to and fill in what is not known of it, and
                change nothing else of its account.
    Raises ValidationFailed with a path to each error, Conflict where another lead has the e-mail,
    StaleVersion where the lead changed since `seen_at`.
    """
    item = _as_item(lead, correction)
    error = check(item, now)
    if error is not None:
        raise error
    check_domain(item.company.domain, "/company/domain")
    version = version_in_force(CriteriaVersion, now)
    (answer,) = try_until_alone(lambda: _Correcting(lead, correction, item, now, clock, version, fills_only))
    if isinstance(answer, DomainError):
        raise answer
    return answer


def _as_item(lead: Lead, correction: Correction) -> LeadIn:
    """The correction as an arrival would say it, so that it is checked by the same rules."""
    said: dict[str, Any] = {
        name: _blank(name) if value is None else value for name, value in correction.lead.items()
    }
    company: dict[str, Any] = {
        name: _blank(name) if value is None else value for name, value in correction.company.items()
    }
    said.setdefault("email", lead.email)
    if not said["email"]:
        outside = LeadExternalId.objects.filter(lead=lead).order_by("id").first()
        if outside is None:
            said["email"] = ""
        else:
            said.update(external_system=outside.system, external_id=outside.external_id)
    return LeadIn(**said, company=CompanyIn(**company), test=lead.is_test)


def _blank(name: str) -> str | None:
    """What stands for "not known" in this field."""
    return None if name in _NUMBERS else ""


class _Correcting(Batch):
    """One try at a correction: the way of an arrival, from a lead that is known."""

    def __init__(
        self,
        lead: Lead,
        correction: Correction,
        item: LeadIn,
        now: datetime,
        clock: Clock,
        version: CriteriaVersion | None,
        fills_only: bool,
    ) -> None:
        super().__init__([item], now, clock, version)
        self.lead_id = lead.id
        self.correction = correction
        self.fills_only = fills_only
        self.moves = False  # to another account than it has

    def find(self) -> tuple[list[Person], dict[int, DomainError]]:
        return [Person(self.lead_id, items=[(0, self.items[0])])], {}

    def load_known(self) -> None:
        """With the lead locked: is it as the author saw it, and is the address free?"""
        super().load_known()
        lead = self.people[0].lead
        assert lead is not None
        seen_at = self.correction.seen_at
        if seen_at is not None and seen_at != lead.updated_at:
            raise StaleVersion("This lead changed meanwhile. Look at it again, then send yours.")
        email = normalise_email(self.items[0].email) if "email" in self.correction.lead else ""
        if email and email != lead.email and Lead.objects.filter(email=email).exclude(id=lead.id).exists():
            text = "Another lead has this e-mail."
            raise Conflict(text, field_errors=[FieldError("/email", text, "taken")], conflict="identity")

        self.load_account(lead)

    def load_account(self, lead: Lead) -> None:
        """With the account locked that the lead will have: may what was said of the company be written?"""
        company = self.correction.company
        if not company:
            return
        person = self.people[0]
        account, own = account_to_be(person), lead.account_id
        stays = account is not None and account.id == own
        self.moves = own is not None and not stays
        if account is not None and stays:
            self.check_named(account)
        if account is not None and self.fills_only:
            self.check_filled(account, stays=stays)
            known: dict[str, Any] = {
                name: _blank(name) for name in _EMPTIED if getattr(account, name) not in _NOTHING
            }
            trimmed = replace(self.items[0].company, **known)
            person.items = [(0, replace(self.items[0], company=trimmed))]

    def check_named(self, account: Account) -> None:
        """A lead leaves its company only for another, and is shown with its name."""
        company = self.correction.company
        if account.domain and company.get("domain", account.domain) in _NOTHING:
            text = (
                f"The lead belongs to {account.name} ({account.domain}). Give the domain of another company "
                "to move it there; what is wrong with the company itself is changed under Accounts."
            )
            raise ValidationFailed.at("/company/domain", text, "required")
        if company.get("name", account.name) in _NOTHING:
            text = (
                f"The lead belongs to {account.name}, and is shown with that name. Give another name, or the "
                "domain of another company."
            )
            raise ValidationFailed.at("/company/name", text, "required")

    def check_filled(self, account: Account, *, stays: bool) -> None:
        """Refuse what would change the account where it says something already. A lead's own country and
        region may differ from its company's, and a blank says nothing of a company that the lead comes to."""
        errors = []
        for name in _EMPTIED:
            if name not in self.correction.company:
                continue
            value, known = getattr(self.items[0].company, name), getattr(account, name)
            is_kept = name in _ON_LEAD if value not in _NOTHING else not stays
            if known not in _NOTHING and value != known and not is_kept:
                text = (
                    f"{account.name} has this already ({known}), for all its leads. Marketing or a manager "
                    "changes it under Accounts."
                )
                errors.append(FieldError(f"/company/{name}", text, "not_yours"))
        if errors:
            raise ValidationFailed(errors[0].message, field_errors=errors)

    def merge(self, person: Person) -> None:
        lead, account = person.lead, person.account
        assert lead is not None
        if account is not None and account.id == lead.account_id:
            self.empty(account)
        if self.moves:
            lead.company_name = ""  # that of the company it leaves
        super().merge(person)

    def empty(self, account: Account) -> None:
        """Take from the account what was said to be not known; its lock is held."""
        company = self.correction.company
        gone = [name for name in _EMPTIED if name in company and company[name] in _NOTHING]
        if gone:
            for name in gone:
                setattr(account, name, _blank(name))
            update_rows([account], gone)
            mark_accounts_dirty([account.id], self.now)

    def merge_item(self, lead: Lead, item: LeadIn, *, newer: bool) -> None:
        said = self.correction.lead
        for name in said:
            value = getattr(item, name)
            setattr(lead, name, value.strip() if isinstance(value, str) else value)
        for name in self.correction.company:
            if name in _ON_LEAD:
                setattr(lead, _ON_LEAD[name], getattr(self.items[0].company, name).strip())
        if "email" in said:
            lead.email = normalise_email(item.email)
        if "phone" in said:
            lead.phone = normalise_phone(item.phone, lead.country)[:40]

    def new_engagements(self, person: Person, item: LeadIn) -> list[NewEngagement]:
        """None: nobody did anything."""
        return []

    def may_open(self, person: Person) -> bool:
        """Not for a lead whose handoff ended and that did nothing since: putting its name right brings nobody
        back."""
        return person.closed_at is None or bool(person.past)


def said_of(values: Mapping[str, Any], *, seen_at: datetime | None = None) -> Correction:
    """A correction from values by the names of `Correction.names`. Raises ValidationFailed for a name that is
    none."""
    lead: dict[str, Any] = {}
    company: dict[str, Any] = {}
    for name, value in values.items():
        owner, _, part = name.rpartition(".")
        if (part in COMPANY_FIELDS and owner == "company") or (part in LEAD_FIELDS and not owner):
            (company if owner else lead)[part] = value
        else:
            raise ValidationFailed.at(f"/{name}", f"There is no field {name!r}.", "unknown_field")
    return Correction(lead, company, seen_at)
