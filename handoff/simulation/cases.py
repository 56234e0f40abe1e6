"""Saved test leads: facts as typed, when it comes, and what is expected of it; any of whether it qualifies,
the tier, the pool and the person. Run on demand against the draft and what is in force; where an organisation
chose so, a version of the routing rules or the criteria is not published before they pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, transaction

from core.errors import Conflict, DomainError, FieldError, NotFound, StaleVersion, ValidationFailed, pointer
from core.rules import Facts
from handoff import words
from handoff.simulation.comes import Comes, comes_of
from handoff.simulation.single import (
    HELD,
    NOT_QUALIFIED,
    OUTSIDE,
    Answer,
    Desk,
    account_owner,
    board_at,
    desk,
    member_id_of,
)
from handoff.simulation.typed import Companies, check, facts_at, known_at, tidy
from leads.models import CriteriaVersion
from leads.requirements import required_labels
from routing.facts import Board
from routing.models import LeadCase, Pool, RoutingSettings, RuleSetVersion
from sla.models import PolicyVersion
from sla.units import policy_lines
from tenants.audit import record_change
from tenants.clock import Clock
from tenants.config import steady_config
from tenants.context import current_tenant_id
from tenants.models import Member, RepProfile, Tenant, VersionedModel
from tenants.versions import open_draft, version_in_force

MOST_CASES: Final = 50
LONGEST_NAME: Final = 80
FAILED: Final = "test_lead_failed"
NOT_JUDGED: Final = "test_leads_not_judged"
#: Kinds of versions that saved test leads may guard.
GUARDED: Final = {"routing": "routing rules", "criteria": "qualification criteria"}
EXPECTATIONS: Final = ("qualifies", "tier", "pool", "person")


@dataclass(frozen=True, slots=True)
class CaseResult:
    """How a case came out. got: of the same four; misses: what was expected otherwise, in sentences."""

    case: LeadCase
    got: Mapping[str, Any]
    misses: Sequence[str]
    answer: Answer

    @property
    def passed(self) -> bool:
        return not self.misses


# --- Keeping them ---


def all_cases() -> list[LeadCase]:
    """Every saved test lead, by name."""
    return list(LeadCase.objects.order_by("name", "id"))


def get_case(case_id: UUID) -> LeadCase:
    """A saved test lead of this organisation. Raises NotFound."""
    found: LeadCase | None = LeadCase.objects.filter(id=case_id).first()
    if found is None:
        raise NotFound("There is no such test lead.")
    return found


@transaction.atomic
def save_case(
    *,
    name: str,
    facts: Mapping[str, Any],
    expects: Mapping[str, Any],
    actor: str,
    clock: Clock,
    comes: Comes | None = None,
    case_id: UUID | None = None,
    revision: int | None = None,
) -> LeadCase:
    """Write a test lead, or change one. facts: as `typed`; expects: of EXPECTATIONS those that are expected;
    comes: None leaves when it comes as it is.

    Raises NotFound; StaleVersion where somebody saved it since `revision`; Conflict beyond MOST_CASES;
    ValidationFailed with the place of every error.
    """
    Tenant.objects.select_for_update(no_key=True).get(id=current_tenant_id())
    now = clock()
    expected = _checked(name, facts, expects, comes, case_id, now)
    if case_id is None:
        if LeadCase.objects.count() >= MOST_CASES:
            raise Conflict(f"There are {MOST_CASES} test leads already, the most there can be: remove one.")
        case = LeadCase(created_at=now, revision=0)
    else:
        case = get_case(case_id)
        if revision is not None and case.revision != revision:
            raise StaleVersion(
                "Somebody else saved this test lead meanwhile. Look at it, then save again.",
                revision=case.revision,
            )
    before = None if case_id is None else told(case)
    case.name, case.facts, case.expects = name.strip(), tidy(facts), expected
    if comes is not None:
        case.comes_on, case.comes_at = comes
    if before == told(case):
        return case
    case.revision, case.saved_at, case.saved_by = case.revision + 1, now, actor
    try:
        with transaction.atomic():
            case.save()
    except IntegrityError as error:
        raise _taken() from error
    _record(case, "changed" if before else "created", before, told(case), actor, now)
    return case


@transaction.atomic
def remove_case(case_id: UUID, *, actor: str, now: datetime) -> None:
    """Forget a test lead. Raises NotFound, also where somebody else did so at the same moment."""
    Tenant.objects.select_for_update(no_key=True).get(id=current_tenant_id())
    case = get_case(case_id)
    _record(case, "removed", told(case), None, actor, now)
    case.delete()


def _checked(
    name: str,
    facts: Mapping[str, Any],
    expects: Mapping[str, Any],
    comes: Comes | None,
    case_id: UUID | None,
    now: datetime,
) -> dict[str, Any]:
    """What is expected, as it is stored. Raises ValidationFailed."""
    errors = comes.errors() if comes is not None else []
    if not name.strip() or len(name.strip()) > LONGEST_NAME:
        errors.append(FieldError("/name", f"A name of at most {LONGEST_NAME} characters.", "text"))
    elif LeadCase.objects.filter(name__iexact=name.strip()).exclude(id=case_id).exists():
        errors += _taken().field_errors
    wanted = {key: expects[key] for key in EXPECTATIONS if expects.get(key) not in (None, "")}
    if not wanted:
        errors.append(FieldError("/expects", "Expect at least one thing of it.", "required"))
    if "pool" in wanted and not Pool.objects.filter(slug=wanted["pool"]).exists():
        errors.append(FieldError("/expects/pool", "There is no such pool.", "unknown_pool"))
    tiers = [slug for slug, _ in tier_choices(now)] if "tier" in wanted else []
    if "tier" in wanted and wanted["tier"] not in tiers:
        there = f"There are: {', '.join(tiers)}." if tiers else "No policy is in force."
        message = f"No policy in force has this tier. {there}"
        errors.append(FieldError("/expects/tier", message, "unknown_tier"))
    owners = _owners()
    if "person" in wanted and str(wanted["person"]) not in owners:
        errors.append(FieldError("/expects/person", "Choose somebody who owns leads.", "unknown_member"))
    if wanted.get("qualifies") is False and {"pool", "person", "tier"} & set(wanted):
        message = "A lead that does not qualify has no tier, no pool and no person: expect one or the other."
        errors.append(FieldError("/expects/qualifies", message, "contradiction"))
    try:
        check(facts, owners)
    except ValidationFailed as refusal:
        errors += refusal.field_errors
    if errors:
        raise ValidationFailed(errors[0].message, field_errors=errors)
    return {key: str(value) if key == "person" else value for key, value in wanted.items()}


def _taken() -> ValidationFailed:
    return ValidationFailed.at("/name", "Another test lead is called so.", "taken")


def _owners() -> set[str]:
    return {str(each) for each in RepProfile.objects.values_list("member_id", flat=True)}


def told(case: LeadCase) -> dict[str, Any]:
    """A test lead as the record of changes and the API tell it."""
    return {
        "name": case.name,
        "facts": case.facts,
        "expects": case.expects,
        "comes_on": case.comes_on,
        "comes_at": case.comes_at,
    }


def _record(
    case: LeadCase,
    action: str,
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
    actor: str,
    now: datetime,
) -> None:
    """Write down who did what. Of the facts only which of them changed: they may be those of somebody real,
    and what the record says stays."""
    old, new = (_leaves(side["facts"]) if side else {} for side in (before, after))
    names = sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
    before, after = (
        {**side, "facts": [name for name in names if name in values]} if side else None
        for side, values in ((before, old), (after, new))
    )
    record_change(
        actor=actor,
        action=action,
        object_type="leadcase",
        object_id=case.id,
        before=before,
        after=after,
        now=now,
    )


def _leaves(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Typed facts by name: "title", "account.employees", "engagements"."""
    account = {f"account.{name}": value for name, value in (facts.get("account") or {}).items()}
    return {name: value for name, value in facts.items() if name != "account"} | account


