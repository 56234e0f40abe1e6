"""Each leak that is planted is found as what it is, and about as large as it was planted."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from reporting.leaks.finder.findings import Finding
from reporting.leaks.finder.registry import KINDS, find
from tests.reporting.leaks.histories import Lead, Leak, counted, history, no_leak


def factor(when: Callable[[Lead], bool], by: float) -> Leak:
    """Those leads become SQL less often."""

    def leak(lead: Lead) -> float:
        if not when(lead):
            return 0.0
        before = lead.chance
        lead.sql *= by
        return before - lead.chance

    return leak


def rejections(source: str, reason: str, share: float) -> Leak:
    """So many more leads of a source are rejected, for one reason."""

    def leak(lead: Lead) -> float:
        if lead.source != source or lead.rng.random() >= share:
            return 0.0
        before = lead.chance
        lead.forced = reason
        return before

    return leak


def scattered(lead: Lead) -> float:
    if lead.source != "Webinar":
        return 0.0
    lead.rejected = 0.55
    # What is beyond 30% of the leads, had they been like the others of the source.
    return (0.55 - 0.30) * lead.sql * lead.opportunity * 0.42 / 0.45


def turned_down(lead: Lead) -> float:
    if lead.source != "Partner":
        return 0.0
    before = lead.chance
    lead.rejected = 0.45
    return before - lead.chance


def bar(lead: Lead) -> float:
    if lead.source != "Content":
        return 0.0
    lead.sql = 0.12
    return (0.97 - lead.rejected) * (0.30 - 0.12) * lead.opportunity


def low_sql(lead: Lead) -> float:
    if lead.source != "Paid social":
        return 0.0
    lead.rejected, lead.sql = 0.35, 0.20
    return (0.30 - (0.97 - 0.35) * 0.20) * lead.opportunity


def misroute(lead: Lead) -> float:
    lead.is_moved = lead.is_moved or lead.rng.random() < 0.12
    return 0.0


def leave_partners(lead: Lead) -> float:
    if lead.source == "Partner" and lead.rep in ("rep1", "rep2", "rep3"):
        lead.late, lead.never = 0.7, 0.95
    return 0.0


def evenings(lead: Lead) -> float:
    if lead.started_at.hour in (17, 18) and lead.started_at.weekday() < 5:
        lead.late = 0.7
    return 0.0


def stall(lead: Lead) -> float:
    before = lead.chance
    lead.stalls = 0.45
    return before - lead.chance


def late_without_phone(lead: Lead) -> float:
    if "phone" in lead.lacks:
        lead.late = min(1.0, lead.late + 0.35)
    return 0.0


slow = factor(lambda lead: lead.is_late, 0.35)


def surplus_of(late_share: Callable[[Lead], float]) -> Leak:
    """Slow leads convert less; what is lost is only that share of it which the late hours add."""

    def leak(lead: Lead) -> float:
        lost = slow(lead)
        return lost * late_share(lead)

    return leak


PLANTED: dict[str, tuple[str, Leak, Leak]] = {
    "slow first touch": ("slow_touch", no_leak, slow),
    "a dominant reason": ("dominant_reason", no_leak, rejections("Paid social", "wrong_company_size", 0.4)),
    "scattered reasons": ("scattered_reasons", no_leak, scattered),
    "a source that is turned down": ("low_acceptance", no_leak, turned_down),
    "accepted but not qualified": ("sql_bar", no_leak, bar),
    "too few SQLs": ("low_sql", no_leak, low_sql),
    "criteria without budget": ("criteria_lack", no_leak, rejections("Webinar", "no_budget", 0.3)),
    "criteria without decision maker": ("criteria_lack", no_leak, rejections("Webinar", "wrong_title", 0.3)),
    "too few attempts": ("few_attempts", no_leak, factor(lambda lead: lead.touches < 4, 0.45)),
    "a rep apart": ("reps_differ", no_leak, factor(lambda lead: lead.rep == "rep5", 0.4)),
    "wrong owners": ("wrong_owner", misroute, factor(lambda lead: lead.is_moved, 0.35)),
    "cherry-picking": (
        "cherry_picking",
        leave_partners,
        factor(lambda lead: lead.source == "Partner" and lead.is_untouched, 0.1),
    ),
    "evenings without anybody": (
        "hour_holes",
        evenings,
        surplus_of(lambda lead: 1 - 0.23 / 0.7 if lead.late == 0.7 else 0.0),
    ),
    "missing phones": ("missing_data", no_leak, factor(lambda lead: "phone" in lead.lacks, 0.45)),
    "a stage that stalls": ("stalled", no_leak, stall),
}


def of_kind(found: tuple[Finding, ...], kind: str) -> list[Finding]:
    return [each for each in found if each.kind == kind]


@pytest.mark.parametrize("name", list(PLANTED))
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_planted_leak_is_found_with_its_size(name: str, seed: int) -> None:
    kind, late, leak = PLANTED[name]
    made = history(seed, leads=6_000, leak=leak, late=late)
    found = of_kind(find(counted(made.rows)).findings, kind)
    assert found, name
    sizes = [each.size.opportunities for each in found[:2]]
    near = [size for size in sizes if 0.6 * made.lost <= size <= 1.5 * made.lost]
    assert near, f"{name}: planted {made.lost:.1f}, found {sizes}"
    size = found[0].size
    assert size.low <= size.opportunities <= size.high


def test_every_detector_has_a_leak_planted_for_it() -> None:
    assert set(KINDS) == {kind for kind, _, _ in PLANTED.values()}
