"""How fast rules answer, compile and explain, and how little a hostile pattern can do.

`manage.py bench rules`. Rates are per second on one thread, the best of several rounds. The floor of an
evaluation is the same fifty questions written by hand as plain Python over values that are already folded.
The floor of the patterns is Python's own `re` on an input of 22 characters, 450 times shorter than ours.
"""

import gc
import os
import platform
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from time import perf_counter
from typing import Any

import re2

from core.rules import Facts, Field, Schema, compile_rule, validate

NOW = datetime(2025, 3, 28, 12, tzinfo=UTC)
LIMIT_MS = 50
HOSTILE_LENGTH = 10_000  # characters; more of a fact is never looked at

SCHEMA = Schema(
    [
        Field("lead.title", "text", "Title"),
        Field("lead.source", "choice", "Source"),
        Field("lead.score", "number", "Score"),
        Field("account.employees", "number", "Employees"),
        Field("account.country", "choice", "Country"),
        Field("account.industry", "text", "Industry"),
        Field("account.is_customer", "boolean", "Customer"),
    ],
    ["page_view", "download", "demo_request"],
)

# Patterns that take exponential or high polynomial time in a backtracking engine: what comes before, what is
# repeated, and what comes after in the input that hurts them.
HOSTILE: tuple[tuple[str, str, str, str], ...] = (
    # Nested repetition
    (r"^(a+)+$", "", "a", "!"),
    (r"^(a*)*$", "", "a", "!"),
    (r"^(a+)*$", "", "a", "!"),
    (r"^(a*)+$", "", "a", "!"),
    (r"^((a+)+)+$", "", "a", "!"),
    (r"^(([a-z])+.)+[A-Z]([a-z])+$", "", "a", "!"),
    (r"^([a-zA-Z]+)*$", "", "a", "!"),
    (r"^(\w+\s?)*$", "", "aa ", "!"),
    (r"^(\d+)*[a-f]$", "", "1", "!"),
    (r"^(.+)+!$", "", "a", "?"),
    (r"^(.*)*x$", "", "a", "y"),
    (r"^([^,]+,?)*$", "", "a", "\n,,"),
    (r"(x+x+)+y", "", "x", ""),
    (r"(?:(?:a+)+b)+c", "", "aab", "d"),
    # Alternatives that overlap
    (r"^(a|aa)+$", "", "a", "!"),
    (r"^(a|a?)+$", "", "a", "!"),
    (r"^(a|a)*$", "", "a", "!"),
    (r"^(a|b|ab)*c$", "", "ab", "d"),
    (r"^(\w|\d)*$", "", "1", "!"),
    (r"^(.|\s)*z$", "", " ", "!"),
    (r"^(?:[a-z]|[a-y]x|x)*0$", "", "ax", "!"),
    (r"^(\s|&nbsp;| )*y$", "", " ", "!"),
    # Repetitions of the same thing side by side
    (r"a*a*a*a*a*a*a*a*b", "", "a", "!"),
    (r"\d*\d*\d*\d*\d*\d*x", "", "7", "!"),
    (r"^\s+|\s+$", "x", " ", "x"),
    (r"\s*,\s*\s*;", "", " ", "!"),
    (r".*.*.*.*=.*", "", "x", ""),
    (r"(.*)(.*)(.*)(.*)(.*)z", "", "x", ""),
    (r"\w+\s*\w+\s*\w+\s*\w+\s*:", "", "a ", "!"),
    (r"<.*>.*</.*>", "", "<a>", ""),
    (r"a.*a.*a.*a.*a.*a.*b", "", "a", ""),
    (r"^[^=]*[^=]*[^=]*=", "", "x", ""),
    # Counted repetition, the one thing that costs RE2 memory: just below what is refused
    (r"(a?){100}a{100}", "", "a", "!"),
    (r"(a{1,20}){1,20}b", "", "a", "!"),
    (r"x{900}y", "", "x", "!"),
    (r"(.{0,20}a){10}z", "", "a", ""),
    (r"\w{100}!", "", "é", "?"),
    (r"[ab]{1,400}c", "", "ab", "!"),
    (r"(?:a|b)*a(?:a|b){15}c", "", "abba", "!"),
    (r"(?:.*a){12}x", "", "ab", "!"),
    # What people really write
    (r"^([a-z0-9._-]+)+@([a-z0-9-]+\.)+[a-z]{2,}$", "", "a", "!"),
    (r"^([\w.-])+@(([\w-])+\.)+([a-z0-9]{2,4})+$", "a@", "aaaa.", "!"),
    (r"^(https?://)?([\da-z.-]+)\.([a-z.]{2,6})([/\w .-]*)*/?$", "https://a.com/", "aa ", "?!"),
    (r"^(([0-9]{1,3}[.]?)+)+$", "", "1.", "x"),
    (r"^\$?([\d,]+)+(\.\d+)?$", "", "1,", "x"),
    (r"^[\w']+((\s|-)?[\w']+)*$", "", "a'", "%"),
    (r"(?:chief|vp|head)(?:\s+\w+)*\s+officer", "chief", " a", "!"),
    (r"^(\(?\+?[0-9]*\)?)?[0-9_\- ()]*$", "", "1", "x"),
    (r"^(([a-z])+\s?)+(\.|,)$", "", "ab ", "!"),
    (r"^\s*(\w+\s*=\s*\w*\s*;?\s*)*$", "", "a=a ", "!"),
)


