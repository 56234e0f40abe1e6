"""What is known of a lead is put right by hand: fields are replaced or emptied, and the lead is judged again.

A correction is no arrival. It leaves no engagement, says nothing of when the lead did anything, and lets the
last word be the last: what an arrival only fills in, a correction overwrites.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from core.errors import Conflict, DomainError, FieldError, StaleVersion, ValidationFailed
from leads.arrivals import Arrival, NewEngagement, Person
from leads.incoming import CompanyIn, LeadIn, check
from leads.matching import normalise_email, normalise_phone
from leads.models import Account, CriteriaVersion, Lead, LeadExternalId
from leads.upsert import Batch, try_until_alone
from tenants.bulk import update_rows
from tenants.clock import Clock
from tenants.versions import published_version

#: What may be put right of the lead itself; `LeadIn` has them under the same names.
LEAD_FIELDS: Final = (
    "email",
    "first_name",
    "last_name",
    "title",
    "phone",
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


def correct_lead(lead: Lead, correction: Correction, *, now: datetime, clock: Clock) -> Arrival:
    """Write what was said of the lead, judge it again, and give back what became of it: `qualifies` says that
    a handoff is to be opened. The stage's steps are the caller's to write (`record_steps`).

    Raises ValidationFailed with a path to each error, Conflict where another lead has the e-mail,
    StaleVersion where the lead changed since `seen_at`.
    """
    item = _as_item(lead, correction)
    error = check(item, now)
    if error is not None:
        raise error
    version = published_version(CriteriaVersion)
    (answer,) = try_until_alone(lambda: _Correcting(lead, correction, item, now, clock, version))
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
    ) -> None:
        super().__init__([item], now, clock, version)
        self.lead_id = lead.id
        self.correction = correction

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

    def merge(self, person: Person) -> None:
        if person.account is not None:
            self.empty(person.account)
        super().merge(person)

    def empty(self, account: Account) -> None:
        """Take from the account what was said to be not known."""
        company = self.correction.company
        gone = [name for name in _EMPTIED if name in company and company[name] in (None, "")]
        if gone:
            list(Account.objects.filter(id=account.id).select_for_update(no_key=True).only("id"))
            for name in gone:
                setattr(account, name, _blank(name))
            update_rows([account], gone)

    def merge_item(self, lead: Lead, item: LeadIn, *, newer: bool) -> None:
        said = self.correction.lead
        for name in said:
            value = getattr(item, name)
            setattr(lead, name, value.strip() if isinstance(value, str) else value)
        for name in self.correction.company:
            if name in _ON_LEAD:
                setattr(lead, _ON_LEAD[name], getattr(item.company, name).strip())
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
