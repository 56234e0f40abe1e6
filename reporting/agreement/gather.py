"""The terms as they are configured now. Nothing of them is kept twice: this reads what runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from feedback.models import Reason
from feedback.reasons import stage_of
from feedback.settings import settings as dispute_settings
from leads import criteria_words, sql_bar
from leads.list_names import ListNames
from leads.models import CriteriaVersion
from leads.requirement_words import requirement_sentences
from leads.requirements import required_labels
from leads.triggers import CRITERIA, triggers_in_force, waits_for
from reporting.agreement.dates import day_words, next_monthly, quarter_after
from reporting.agreement.definitions import STAGES, WORDS
from reporting.agreement.models import Agreement, AgreementSettings, Recalibration, Side
from reporting.agreement.terms import Group, Section, Terms
from reporting.commitments.terms import commitment_promise, commitment_terms, present_targets
from sla import targets, words
from sla.models import BusinessUnit, PolicyVersion
from sla.policies import find_policy
from sla.recipients import named_members
from sla.targets import Target
from sla.tiers import TARGETS, Policy, Tier
from sla.units import all_units, rule_words
from tenants.calendars.words import week_words
from tenants.models import Calendar, CalendarVersion, Tenant
from tenants.versions import version_in_force

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


def present_terms(tenant: Tenant, now: datetime, *, setting: AgreementSettings | None = None) -> Present:
    """What is agreed if it were signed now. setting: where it is at hand. A constant number of queries and
    one a business unit."""
    criteria = version_in_force(CriteriaVersion, now)
    lines = list(_policies(now))
    bar = sql_bar.bar_in_force(now)
    setting = setting or AgreementSettings.objects.first() or AgreementSettings()
    lacking = []
    if criteria is None:
        lacking.append("qualification criteria")
    if not any(line.unit is None for line in lines):
        lacking.append("an SLA policy")
    content: Mapping[str, Any] = criteria.content if criteria else {}
    sections = (
        _definitions(),
        _qualification(content, is_there=criteria is not None),
        _sql(bar),
        _requirements(content),
        _response(lines, tenant),
        _follow_up(lines),
        _reasons(),
        _escalation(lines),
        _numbers(tenant, now),
        _reviews(setting, tenant, now),
    )
    dated: list[CriteriaVersion | PolicyVersion] = [line.version for line in lines]
    dated += [criteria] if criteria else []
    moments = [each.effective_at or each.published_at or each.created_at for each in dated]
    return Present(Terms(sections, tuple(lacking)), max(moments, default=tenant.created_at))


def _policies(now: datetime) -> Iterator[_Line]:
    """The policies in force: the main one first, then the active units' that have one."""
    units = [unit for unit in all_units() if unit.is_active]
    for unit in (None, *units):
        version = version_in_force(PolicyVersion, now, unit.id if unit else None)
        policy = find_policy(version.id) if version else None
        if version is not None and policy is not None:
            yield _Line(unit, version, policy)


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


def _qualification(content: Mapping[str, Any], *, is_there: bool) -> Section:
    judged = {key: value for key, value in content.items() if key not in _REQUIREMENTS}
    said = criteria_words.sentences(ListNames().in_rules(judged)) if is_there else []
    groups = [Group(heading, tuple(lines)) for heading, lines in said]
    if not groups:
        groups = [Group(lines=("No criteria are in force yet.",))]
    triggers = triggers_in_force()
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