def run(rounds: int = 5, evaluations: int = 400, **_: object) -> dict[str, Any]:
    """Measure and return figures, floor and ratios.

    rounds:      rounds per figure; the best one counts, the others were disturbed.
    evaluations: leads per round, each with facts of its own, each asked all fifty rules.
    """
    slowest = [_worst_ms(*row, rounds=rounds) for row in HOSTILE]
    worst = max(range(len(HOSTILE)), key=slowest.__getitem__)
    figures: dict[str, Any] = {
        "hostile_patterns": len(HOSTILE),
        "hostile_patterns_worst_ms": slowest[worst],
        "hostile_patterns_worst_is": HOSTILE[worst][0],
        "hostile_patterns_over_50_ms": sum(each >= LIMIT_MS for each in slowest),
        **_rates(rounds, evaluations),
    }
    floor = {
        "fifty_rules_by_hand_us": _by_hand_us(rounds, evaluations),
        "python_re_on_22_characters_ms": _python_re_ms(),
    }
    ratios = {
        "fifty_rules_us / by hand": figures["fifty_rules_us"] / floor["fifty_rules_by_hand_us"],
        "python_re / worst hostile pattern": floor["python_re_on_22_characters_ms"] / slowest[worst],
    }
    return {
        "bench": "rules",
        "figures": figures,
        "floor": floor,
        "ratios": ratios,
        "machine": {
            "python": platform.python_version(),
            "system": f"{platform.system()} {platform.machine()}",
            "cores": os.cpu_count(),
            "load_1_minute": os.getloadavg()[0],
        },
    }


# Hostile patterns


