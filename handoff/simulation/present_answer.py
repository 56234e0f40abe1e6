"""What would become of one lead, as its page shows it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from handoff import words
from handoff.selectors import names_of
from handoff.simulation.asking import WHY_NOT
from handoff.simulation.present import GONE
from handoff.simulation.single import Answer
from leads.requirements import required_labels
from routing.decide import TURN
from routing.selectors import layers_in_words


def answer_in_words(
    answer: Answer, at: Any, names: Mapping[str, str], pools: Mapping[str, str]
) -> dict[str, Any]:
    """An answer for the page; what handoff/_decision.html reads of a decision stands under "each"."""
    result, judged = answer.result, answer.judgement
    told: dict[str, Any] = {
        "qualifies": answer.qualifies,
        "needs": required_labels(judged.needs) if judged else [],
        "criteria": judged.verdict["criteria"] if judged else [],
        "tier": answer.tier.tier.name if answer.tier else "",
        "dues": answer.dues,
        "why_not": WHY_NOT.get(answer.why_not, ""),
        "owner": names.get(result.member_id or "", "") if result else "",
        "each": None,
    }
    if result is None or result.matched is None:
        return told
    counters = result.counters_after or {}
    lines = [
        {
            **line,
            "name": names.get(line["member"], GONE),
            "words": words.say(words.REASONS, line["reason"]),
            "opens": _moment(line.get("opens_at")),
            "turns_before": _turns(line.get("turns")),
            "turns_then": _turns(counters.get(line["member"], line.get("turns"))),
        }
        for line in result.candidates
    ]
    trace = result.trace
    told["each"] = {
        "decision": {
            "at": at,
            "pool": {"name": pools.get(result.pool or "", result.pool or "")} if result.pool else None,
            "trace": {"priority": result.priority},
        },
        "layers": layers_in_words(trace["layers"], result.matched.rule_set),
        "inputs": [],
        "candidates": lines,
        "counted": any(line.get("turns") for line in lines) or bool(counters),
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


def _moment(text: str | None) -> Any:

    return datetime.fromisoformat(text) if text else None


def _turns(counter: int | None) -> str:
    return "–" if counter is None else f"{counter / TURN:.2f}".rstrip("0").rstrip(".")