# --- Running them ---


def run_cases(
    cases: Sequence[LeadCase],
    *,
    now: datetime,
    rules: Mapping[str, Any] | None = None,
    criteria: Mapping[str, Any] | None = None,
    read: CaseReading | None = None,
) -> list[CaseResult]:
    """Run test leads, each at the next moment at which it comes, against what is in force now, or against
    contents given. The number of queries grows with the moments, not with the leads. Raises as `single.desk`.
    """
    if not cases:
        return []
    with steady_config():
        read = read or CaseReading(cases, now)
        seats = {
            at: desk(at=at, now=now, rules=rules, criteria=criteria, board=board)
            for at, board in read.boards.items()
        }
        return [_run(case, read.facts[case.id], seats[read.moments[case.id]], read) for case in cases]


class CaseReading:
    """What test leads are run with beside the rules, read once for several runs: when each comes, their facts
    then, the people whom they may go to at each moment, and the names of tiers, pools and people."""

    def __init__(self, cases: Sequence[LeadCase], now: datetime) -> None:
        zone = Tenant.objects.get(id=current_tenant_id()).time_zone
        companies = Companies([case.facts for case in cases])
        self.moments = {case.id: comes_of(case).after(now, zone) for case in cases}
        self.facts = {case.id: facts_at(case.facts, self.moments[case.id], companies) for case in cases}
        owners = [owner for each in self.facts.values() for owner in account_owner(each)]
        self.boards: dict[datetime, Board] = {
            at: board_at(at, others=owners) for at in sorted(set(self.moments.values()))
        }
        self.tiers = dict(tier_choices(now))
        self.pools = dict(Pool.objects.values_list("slug", "name"))
        self.people = {str(key): name for key, name in Member.objects.values_list("id", "name")}

    def say(self, what: str, value: Any) -> str:
        if what == "qualifies":
            return "it qualifies" if value else "it does not qualify"
        if value is None:
            return {"pool": "no pool", "person": "nobody", "tier": "no tier"}[what]
        known = {"tier": self.tiers, "pool": self.pools, "person": self.people}.get(what, {})
        return str(known.get(str(value), value))