def _worst_ms(pattern: str, before: str, pump: str, after: str, *, rounds: int) -> float:
    """Milliseconds to compile a rule with the pattern and ask it about the worse of two hostile inputs.

    The whole of it, as a lead meets it: folding the fact and cutting what a pattern searches are included.
    """
    tree = {"field": "lead.title", "op": "matches", "value": pattern}
    inputs = [
        before + pump * ((length - len(before + after)) // len(pump)) + after
        for length in (1_000, HOSTILE_LENGTH)
    ]

    def once(text: str) -> None:
        re2.purge()  # otherwise the later rounds would find the pattern compiled and its automaton built
        compile_rule(tree, SCHEMA).matches(Facts({"lead.title": text}, (), NOW))

    return max(_best_seconds(partial(once, text), rounds) for text in inputs) * 1_000


def _python_re_ms() -> float:
    pattern, text = re.compile(HOSTILE[0][0]), "a" * 21 + "!"
    return _best_seconds(lambda: pattern.search(text), 1) * 1_000


# Evaluation


def _tree(number: int) -> dict[str, Any]:
    """One of the fifty rules, as routing has them: territory, size, title, behaviour; few are met."""
    behaviour = {"kind": "page_view", "subject": "pricing", "within_days": 7, "value": number % 5 + 1}
    return {
        "all": [
            {"field": "account.country", "op": "one_of", "value": ["DE", "AT", "CH", f"X{number}"]},
            {"field": "account.employees", "op": "between", "value": [number * 20, number * 20 + 400]},
            {
                "any": [
                    {"field": "lead.title", "op": "contains", "value": ["vp", "head of", f"chief {number}"]},
                    {"engagements": behaviour},
                ]
            },
            {"not": {"field": "account.is_customer", "op": "equals", "value": True}},
        ]
    }


TREES = [_tree(number) for number in range(50)]


def _facts(number: int) -> Facts:
    values = {
        "lead.title": f"Führungskraft, Head of Region {number}" if number % 2 else "Sales Manager",
        "lead.source": "webinar",
        "lead.score": number,
        "account.employees": number * 7 % 1_000,
        "account.country": ("DE", "AT", "FR")[number % 3],
        "account.industry": "Software",
        "account.is_customer": number % 5 == 0,
    }
    subjects = ("pricing", "blog", "docs")
    history = [("page_view", subjects[each % 3], NOW - timedelta(days=each)) for each in range(20)]
    return Facts(values, history, NOW)


def _rates(rounds: int, evaluations: int) -> dict[str, float]:
    rules = [compile_rule(tree, SCHEMA) for tree in TREES]
    tests = [rule.matches for rule in rules]
    warm = [_facts(number) for number in range(evaluations)]

    def ask(all_facts: list[Facts]) -> None:
        for facts in all_facts:
            for test in tests:
                test(facts)

    def cold() -> float:
        fresh = [_facts(number) for number in range(evaluations)]
        return _best_seconds(lambda: ask(fresh), 1)

    # Facts keep what they have folded, so each round of the first figure needs facts nobody has read.
    cold_us = min(cold() for _ in range(rounds)) / evaluations * 1e6
    warm_us = _best_seconds(lambda: ask(warm), rounds) / evaluations * 1e6
    explained = _best_seconds(lambda: [rule.explain(warm[0]) for rule in rules], rounds)
    compiled = _best_seconds(lambda: [compile_rule(tree, SCHEMA) for tree in TREES], rounds)
    checked = _best_seconds(lambda: [validate(tree, SCHEMA) for tree in TREES], rounds)
    return {
        "fifty_rules_us": cold_us,
        "fifty_rules_on_known_facts_us": warm_us,
        "evaluations": len(TREES) / cold_us * 1e6,
        "explanations": len(TREES) / explained,
        "compilations": len(TREES) / compiled,
        "validations": len(TREES) / checked,
    }


def _by_hand_us(rounds: int, evaluations: int) -> float:
    """The same fifty questions as nested conditions in Python, over values that need no reading."""
    constants = [
        (
            frozenset({"de", "at", "ch", f"x{number}"}),
            number * 20,
            number * 20 + 400,
            f"chief {number}",
            number % 5 + 1,
        )
        for number in range(50)
    ]
    week = timedelta(days=7)
    leads = [_facts(number) for number in range(evaluations)]
    rows: list[tuple[Any, ...]] = [
        (
            facts.folded("account.country"),
            facts.number("account.employees"),
            facts.folded("lead.title"),
            facts.engagements,
            facts.flag("account.is_customer"),
        )
        for facts in leads
    ]

    def ask() -> int:
        met = 0
        for country, employees, title, history, customer in rows:
            for countries, low, high, chief, least in constants:
                if (
                    country in countries
                    and low <= employees <= high
                    and (
                        "vp" in title
                        or "head of" in title
                        or chief in title
                        or sum(
                            kind == "page_view" and subject == "pricing" and NOW - at <= week
                            for kind, subject, at in history
                        )
                        >= least
                    )
                    and not customer
                ):
                    met += 1
        return met

    tests = [compile_rule(tree, SCHEMA).matches for tree in TREES]
    by_rules = sum(test(facts) for facts in leads for test in tests)
    if ask() != by_rules:
        raise RuntimeError(
            "The rules and their hand-written twins disagree; the floor would be of something else."
        )
    return _best_seconds(ask, rounds) / evaluations * 1e6


def _best_seconds(task: Callable[[], object], rounds: int) -> float:
    best = float("inf")
    gc.disable()
    try:
        for _ in range(rounds):
            began = perf_counter()
            task()
            best = min(best, perf_counter() - began)
    finally:
        gc.enable()
    return best
