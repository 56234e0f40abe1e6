"""The terms as they are configured now. Nothing of them is kept twice: this reads what runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from feedback.models import Reason
from feedback.reasons import stage_of
from leads import criteria_words, sql_bar
from leads.lifecycle import Stage
from leads.models import CriteriaVersion, SqlBarVersion
from leads.requirement_words import requirement_sentences
from leads.requirements import required_labels
from leads.triggers import CRITERIA, triggers_of, waits_for
from reporting.agreement.dates import day_words, moment_words, next_monthly, ordinal, quarter_after
from reporting.agreement.definitions import STAGES, WORDS
from reporting.agreement.ground import READ, Ground, read_ground
from reporting.agreement.models import Agreement, Recalibration, Side
from reporting.agreement.terms import LATER, Group, Later, Section, Terms, changes
from reporting.commitments.targets import gathered, month_of
from reporting.commitments.terms import commitment_promise, commitment_terms
from sla import targets, words
from sla.models import BusinessUnit, PolicyVersion
from sla.policies import policy_of
from sla.targets import Target
from sla.tiers import TARGETS, Policy, Tier
from sla.units import rule_words
from tenants.calendars.words import week_words
from tenants.models import CalendarVersion, Tenant

#: Parts of the criteria that say what must be known before a handoff, rather than who qualifies.
_REQUIREMENTS: Final = ("required", "required_by_tier", "valid", "hold")
#: The part of a policy that is promised under escalation.
_LATE: Final = "ladder"


@dataclass(frozen=True, slots=True)
class Present:
    """The terms of now. as_of: when the youngest version that they are made from came into force."""

    terms: Terms
    as_of: datetime


@dataclass(frozen=True, slots=True)
class _Line:
    """The policy in force of everybody else (unit None) or of a business unit."""

    unit: BusinessUnit | None
    version: PolicyVersion
    policy: Policy

    @property
    def name(self) -> str:
        return self.unit.name if self.unit else ""


def present_terms(tenant: Tenant, now: datetime, *, ground: Ground | None = None) -> Present:
    """What is agreed if it were signed now. ground: where it is at hand; else one query."""
    if ground is None:
        ground, _ = read_ground()
    criteria, lines = ground.in_force(CriteriaVersion, now), list(_policies(ground, now))
    lacking = []
    if criteria is None:
        lacking.append("qualification criteria")
    if not any(line.unit is None for line in lines):
        lacking.append("an SLA policy")
    versioned = _versioned(ground, tenant, now)
    later = _later(ground, tenant, now, versioned)
    sections = [
        _definitions(),
        versioned["mql"],
        versioned["sql"],
        versioned["handoff"],
        versioned["response"],
        versioned["follow_up"],
        _reasons(ground),
        versioned["escalation"],
        _numbers(ground, lines, tenant, now),
        *([_later_section(later, tenant)] if later else []),
        _reviews(ground, tenant, now),
    ]
    dated: list[CriteriaVersion | PolicyVersion] = [line.version for line in lines]
    dated += [criteria] if criteria else []
    moments = [each.effective_at or each.published_at or each.created_at for each in dated]
    terms = Terms(tuple(sections), tuple(lacking), tuple(each.part for each in later))
    return Present(terms, max(moments, default=tenant.created_at))


def _versioned(ground: Ground, tenant: Tenant, now: datetime) -> dict[str, Section]:
    """The sections that are made from versions, by slug."""
    criteria = ground.in_force(CriteriaVersion, now)
    content: Mapping[str, Any] = criteria.content if criteria else {}
    lines = list(_policies(ground, now))
    sections = (
        _qualification(content, ground, is_there=criteria is not None),
        _sql(sql_bar.bar_of(ground.in_force(SqlBarVersion, now))),
        _requirements(content),
        _response(lines, ground, tenant),
        _follow_up(lines),
        _escalation(lines, ground),
    )
    return {section.slug: section for section in sections}


def _policies(ground: Ground, now: datetime) -> Iterator[_Line]:
    """The policies in force: the main one first, then the active units' that have one."""
    units = [unit for unit in ground.units if unit.is_active]
    for unit in (None, *units):
        version = ground.in_force(PolicyVersion, now, unit.id if unit else None)
        policy = policy_of(version) if version else None
        if version is not None and policy is not None:
            yield _Line(unit, version, policy)