_LABELS: Final = {"qualifies": "Qualification", "tier": "Tier", "pool": "Pool", "person": "Person"}


def _run(case: LeadCase, facts: Facts, seat: Desk, names: CaseReading) -> CaseResult:
    answer = seat.answer(facts, known_at(case.facts))
    member = member_id_of(answer)
    got = {
        "qualifies": answer.qualifies,
        "tier": answer.tier.tier.slug if answer.tier and answer.qualifies else None,
        "pool": answer.result.pool if answer.result else None,
        "person": str(member) if member else None,
        "reason": answer.result.reason if answer.result else answer.why_not,
    }
    misses = [
        f"{_LABELS[what]}: expected {names.say(what, case.expects[what])}, got {names.say(what, got[what])}."
        for what in EXPECTATIONS
        if what in case.expects and case.expects[what] != got[what]
    ]
    if misses and answer.judgement is not None and answer.judgement.needs:
        lacks = words.listed(required_labels(answer.judgement.needs))
        misses.append(f"It lacks what a handoff requires: {lacks}.")
    if misses and answer.waits_for:
        misses.append(
            f"It is held for enrichment first: it lacks {words.listed(required_labels(answer.waits_for))}."
        )
    if misses and answer.why_not == OUTSIDE:
        misses.append("Routing is switched off here: another system chooses the owner.")
    return CaseResult(case, got, misses, answer)


def reason_words(result: CaseResult) -> str:
    """Why it came out as it did."""
    if result.got["reason"] == NOT_QUALIFIED:
        return "It is not handed over"
    if result.got["reason"] == HELD:
        return "It is held for enrichment first"
    return words.say(words.REASONS, result.got["reason"])


# --- Guarding publication ---


def gated_kinds() -> list[str]:
    """Kinds of versions that are not published before the test leads pass."""
    found = RoutingSettings.objects.values_list("gated", flat=True).first()
    return [kind for kind in GUARDED if kind in (found or [])]


