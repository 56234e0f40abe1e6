"""What would become of one lead, as its page shows it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from handoff import candidates, words
from handoff.selectors import names_of
from handoff.simulation.asking import why_not
from handoff.simulation.single import Answer
from leads.list_names import ListNames
from leads.requirements import required_labels
from routing.selectors import layers_in_words
from routing.traces import packed


def answer_in_words(
    answer: Answer, at: Any, names: Mapping[str, str], pools: Mapping[str, str]
) -> dict[str, Any]:
    """An answer for the page; what handoff/_decision.html reads of a decision stands under "each"."""
    result, judged = answer.result, answer.judgement
    told: dict[str, Any] = {
        "qualifies": answer.qualifies,
        "meets": bool(judged and judged.qualified),
        "needs": required_labels(judged.needs) if judged else [],
        "criteria": (ListNames().in_verdict(judged.verdict) or {})["criteria"] if judged else [],
        "tier": answer.tier.tier.name if answer.tier else "",
        "dues": answer.dues,
        "why_not": why_not(answer),
        "owner": names.get(result.member_id or "", "") if result else "",
        "each": None,
    }
    if result is None or result.matched is None:
        return told
    trace = result.trace
    stored = packed(trace, result.counters_after)
    groups = candidates.groups_of(stored, reason=result.reason, names=names, pools=pools)
    pool = pools.get(result.pool or "", result.pool or "")
    first = candidates.first_pool(trace) or ""
    told["each"] = {
        "decision": {
            "at": at,
            "pool": {"name": pool} if pool else None,
            "trace": {"priority": result.priority},
        },
        "layers": layers_in_words(trace["layers"], result.matched.rule_set),
        "inputs": [],
        "fit": pools.get(first, first),
        "groups": groups,
        **candidates.counts_of(groups),
        "versions": "",
        "tie_break": words.TIE_BREAKS.get(result.tie_break, ""),
        "member": told["owner"],
        "reason": words.say(words.REASONS, result.reason),
    }
    return told


def people_of(answers: Iterable[Answer | None]) -> dict[str, str]:
    """Names of everybody whom answers look at."""
    found: set[UUID | str | None] = set()
    for answer in answers:
        if answer is not None and answer.result is not None:
            found.add(answer.result.member_id)
            found |= {line["member"] for line in answer.result.candidates}
    return names_of(found)