# --- What is to come into force later ---


@dataclass(frozen=True, slots=True)
class _Step:
    """A version that is scheduled. what: as in a sentence. said: what it makes another one of, in words."""

    part: Later
    what: str
    said: tuple[str, ...]
    promise: Mapping[str, Any]


def _later(ground: Ground, tenant: Tenant, now: datetime, present: Mapping[str, Section]) -> list[_Step]:
    """What is scheduled, in the order in which it comes into force, each against what holds until then."""
    found = []
    before = dict(present)
    for kind, version in ground.scheduled(now):
        assert version.effective_at is not None
        ground = ground.once_in_force(kind, version)
        after = _versioned(ground, tenant, now)
        old, new = Terms(tuple(before.values())), Terms(tuple(after.values()))
        made = changes(old, new)
        changed = tuple(after[each.slug] for each in made)
        said = [f"{each.title}, no longer: {line}" for each in made for line in each.gone]
        said += [f"{each.title}, from then on: {line}" for each in made for line in each.come]
        promise: dict[str, Any] = {
            "kind": kind.slug,
            "line": str(version.line) if version.line else None,
            "at": version.effective_at.astimezone(UTC).isoformat(),
            "promises": {each.slug: each.promise for each in changed},
        }
        if kind.model not in READ:
            promise |= {"version": str(version.id), "revision": version.revision}
            said = ["It says who gets which lead, and changes nothing else that is agreed here."]
        found.append(
            _Step(
                Later(version.effective_at, changed),
                f"version {version.number} of the {ground.title(kind, version)}",
                tuple(said) or ("It changes nothing that is agreed here.",),
                promise,
            )
        )
        before = after
    return found


def _later_section(later: Sequence[_Step], tenant: Tenant) -> Section:
    zone = ZoneInfo(tenant.time_zone)
    groups = tuple(
        Group(f"{moment_words(each.part.at, zone)}: {each.what} comes into force", each.said)
        for each in later
    )
    return Section(LATER, "What is already scheduled", groups, [each.promise for each in later])


# --- What qualifies ---


def _definitions() -> Section:
    return Section(
        "definitions",
        "What the words mean",
        (
            Group("Stages of a lead", head=("Stage", "What it is"), rows=STAGES, binding=False),
            Group("Other words", head=("Word", "What it is"), rows=WORDS, binding=False),
        ),
    )


def _qualification(content: Mapping[str, Any], ground: Ground, *, is_there: bool) -> Section:
    judged = {key: value for key, value in content.items() if key not in _REQUIREMENTS}
    said = criteria_words.sentences(judged) if is_there else []
    groups = [_any_of(heading, lines, judged) for heading, lines in said]
    if not groups:
        groups = [Group(lines=("No criteria are in force yet.",))]
    triggers = triggers_of(ground.lead_settings)
    chosen: dict[str, Any] = {"kinds": sorted(triggers.kinds)}
    if not triggers.is_plain:
        groups.append(Group("What hands a lead over", (_sentence(waits_for(triggers)),)))
        chosen |= {
            "stages": sorted(list(pair) for pair in triggers.stages),
            "score_from": triggers.score_from,
            "forms": sorted(triggers.forms),
        }
    promise = {"criteria": _settled(judged), "handed_over_by": chosen if chosen != _PLAIN else None}
    return Section("mql", "What makes an MQL", tuple(groups), promise)


def _any_of(heading: str, lines: Sequence[str], content: Mapping[str, Any]) -> Group:
    """A part of the criteria; where any one of several is enough each is a line of its own."""
    tree = content.get({criteria_words.FITS: "fit", criteria_words.INTENT: "rule"}.get(heading, ""))
    ways = tree.get("any") if isinstance(tree, Mapping) else None
    if len(lines) != 1 or not isinstance(ways, list) or len(ways) < 2:
        return Group(heading, tuple(lines))
    return Group(f"{heading}: any one of these", tuple(criteria_words.sentence(each) for each in ways))