@transaction.atomic
def set_gate(kinds: Sequence[str], *, actor: str, now: datetime) -> list[str]:
    """Choose what the test leads guard. Raises ValidationFailed at /kinds."""
    if any(kind not in GUARDED for kind in kinds):
        raise ValidationFailed.at("/kinds", f"Use some of: {', '.join(GUARDED)}.", "invalid_choice")
    RoutingSettings.objects.get_or_create()
    setting: RoutingSettings = RoutingSettings.objects.select_for_update(of=("self",)).get()
    before, after = sorted(setting.gated), sorted(set(kinds))
    if before != after:
        setting.gated = after
        setting.save(update_fields=["gated"])
        record_change(
            actor=actor,
            action="changed",
            object_type="routingsettings",
            object_id=setting.id,
            before={"gated": before},
            after={"gated": after},
            now=now,
        )
    return after


def gate_errors(clock: Clock) -> Callable[[VersionedModel], list[FieldError]]:
    """What stands between a version and its publication because test leads fail, one error for each of them
    (at /test_leads/<id>, which is no place of the version); or because they cannot be judged, since a part
    that they are judged by makes no sense.
    For `tenants.versions.gates`.
    """

    def errors_of(version: VersionedModel) -> list[FieldError]:
        kind = {RuleSetVersion: "routing", CriteriaVersion: "criteria"}.get(type(version))
        if kind is None or kind not in gated_kinds():
            return []
        content = {"rules" if kind == "routing" else "criteria": version.content}
        try:
            results = run_cases(all_cases(), now=clock(), **content)
        except DomainError as refusal:
            text = f"The test leads cannot be judged by these {GUARDED[kind]}: {refusal.message}"
            return [FieldError("", text, NOT_JUDGED)]
        return [
            FieldError(
                pointer("test_leads", str(result.case.id)),
                f"Test lead “{result.case.name}” fails. {' '.join(result.misses)}",
                FAILED,
            )
            for result in results
            if not result.passed
        ]

    return errors_of


# --- The two sides ---


@dataclass(frozen=True, slots=True)
class Sides:
    """Contents that a side is run with; None stands for what is in force. label: "Draft 14", "Live 13"."""

    label: str
    rules: Mapping[str, Any] | None
    criteria: Mapping[str, Any] | None


def side_of(side: str, now: datetime) -> Sides | None:
    """What "draft" or "live" means now; None for "draft" where nothing is drafted.

    The draft side takes the drafts that are open of rules and criteria, and what is in force of the other.
    """
    live = [(model, version_in_force(model, now)) for model in (RuleSetVersion, CriteriaVersion)]
    if side == "live":
        return Sides(_side_label("live", [each for _, each in live]), None, None)
    drafts = [open_draft(RuleSetVersion), open_draft(CriteriaVersion)]
    if not any(drafts):
        return None
    rules, criteria = drafts
    return Sides(
        _side_label("draft", drafts),
        rules.content if rules else None,
        criteria.content if criteria else None,
    )


def run_side(side: str, *, now: datetime) -> list[CaseResult]:
    """Run every test lead against a side. Raises Conflict where nothing is drafted, and as `run_cases`."""
    contents = side_of(side, now)
    if contents is None:
        raise Conflict("There is no draft of the routing rules or the criteria.")
    return run_cases(all_cases(), now=now, rules=contents.rules, criteria=contents.criteria)


def _side_label(side: str, found: Sequence[VersionedModel | None]) -> str:
    rules, criteria = found
    said = [f"rules {rules.number}" if rules else "", f"criteria {criteria.number}" if criteria else ""]
    parts = ", ".join(each for each in said if each)
    return f"{side.capitalize()} ({parts})" if parts else side.capitalize()


def tier_choices(now: datetime) -> list[tuple[str, str]]:
    """Slug and name of the tiers of the policies in force."""
    found: dict[str, str] = {}
    for line in policy_lines():
        version = version_in_force(PolicyVersion, now, line)
        for tier in version.content.get("tiers", ()) if version else ():
            found.setdefault(tier["slug"], tier["name"])
    return list(found.items())