def _response(lines: Sequence[_Line], tenant: Tenant) -> Section:
    groups = [group for line in lines for group in _response_groups(line)]
    if not lines:
        groups = [Group(lines=("No SLA policy is in force yet.",))]
    groups.append(Group("Working hours", _hours(tenant), binding=False))
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
    said = [f"First touch is {words.responses_words(policy.responses)}."]
    moved = line.version.content.get("on_reassign")
    said.append(f"When a lead moves, its new owner {words.on_reassign_words(moved)}.")
    said += [
        f"The clocks may stand still: {words.say_safely(words.pause_words, rule)}."
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


def _hours(tenant: Tenant) -> tuple[str, ...]:
    """The hours of each calendar that is in use, in words."""
    calendars = list(Calendar.objects.filter(current_version_id__isnull=False).order_by("name", "id"))
    versions = CalendarVersion.objects.in_bulk([each.current_version_id for each in calendars])
    said = []
    for each in calendars:
        version = versions.get(each.current_version_id)
        if version is None:
            continue
        whose = " (the organisation's)" if each.id == tenant.calendar_id else ""
        week = week_words(version.spec.get("weekly", {}))
        said.append(
            f"{each.name}{whose}: {week}, {version.spec.get('tz', tenant.time_zone)}, closed on holidays."
        )
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
        groups = [Group(lines=("No number of attempts is agreed.",))]
    return Section("follow_up", "Follow-up", tuple(groups), promise)


#: What a reason of a kind is for, and whose a reason is; a kind without words here has its own label.
_FOR: Final = {
    "reject": "To reject a lead",
    "nurture": "To send it to nurture",
    "disqualified": "To disqualify it after acceptance",
    "lost": "When a deal is lost",
}
_WHOSE: Final = {"marketing": "Marketing's", "routing": "Routing's: the lead goes to somebody else"}


def _reasons() -> Section:
    found = list(Reason.objects.filter(is_active=True).order_by("kind", "position", "label"))
    groups = []
    for kind in Reason.Kind:
        rows = tuple(_reason_row(each) for each in found if each.kind == kind)
        if rows:
            head = ("Reason", "When", "Whose it is", "The lead becomes")
            groups.append(Group(_FOR.get(kind.value, str(kind.label)), head=head, rows=rows))
    if not groups:
        groups = [Group(lines=("No reasons are set up.",))]
    days = dispute_settings().dispute_days
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


def _reason_row(reason: Reason) -> tuple[str, str, str, str]:
    more = ["needs a note"] if reason.note_required else []
    more += ["the owner gets the next turn"] if reason.earns_credit else []
    side = _WHOSE.get(str(reason.side), str(reason.get_side_display()))
    stage = stage_of(reason)
    return reason.label, reason.hint, "; ".join([side, *more]), str(stage.label) if stage else ""


def _escalation(lines: Sequence[_Line]) -> Section:
    groups = []
    for line in lines:
        names = {str(each.id): each.name for each in named_members(line.policy.ladder).values()}
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


def _numbers(tenant: Tenant, now: datetime) -> Section:
    present = present_targets(now)
    rows = tuple((Side(side).label, label, text) for label, side, text in commitment_terms(present))
    group = Group(head=("Who", "What is counted", "Target"), rows=rows)
    promise = {"target_percent": tenant.target_percent, "commitments": commitment_promise(present)}
    return Section("numbers", "Numbers that both are held to", (group,), promise)


def _reviews(setting: AgreementSettings, tenant: Tenant, now: datetime) -> Section:
    day = setting.review_day
    freeze = setting.freeze_days
    lines = [
        f"Reviewed by both sides on day {day} of each month.",
        "Recalibrated from the numbers every three months.",
        f"Frozen for {freeze} days after both have signed: a change meanwhile takes one of each side."
        if freeze
        else "Not frozen after signing.",
    ]
    today = now.astimezone(ZoneInfo(tenant.time_zone)).date()
    dates = [f"Next review: {day_words(next_monthly(today, day))}."]
    due = next_recalibration(tenant)
    if due:
        dates.append(f"Next recalibration: {day_words(due)}.")
    groups = (Group(lines=tuple(lines)), Group("Dates", tuple(dates), binding=False))
    return Section("reviews", "Reviews", groups, {"review_day": day, "freeze_days": freeze})


def next_recalibration(tenant: Tenant) -> date | None:
    """The day from which on the agreement in force is to be recalibrated; None where none is in force."""
    signed = Agreement.objects.filter(state=Agreement.State.IN_FORCE).only("id", "in_force_at").first()
    if signed is None or signed.in_force_at is None:
        return None
    return due_day(signed, tenant)


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