_PLAIN: Final = {"kinds": [CRITERIA]}


def _settled(content: Mapping[str, Any]) -> dict[str, Any]:
    """A content without what says the same as leaving it out."""
    return {key: value for key, value in content.items() if value not in (None, [], {})}


def _sql(bar: sql_bar.Bar) -> Section:
    lines = tuple(f"{sql_bar.sentence(each)}." for each in bar.questions)
    promise = [
        {
            "key": each.key,
            "label": each.label,
            "answer": each.answer,
            "must": each.must,
            "must_be": each.must_be,
        }
        for each in bar.questions
    ]
    return Section("sql", "What makes an SQL", (Group(lines=lines or ("Nothing is asked.",)),), promise)


def _requirements(content: Mapping[str, Any]) -> Section:
    required = [str(name) for name in content.get("required") or []]
    groups = []
    if required:
        groups.append(Group("Known of every lead", (f"{', '.join(required_labels(required))}.",)))
    groups += [Group(heading, tuple(lines)) for heading, lines in requirement_sentences(content)]
    if not groups:
        groups = [Group(lines=("Nothing need be known but how to find the lead.",))]
    promise = _settled({name: content.get(name) for name in _REQUIREMENTS})
    if "required" in promise:
        promise["required"] = sorted(required)
    return Section("handoff", "What must be known before a handoff", tuple(groups), promise)


# --- How fast, how often, and what if not ---


def _response(lines: Sequence[_Line], ground: Ground, tenant: Tenant) -> Section:
    groups = [group for line in lines for group in _response_groups(line)]
    if not lines:
        groups = [Group(lines=("No SLA policy is in force yet.",))]
    groups.append(Group("Working hours", _hours(ground, tenant), binding=False))
    promise = {_key(line): _response_promise(line) for line in lines}
    return Section("response", "Response times", tuple(groups), promise)


def _response_promise(line: _Line) -> dict[str, Any]:
    """A policy as written, without what is promised in other sections."""
    content = {key: value for key, value in line.version.content.items() if key != _LATE}
    content["tiers"] = [
        {
            **tier,
            "targets": [each for each in tier.get("targets") or [] if each.get("target") != Target.ATTEMPTS],
        }
        for tier in content.get("tiers") or []
    ]
    return _settled(content) | ({"for": line.unit.when} if line.unit else {})


def _response_groups(line: _Line) -> Iterator[Group]:
    policy = line.policy
    used = [name for name in _ordered_targets(policy) if name != Target.ATTEMPTS]
    head = ("Tier", "For", *(targets.label(name) for name in used))
    rows = tuple(
        (tier.name, words.condition_words(tier), *(_promised(tier, name) for name in used))
        for tier in policy.tiers
    )
    yield Group(line.name, head=head, rows=rows)
    said = [f"A first touch is {words.responses_words(policy.responses)}."]
    moved = line.version.content.get("on_reassign")
    said.append(f"When a lead moves, its new owner {words.on_reassign_words(moved)}.")
    said += [
        f"The clocks may be stopped: {words.lower_first(words.say_safely(words.pause_words, rule))}."
        for rule in line.version.content.get("pauses") or []
    ]
    yield Group(f"What counts{f', {line.name}' if line.unit else ''}", tuple(said))
    if line.unit is not None:
        yield Group(f"Whose leads are {line.name}'s", (_sentence(rule_words(line.unit)),))


def _ordered_targets(policy: Policy) -> list[str]:
    """The targets that some tier sets, in the order in which people meet them."""
    set_ = {spec.target for tier in policy.tiers for spec in tier.targets}
    return [name for name in TARGETS if name in set_]


