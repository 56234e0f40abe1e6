"""What makes an MQL: the facts that rules may ask about, the compiled criteria, and the verdict with its
reasons.

A version's content (all rules are `core.rules` trees over SCHEMA):
    {"rule": tree, "fit": tree | null, "exclude": [{"name": str, "when": tree}], "required": [field name,
    ...], "score": {"from": "outside"} | {"from": "signals", "signals": [...]},
    "required_by_tier", "valid", "hold": see leads.requirements}
`rule` is engagement and intent, `fit` who fits (without one everybody does), `exclude` who never qualifies,
`required` the handoff requirements: what must be known before sales gets the lead. `score` is what rules
see as the lead's score (`leads.score`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from core.countries import COUNTRIES
from core.errors import FieldError, ValidationFailed, pointer
from core.rules import Facts, Field, Leaf, Rule, Schema, compile_rule, describe, empty_groups, validate
from leads.account_facts import Beside
from leads.list_use import unknown_lists
from leads.matching import email_domain, is_free_mail
from leads.models import Account, CriteriaVersion, Engagement, Handoff, Lead
from leads.requirements import (
    Requirements,
    check_requirements,
    check_tiers,
    compile_requirements,
)
from leads.score import FIELD as SCORE
from leads.score import Signals, check_score, compile_score
from leads.tiers import tiers_in_force
from tenants.context import current_tenant_id
from tenants.models import VersionState

#: Kinds of engagement that the defaults and the forms know; others may arrive and be asked about.
ENGAGEMENT_KINDS: Final[dict[str, str]] = {
    "demo_request": "Demo request",
    "pricing_page": "Pricing page",
    "contact_form": "Contact form",
    "content_download": "Content download",
    "page_view": "Page view",
    "webinar": "Webinar",
    "trial_started": "Trial started",
    "email_reply": "E-mail reply",
    "live_chat": "Live chat",
}
#: Every lead is judged by all of them, and its verdict says so of each.
MOST_EXCLUSIONS: Final = 50
MOST_CONDITIONS: Final = 2_000
#: What a rule calls the kind of a handoff, inbound or outbound.
HANDOFF_KIND: Final = "handoff.kind"
#: The engagement that is kept of an arrival which names none.
ARRIVAL: Final = "arrival"

SCHEMA: Final = Schema(
    [
        Field("lead.title", "text", "Title"),
        Field("lead.email_domain", "text", "E-mail domain"),
        Field("lead.free_email", "boolean", "Free-mail address"),
        Field("lead.phone", "text", "Phone"),
        Field("lead.country", "text", "Country", vocabulary=COUNTRIES),
        Field("lead.region", "text", "Region"),
        Field("lead.postal_code", "text", "Postal code"),
        Field("lead.source", "text", "Source"),
        Field("lead.campaign", "text", "Campaign"),
        Field("lead.channel", "text", "Channel"),
        Field("lead.score", "number", "Score"),
        Field("lead.company_name", "text", "Company name"),
        Field("lead.lists", "list", "On list"),
        Field("account.name", "text", "Account name"),
        Field("account.domain", "text", "Account domain"),
        Field("account.employees", "number", "Employees"),
        Field("account.revenue", "number", "Revenue"),
        Field("account.industry", "text", "Industry"),
        Field("account.country", "text", "Account country", vocabulary=COUNTRIES),
        Field("account.region", "text", "Account region"),
        Field("account.is_customer", "boolean", "Customer"),
        Field("account.is_partner", "boolean", "Partner"),
        Field("account.is_competitor", "boolean", "Competitor"),
        Field("account.has_open_opportunity", "boolean", "Open opportunity"),
        Field("account.is_named", "boolean", "Named account"),
        Field("account.tier", "text", "Account tier"),
        Field("account.parent_name", "text", "Parent account"),
        Field("account.parent_is_customer", "boolean", "Parent is a customer"),
        Field("place.country", "text", "Country of the lead, else of its account", vocabulary=COUNTRIES),
        Field("place.region", "text", "Region of the lead, else of its account"),
        Field("sla.tier", "text", "SLA tier"),
        Field(HANDOFF_KIND, "text", "Kind of handoff"),
    ]
)

#: Parts of a content that the plain form does not show, and keeps as they are.
KEPT_PARTS: Final = ("score", "required_by_tier", "valid", "hold")
_PARTS: Final = ("rule", "fit", "exclude", "required", *KEPT_PARTS)

FLAGS = ("is_customer", "is_partner", "is_competitor", "has_open_opportunity", "is_named")
LEAD_FIELDS = (
    "email",
    "first_name",
    "last_name",
    "title",
    "phone",
    "country",
    "region",
    "postal_code",
    "source",
    "campaign",
    "channel",
    "score",
    "company_name",
)
ACCOUNT_FIELDS = ("name", "domain", "employees", "revenue", "industry", "country", "region", "tier")

Past = Iterable[Engagement | tuple[str, str | None, datetime]]


def facts_of(
    lead: Lead,
    account: Account | None,
    engagements: Past,
    now: datetime,
    extra: Mapping[str, object] | None = None,
    criteria: Criteria | None = None,
    *,
    beside: Beside | None = None,
) -> Facts:
    """What the rules see of a lead at `now`.

    engagements: rows, or (kind, subject, at) triples. extra: more fields, for example {"sla.tier":
                 "demo_request"}. criteria: whose signals make the score; without them it is as it came in.
    beside:      of many leads at once, for what is read of all of them at the first question.
    Without an account its flags are false (a stranger is no customer); its other fields are not known.
    A lead that is judged came by itself: its handoff is inbound, unless extra says otherwise.
    """
    values = values_of(lead, account)
    values[HANDOFF_KIND] = str(Handoff.Kind.INBOUND)
    values.update((beside or Beside([(lead, account)])).values_of(lead))
    if extra:
        values.update(extra)
    past = [each if isinstance(each, tuple) else (each.kind, each.subject, each.at) for each in engagements]
    facts = Facts(values, past, now)
    return facts if criteria is None else criteria.scored(facts)


def values_of(lead: Lead, account: Account | None) -> dict[str, object]:
    """What is known of a lead, by the names that rules have for it."""
    domain = email_domain(lead.email)
    values: dict[str, object] = {f"lead.{name}": getattr(lead, name) for name in LEAD_FIELDS}
    values["lead.email_domain"] = domain
    values["lead.free_email"] = is_free_mail(domain) if domain else None
    if account is None:
        values.update({f"account.{flag}": False for flag in FLAGS})
    else:
        for name in (*ACCOUNT_FIELDS, *FLAGS):
            values[f"account.{name}"] = getattr(account, name)
        # No field that rules ask about: routing.decide.ACCOUNT_OWNER.
        values["account.owner_id"] = str(account.owner_id) if account.owner_id else None
    values["place.country"] = lead.country or values.get("account.country")
    values["place.region"] = lead.region or values.get("account.region")
    return values


@dataclass(frozen=True, slots=True)
class Part:
    """One criterion as people read it: a rule, and where it stands in the content.

    excludes: name of the exclusion that this is; "" for a condition that must be met.
    choices:  of which one is enough, in words: the conditions of an "any", or the values of one field.
    about:    what that field is called; "" for conditions.
    """

    path: str
    rule: Rule
    excludes: str = ""
    choices: tuple[str, ...] = ()
    about: str = ""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the criteria say about one lead.

    qualified: fit, rule and no exclusion. fits: the fit rule alone. needs: handoff requirements that are
               missing.
    verdict:   {"met": bool, "version": int, "criteria": [{"label", "state", "seen", "expected", "path"}]},
               and {"score": {"points", "lines"}} where the score is counted from signals.
    """

    qualified: bool
    fits: bool
    needs: list[str]
    verdict: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Criteria:
    """The compiled form of a version's content."""

    number: int
    rule: Rule
    fit: Rule | None
    exclude: tuple[tuple[str, Rule], ...]
    requirements: Requirements
    parts: tuple[Part, ...]
    signals: Signals | None = None  # None: the score comes from outside

    def scored(self, facts: Facts) -> Facts:
        """The facts with the score that these criteria count; as they are where it comes from outside."""
        return facts if self.signals is None else facts.having(SCORE, self.signals.points(facts))

    def qualifies(self, facts: Facts) -> bool:
        """The answer of `judge` alone, as fast as it can be had."""
        return (
            (self.fit is None or self.fit.matches(facts))
            and self.rule.matches(facts)
            and not any(rule.matches(facts) for _, rule in self.exclude)
        )

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Every rule that `qualifies` asks, with those of the score where one of them asks for it."""
        asked = (self.rule, *((self.fit,) if self.fit else ()), *(rule for _, rule in self.exclude))
        return (*asked, *self.signals.rules) if self.signals is not None and self.asks_score else asked

    @property
    def asks_score(self) -> bool:
        """Whether it depends on the score who qualifies."""
        asked = (self.rule, *((self.fit,) if self.fit else ()), *(rule for _, rule in self.exclude))
        return any(SCORE in rule.fields for rule in asked)

    def judge(self, facts: Facts) -> Judgement:
        """Judge one lead; every criterion is looked at, so that the answer can be explained."""
        fits = self.fit is None or self.fit.matches(facts)
        excluded = any(rule.matches(facts) for _, rule in self.exclude)
        qualified = fits and not excluded and self.rule.matches(facts)
        verdict: dict[str, Any] = {
            "met": qualified,
            "version": self.number,
            "criteria": [_criterion(part, facts) for part in self.parts],
        }
        if self.signals is not None:
            lines = self.signals.lines(facts)
            verdict["score"] = {
                "points": sum(line.points for line in lines),
                "lines": [line.as_dict() for line in lines],
            }
        return Judgement(
            qualified=qualified,
            fits=fits and not excluded,
            needs=self.requirements.lacking(facts.values),
            verdict=verdict,
        )


def _criterion(part: Part, facts: Facts) -> dict[str, Any]:
    """One line of the explanation: a single condition with the value seen, or a group with what was met of
    it."""
    found = part.rule.explain(facts)
    if part.excludes:
        return {
            "label": f"Not excluded: {part.excludes}",
            "state": "not_met" if found.met else "met",
            "seen": [_seen(leaf) for leaf in found.leaves if leaf.state == "met"],
            "expected": None,
            "path": part.path,
        }
    if len(found.leaves) == 1:
        leaf = found.leaves[0]
        return {
            "label": part.rule.sentence,
            "state": "met" if found.met else "missing" if leaf.state == "missing" else "not_met",
            "seen": leaf.seen,
            "expected": leaf.expected,
            "path": part.path,
        }
    unknown = bool(found.leaves) and all(leaf.state == "missing" for leaf in found.leaves)
    return {
        "label": part.rule.sentence,
        "state": "met" if found.met else "missing" if unknown else "not_met",
        "seen": [_seen(leaf) for leaf in found.leaves if (leaf.state == "met") is not leaf.negated],
        "expected": None,
        "path": part.path,
    }


def _seen(leaf: Leaf) -> str:
    """ "Employees: 120" """
    seen = ", ".join(map(str, leaf.seen)) if isinstance(leaf.seen, list) else leaf.seen
    return f"{leaf.label}: {seen}"[:200]


def publishing_errors(content: object) -> list[FieldError]:
    """What keeps criteria from being put in force, as lists and tiers are now, each with its place."""
    return check_content(content) or _not_there(content)


def draft_errors(content: object) -> list[FieldError]:
    """As `publishing_errors`, for what nobody put in force before: no group of it may be empty."""
    return check_content(content) or [*groups_without_conditions(content), *_not_there(content)]


def _not_there(content: object) -> list[FieldError]:
    """The lists and tiers that a content in good form names, and that there are not."""
    errors = unknown_lists(content)
    if isinstance(content, dict) and content.get("required_by_tier"):
        errors += check_tiers(content, tiers_in_force())
    return errors


def check_publishable(content: object) -> None:
    """Raises ValidationFailed, with a path to each error, for criteria that cannot be put in force."""
    _refuse(publishing_errors(content))


def check_draft(content: object) -> None:
    """As `check_publishable`, for what nobody put in force before: no group of it may be empty."""
    _refuse(draft_errors(content))


def _refuse(errors: list[FieldError]) -> None:
    if errors:
        raise ValidationFailed(f"These criteria are not valid: {errors[0].message}", field_errors=errors)


def groups_without_conditions(content: object) -> list[FieldError]:
    """The groups of a content in which nothing is asked, so that everybody meets them, an exclusion among
    them. Fit and rule as a whole may ask nothing: `leads.criteria_words.doubtful` tells that.
    """
    if not isinstance(content, Mapping):
        return []
    found: list[FieldError] = []
    for path, tree, may_be_empty in _trees_of(content):
        for inner in empty_groups(tree):
            if inner or not may_be_empty:
                text = "This group is empty: add a condition, or remove it."
                if not inner:
                    text = "There is no condition yet, so everybody would meet it: add one, or remove it."
                found.append(FieldError(path + pointer(*inner), text, "empty"))
    return found


def _trees_of(content: Mapping[str, Any]) -> Iterator[tuple[str, object, bool]]:
    """(place, rule, whether it may ask nothing) of every rule of a content in good form."""
    yield "/fit", content.get("fit"), True
    yield "/rule", content.get("rule"), True
    for index, each in enumerate(content.get("exclude") or ()):
        yield pointer("exclude", index, "when"), each["when"], False
    score = content.get("score") or {}
    for index, each in enumerate(score.get("signals") or ()):
        yield pointer("score", "signals", index, "when"), each["when"], False


def check_content(content: object) -> list[FieldError]:
    """Everything wrong with the content of a criteria version, with paths into it; empty when it is good."""
    if not isinstance(content, dict):
        text = f"Criteria are an object with {', '.join(_PARTS[:-1])} and {_PARTS[-1]}."
        return [FieldError("", text, "wrong_type")]
    errors = [
        FieldError(pointer(key), f"Criteria have no part {key!r}.", "unknown_key")
        for key in content
        if key not in _PARTS
    ]
    errors += _tree_errors(content.get("rule"), "/rule")
    if content.get("fit") is not None:
        errors += _tree_errors(content["fit"], "/fit")
    exclude = content.get("exclude", [])
    if not isinstance(exclude, list):
        errors.append(FieldError("/exclude", "Exclusions are a list.", "wrong_type"))
        exclude = []
    if len(exclude) > MOST_EXCLUSIONS:
        text = f"At most {MOST_EXCLUSIONS} exclusions; these are {len(exclude):,}. Put several into one."
        return [*errors, FieldError("/exclude", text, "max_length")]
    for position, entry in enumerate(exclude):
        path = pointer("exclude", position)
        if not isinstance(entry, dict) or set(entry) != {"name", "when"}:
            errors.append(FieldError(path, "An exclusion has a name and a when.", "wrong_type"))
            continue
        if not isinstance(entry["name"], str) or not 0 < len(entry["name"].strip()) <= 80:
            errors.append(FieldError(f"{path}/name", "A name has 1 to 80 characters.", "wrong_type"))
        errors += _tree_errors(entry["when"], f"{path}/when")
    errors += check_requirements(content)
    if "score" in content:
        errors += check_score(content["score"], SCHEMA)
    asked = _conditions(content)
    if not errors and asked > MOST_CONDITIONS:
        text = f"At most {MOST_CONDITIONS:,} conditions in all; these are {asked:,}."
        errors.append(FieldError("", text, "max_length"))
    return errors


def _conditions(said: object) -> int:
    """How many conditions stand in a content, whatever its form."""
    waiting, found = [said], 0
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            found += "field" in part or "engagements" in part
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part
    return found


def _tree_errors(tree: object, path: str) -> list[FieldError]:
    return [FieldError(path + error.path, error.message, error.code) for error in validate(tree, SCHEMA)]


def compile_content(content: Mapping[str, Any], *, number: int) -> Criteria:
    """Make a version's content ready to judge with. Raises ValidationFailed with the paths of what is
    wrong."""
    errors = check_content(content)
    if errors:
        raise ValidationFailed("These criteria are not valid: " + errors[0].message, field_errors=errors)
    rule = compile_rule(content["rule"], SCHEMA)
    fit = compile_rule(content["fit"], SCHEMA) if content.get("fit") is not None else None
    exclude = tuple(
        (entry["name"], compile_rule(entry["when"], SCHEMA)) for entry in content.get("exclude", [])
    )
    parts: list[Part] = []
    for name, tree in (("fit", content.get("fit")), ("rule", content["rule"])):
        if tree is not None:
            parts += _parts(tree, f"/{name}")
    parts += [Part(pointer("exclude", index), rule_, name) for index, (name, rule_) in enumerate(exclude)]
    return Criteria(
        number=number,
        rule=rule,
        fit=fit,
        exclude=exclude,
        requirements=compile_requirements(content),
        parts=tuple(parts),
        signals=compile_score(content.get("score"), SCHEMA),
    )


def _parts(tree: Mapping[str, Any], path: str) -> list[Part]:
    """The criteria a person would count: each child of a top-level "all", or the rule as a whole."""
    if isinstance(tree.get("all"), Sequence) and len(tree["all"]) > 0:
        return [_part(child, f"{path}/all/{index}") for index, child in enumerate(tree["all"])]
    return [_part(tree, path)]


def _part(tree: Mapping[str, Any], path: str) -> Part:
    rule = compile_rule(tree, SCHEMA)
    if isinstance(tree.get("any"), Sequence):
        return Part(path, rule, choices=tuple(describe(child, SCHEMA) for child in tree["any"]))
    if tree.get("op") == "one_of":
        field = SCHEMA.by_name[tree["field"]]
        values = tuple(str(field.shown(value)) for value in tree["value"])
        return Part(path, rule, choices=values, about=field.label)
    return Part(path, rule)


def parts_of(version_id: UUID | None) -> dict[str, Part]:
    """The criteria of a published version by their paths, which verdicts name; none where there is no
    version, or one that asks for what there is no more. A query once a process and version."""
    if version_id is None:
        return {}
    try:
        return {part.path: part for part in _compiled(current_tenant_id(), version_id).parts}
    except ValidationFailed:
        return {}


def criteria_that_judged(lead: Lead) -> Criteria | None:
    """The criteria by which a lead was judged last; None where it was not, or they ask for what there is no
    more. A query once a process and version."""
    if lead.criteria_version_id is None:
        return None
    try:
        return _compiled(current_tenant_id(), lead.criteria_version_id)
    except ValidationFailed:
        return None


@lru_cache(maxsize=1024)
def _compiled(tenant_id: UUID, version_id: UUID) -> Criteria:
    version = CriteriaVersion.objects.get(id=version_id)
    return compile_content(version.content, number=version.number)


def load_criteria(version: CriteriaVersion) -> Criteria:
    """The compiled criteria of a version. What was published never changes, so the process keeps it; a draft
    is read afresh."""
    if version.state == VersionState.DRAFT:
        return compile_content(version.content, number=version.number)
    return _compiled(version.tenant_id, version.id)