def _promised(tier: Tier, target: str) -> str:
    spec = tier.spec(target)
    if spec is None:
        return ""
    long = words.duration_words(spec.duration, wall=spec.wall)
    return f"{spec.count} messages, {long}" if target == Target.NURTURE else long


def _hours(ground: Ground, tenant: Tenant) -> tuple[str, ...]:
    """The hours of each calendar that is in use, in words."""
    versions: dict[UUID | None, CalendarVersion] = {each.id: each for each in ground.calendar_versions}
    said = []
    for each in ground.calendars:
        version = versions.get(each.current_version_id)
        if version is None:
            continue
        whose = " (the organisation's)" if each.id == tenant.calendar_id else ""
        week = week_words(version.spec.get("weekly", {}))
        holidays = ", closed on holidays" if version.spec.get("holidays") else ""
        said.append(f"{each.name}{whose}: {week}, {version.spec.get('tz', tenant.time_zone)}{holidays}.")
    return (*said, "Holidays and opening hours may change without a new signature.")


def _follow_up(lines: Sequence[_Line]) -> Section:
    groups = []
    promise: dict[str, Any] = {}
    for line in lines:
        said = []
        for tier in line.policy.tiers:
            spec = tier.spec(Target.ATTEMPTS)
            if spec is None:
                continue
            said.append(f"{tier.name}: {words.target_words(spec)}, made by people.")
            promise[f"{_key(line)}/{tier.slug}"] = {
                "count": spec.count,
                "channels": spec.channels,
                "unit": spec.duration.unit,
                "amount": spec.duration.amount,
                "wall": spec.wall,
            }
        if said:
            groups.append(Group(line.name, tuple(said)))
    if groups:
        note = "“No response” may be given as a reason only after these attempts."
        groups.append(Group(lines=(note,), binding=False))
    else:
        left_open = "No tier asks for a number of attempts: how often a lead is tried is left open."
        groups = [Group(lines=(left_open,))]
    return Section("follow_up", "Follow-up", tuple(groups), promise)


#: What a reason of a kind is for, and whose a rejection is; a kind without words here has its own label.
_FOR: Final = {
    "reject": "To reject a lead",
    "nurture": "To send it to nurture",
    "disqualified": "To disqualify it after acceptance",
    "lost": "When a deal is lost",
}
_WHOSE: Final = {
    Reason.Side.MARKETING: "For marketing to mend",
    Reason.Side.ROUTING: "For routing to mend; no rejection",
}


def _reasons(ground: Ground) -> Section:
    found = ground.reasons
    groups = []
    for kind in Reason.Kind:
        of_kind = [each for each in found if each.kind == kind]
        if of_kind:
            means = ("What it means",) if kind == Reason.Kind.REJECT else ()
            head = ("Reason", "When", *means, "The lead")
            rows = tuple(_reason_row(each) for each in of_kind)
            groups.append(Group(_FOR.get(kind.value, str(kind.label)), head=head, rows=rows))
    if not groups:
        groups = [Group(lines=("No reasons are set up.",))]
    days = ground.feedback_settings.dispute_days
    groups.append(Group("Disputes", (f"Marketing may dispute a rejection within {_days(days)}.",)))
    reasons = sorted(
        [
            str(each.kind),
            each.slug,
            each.label,
            str(each.side),
            each.note_required,
            each.earns_credit,
            str(stage_of(each) or ""),
        ]
        for each in found
    )
    promise = {"reasons": reasons, "dispute_days": days}
    return Section("reasons", "Reasons that sales gives", tuple(groups), promise)


def _days(number: int) -> str:
    return f"{number} day" if number == 1 else f"{number} days"


def _reason_row(reason: Reason) -> tuple[str, ...]:
    """What it says of itself. Only a rejection is somebody's to mend."""
    says_so = reason.hint.strip(" .").casefold() == _NOTE
    note = _NOTE if reason.note_required and not says_so else ""
    if reason.kind != Reason.Kind.REJECT:
        return reason.label, _joined(reason.hint, note), _goes(reason)
    turn = "the owner gets the next turn" if reason.earns_credit else ""
    means = _joined(_WHOSE[Reason.Side(reason.side)], note, turn)
    return reason.label, reason.hint, means, _goes(reason)


_NOTE: Final = "needs a note"


def _joined(*parts: str) -> str:
    return "; ".join(part for part in parts if part)


def _goes(reason: Reason) -> str:
    """What becomes of the lead, after "The lead": "is lost"."""
    stage = stage_of(reason)
    if stage is None:
        return "goes to somebody else"
    return _BECOMES.get(stage, f"becomes {stage.label}")


_BECOMES: Final = {
    Stage.REJECTED: "is rejected",
    Stage.NURTURE: "goes to nurture",
    Stage.DISQUALIFIED: "is disqualified",
    Stage.LOST: "is lost",
}


def _escalation(lines: Sequence[_Line], ground: Ground) -> Section:
    groups = []
    names = {str(each.id): each.name for each in ground.people}
    for line in lines:
        said = tuple(words.step_words(step, names) for step in line.policy.ladder)
        groups.append(Group(line.name, said))
    if not groups:
        groups = [Group(lines=("No SLA policy is in force yet.",))]
    promise = {_key(line): line.version.content.get(_LATE) for line in lines}
    return Section("escalation", "When time runs out", tuple(groups), promise)


def _key(line: _Line) -> str:
    """How a policy is told from another in a promise: a unit by its id, since its name is no promise."""
    return str(line.unit.id) if line.unit else "main"


# --- Numbers and dates ---


def _numbers(ground: Ground, lines: Sequence[_Line], tenant: Tenant, now: datetime) -> Section:
    month = month_of(now.astimezone(ZoneInfo(tenant.time_zone)).date())
    present = month, gathered(ground.targets, tenant.target_percent)
    clocked = {spec.target for line in lines for tier in line.policy.tiers for spec in tier.targets}
    rows = tuple(
        (Side(side).label, label, text)
        for label, side, text in commitment_terms(present, clocked=frozenset(str(each) for each in clocked))
    )
    group = Group(head=("Who", "What is counted", "Target"), rows=rows)
    promise = {"target_percent": tenant.target_percent, "commitments": commitment_promise(present)}
    return Section("numbers", "Numbers that both are held to", (group,), promise)


def _reviews(ground: Ground, tenant: Tenant, now: datetime) -> Section:
    day = ground.setting.review_day
    freeze = ground.setting.freeze_days
    lines = [
        f"Both sides look at the numbers on the {ordinal(day)} of each month.",
        "Every three months the response times are looked at again by what the numbers propose.",
        f"For {_days(freeze)} after both have signed, no other version of what is written here is published"
        " unless one of each side agrees to it."
        if freeze
        else "It may be changed on any day, and is signed anew then.",
    ]
    if ground.scheduled(now):
        lines.append("What is already scheduled, as listed above, is agreed and comes into force by itself.")
    today = now.astimezone(ZoneInfo(tenant.time_zone)).date()
    dates = [f"Next review: {day_words(next_monthly(today, day))}."]
    if ground.standing is not None:
        due = due_after(ground.standing, tenant, ground.recalibrated_at)
        dates.append(f"Next recalibration: {day_words(due)}.")
    groups = (Group(lines=tuple(lines)), Group("Dates", tuple(dates), binding=False))
    return Section("reviews", "Reviews", groups, {"review_day": day, "freeze_days": freeze})


def due_day(signed: Agreement, tenant: Tenant) -> date:
    """The day on which three months are over since an agreement came into force, or was last recalibrated."""
    last = Recalibration.objects.filter(agreement=signed).order_by("-at").values_list("at", flat=True).first()
    return due_after(signed, tenant, last)


def due_after(signed: Agreement, tenant: Tenant, last: datetime | None) -> date:
    """The same where it is at hand when it was last recalibrated, if ever."""
    since = max(each for each in (signed.in_force_at, last) if each is not None)
    return quarter_after(since.astimezone(ZoneInfo(tenant.time_zone)).date())


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}." if text else "Not said."
