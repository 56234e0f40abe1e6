"""From a checked tree to closures: one call per condition, stopping as soon as the answer is known."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias

from core.rules import tree as t
from core.rules.facts import ANY_KIND, Facts
from core.rules.schema import Schema
from core.rules.sentences import engagement_label, leaf_sentence, sentence
from core.rules.text import as_plain, fold, shown_days, words

State = Literal["met", "not_met", "missing"]
Test: TypeAlias = Callable[[Facts], bool]
_SECONDS_PER_DAY: Final = 86_400


@dataclass(frozen=True, slots=True)
class Leaf:
    """How one condition came out.

    path:     JSON pointer into the rule.
    label:    what was looked at: "Employees".
    sentence: the whole condition: "Employees between 50 and 2000".
    state:    met, not_met, or missing: the value is not known, which counts as not met.
    seen:     the value found, JSON-safe and cut when long, of a vocabulary with what it was taken for; for
              engagements their number, or days since the latest.
    expected: the value the rule asks for, likewise.
    negated:  the condition stands under an odd number of `not`, so that meeting it speaks against the lead.
    """

    path: str
    label: str
    sentence: str
    state: State
    seen: Any
    expected: Any
    negated: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer of a rule, and how every one of its conditions came out, in reading order."""

    met: bool
    leaves: tuple[Leaf, ...]

    def as_dict(self) -> dict[str, Any]:
        """The verdict as JSON-safe data, to be stored beside the decision it explains."""
        return {"met": self.met, "leaves": [asdict(leaf) for leaf in self.leaves]}


@dataclass(frozen=True, slots=True)
class Probe:
    """One compiled condition: its test, and how to tell what it saw.

    `known` is false when the value is missing; a test is never true on a missing value.
    """

    leaf: t.Test
    label: str
    sentence: str
    negated: bool
    test: Test
    known: Test
    seen: Callable[[Facts], Any]

    def state(self, facts: Facts) -> State:
        """How the condition comes out."""
        return "met" if self.test(facts) else "not_met" if self.known(facts) else "missing"

    def outcome(self, facts: Facts) -> Leaf:
        """The condition's part of an explanation."""
        state, seen = self.state(facts), self.seen(facts)
        return Leaf(self.leaf.path, self.label, self.sentence, state, seen, self.leaf.expected, self.negated)


class Rule:
    """A compiled rule.  Immutable, free of I/O, safe to share between threads and to keep.

    tree:     the JSON it was made from.
    sentence: the rule in words.
    matches:  whether the facts meet it; the fast way.
    fields:   names of the fields it reads, so that a caller loads no others.
    reads_engagements: whether it reads what the lead did.
    kinds:    folded kinds of engagement that it counts; empty where it counts none, None where any.
    """

    __slots__ = (
        "_ages",
        "_checks",
        "_probes",
        "fields",
        "kinds",
        "matches",
        "reads_engagements",
        "sentence",
        "tree",
    )

    def __init__(self, tree: object, node: t.Node, schema: Schema) -> None:
        self.tree = tree
        self.sentence: str = sentence(node, schema)
        probes = [_probe(leaf, negated, schema) for leaf, negated in t.leaves(node)]
        self._probes: tuple[Probe, ...] = tuple(probes)
        self._checks: tuple[tuple[Test, Test], ...] = tuple((probe.test, probe.known) for probe in probes)
        self.matches: Test = _compile(node, iter(probes).__next__)
        tests = [probe.leaf for probe in probes]
        self.fields: frozenset[str] = frozenset(x.field.name for x in tests if isinstance(x, t.FieldTest))
        counted = [x for x in tests if isinstance(x, t.EngagementTest)]
        self.reads_engagements: bool = bool(counted)
        self.kinds: frozenset[str] | None = (
            frozenset(fold(kind) for x in counted for kind in x.kinds)
            if all(x.kinds for x in counted)
            else None
        )
        self._ages: tuple[tuple[Test, Callable[[Facts], float | None]], ...] = tuple(
            (probe.test, _recency(probe.leaf))
            for probe in probes
            if isinstance(probe.leaf, t.EngagementTest) and not probe.negated
        )

    @property
    def can_age(self) -> bool:
        """Whether it asks for something that the lead did, so that its meeting has a time."""
        return bool(self._ages)

    def age_days(self, facts: Facts) -> float | None:
        """Days since the latest engagement that one of the met conditions counts; None where none does."""
        found = [age(facts) for test, age in self._ages if test(facts)]
        return min((days for days in found if days is not None), default=None)

    def explain(self, facts: Facts) -> Verdict:
        """The same answer as `matches`, with every condition looked at."""
        return Verdict(self.matches(facts), tuple(probe.outcome(facts) for probe in self._probes))

    @property
    def conditions(self) -> tuple[str, ...]:
        """The sentence of each condition, in reading order."""
        return tuple(probe.sentence for probe in self._probes)

    def marks(self, facts: Facts) -> str:
        """How each condition came out, in reading order: 1 met, 0 not met, ? missing.

        A tenth of what `explain` costs and no value seen in it: for records of many rules.
        """
        return "".join(["1" if test(facts) else "0" if known(facts) else "?" for test, known in self._checks])

    def __repr__(self) -> str:
        return f"<Rule {self.sentence}>"


def _compile(node: t.Node, next_probe: Callable[[], Probe]) -> Test:
    """The test of a node; `next_probe` hands out the probes of the leaves in reading order."""
    if isinstance(node, t.Negation):
        child = _compile(node.child, next_probe)
        return lambda facts: not child(facts)
    if isinstance(node, t.Group):
        tests = tuple(_compile(each, next_probe) for each in node.children)
        if len(tests) == 1:
            return tests[0]
        return _all_of(tests) if node.kind == "all" else _any_of(tests)
    return next_probe().test


def _all_of(tests: tuple[Test, ...]) -> Test:
    def test(facts: Facts) -> bool:
        for each in tests:  # noqa: SIM110  (a generator inside all() costs more than the tests)
            if not each(facts):
                return False
        return True

    return test


def _any_of(tests: tuple[Test, ...]) -> Test:
    def test(facts: Facts) -> bool:
        for each in tests:  # noqa: SIM110  (as above)
            if each(facts):
                return True
        return False

    return test


def _probe(leaf: t.Test, negated: bool, schema: Schema) -> Probe:
    words_for_it = leaf_sentence(leaf, schema)
    if isinstance(leaf, t.EngagementTest):
        test, known, seen = _engagement_test(leaf)
        return Probe(leaf, engagement_label(leaf, schema), words_for_it, negated, test, known, seen)
    name = leaf.field.name
    known = _known(leaf)
    if leaf.op == "exists":
        # "Is known" and "is not known" are both answers; neither is ever missing.
        test = known if leaf.flag else lambda facts: not known(facts)
        known_for_leaf: Test = _always
    else:
        test, known_for_leaf = _field_test(leaf), known
    return Probe(
        leaf,
        leaf.field.label,
        words_for_it,
        negated,
        test,
        known_for_leaf,
        lambda f: leaf.field.shown(as_plain(f.value(name))),
    )


def _always(facts: Facts) -> bool:
    return True


def _known(leaf: t.FieldTest) -> Test:
    """Whether the field's value can be read as the field's type."""
    name = leaf.field.name
    return {
        "text": lambda facts: facts.folded(name) is not None,
        "choice": lambda facts: facts.folded(name) is not None,
        "number": lambda facts: facts.number(name) is not None,
        "boolean": lambda facts: facts.flag(name) is not None,
        "date": lambda facts: facts.day(name) is not None,
        "list": lambda facts: facts.items(name) is not None,
    }[leaf.field.type]


def _field_test(leaf: t.FieldTest) -> Test:
    """The test of a condition on a field.  The constants are folded here, once."""
    if leaf.op == "matches":
        return _pattern_test(leaf)
    kind = leaf.field.type
    if kind == "boolean":
        return _flag_test(leaf)
    if kind == "number":
        return _number_test(leaf)
    if kind == "date":
        return _day_test(leaf)
    return _list_test(leaf) if kind == "list" else _text_test(leaf)


def _text_test(leaf: t.FieldTest) -> Test:
    name, op = leaf.field.name, leaf.op
    folded = tuple(dict.fromkeys(fold(text) for text in leaf.texts))
    if op == "contains":
        return _found_in(Facts.folded, name, folded)
    if op == "has_word":
        return _found_in(Facts.words, name, tuple(dict.fromkeys(words(text) for text in folded)))
    if op == "starts_with":

        def starts(facts: Facts) -> bool:
            text = facts.folded(name)
            return text is not None and text.startswith(folded)

        return starts
    if leaf.field.vocabulary is not None:
        spell = leaf.field.vocabulary.spell
        spelled = frozenset(fold(spell(text)) for text in leaf.texts)
        return lambda facts: facts.spelled(name, spell) in spelled
    wanted = frozenset(folded)
    return lambda facts: facts.folded(name) in wanted  # None is never wanted


def _found_in(read: Callable[[Facts, str], str | None], name: str, needles: tuple[str, ...]) -> Test:
    """Whether one of `needles` is in the text that `read` gives for the field."""

    def found(facts: Facts) -> bool:
        text = read(facts, name)
        if text is None:
            return False
        for needle in needles:  # noqa: SIM110  (as in `_all_of`)
            if needle in text:
                return True
        return False

    return found


def _list_test(leaf: t.FieldTest) -> Test:
    name = leaf.field.name
    folded = tuple(fold(text) for text in leaf.texts)
    if leaf.op == "starts_with":

        def starts(facts: Facts) -> bool:
            return any(item.startswith(folded) for item in facts.items(name) or ())

        return starts
    wanted = frozenset(folded)

    def includes(facts: Facts) -> bool:
        items = facts.items(name)
        return items is not None and not wanted.isdisjoint(items)

    return includes


def _pattern_test(leaf: t.FieldTest) -> Test:
    name, search, known = leaf.field.name, leaf.pattern.search, _known(leaf)

    def found(facts: Facts) -> bool:
        return known(facts) and any(search(text) is not None for text in facts.encoded(name) or ())

    return found


def _flag_test(leaf: t.FieldTest) -> Test:
    name, flag = leaf.field.name, leaf.flag
    return lambda facts: facts.flag(name) is flag


def _number_test(leaf: t.FieldTest) -> Test:
    name = leaf.field.name
    if leaf.op == "one_of":
        wanted = frozenset(leaf.numbers)
        return lambda facts: facts.number(name) in wanted
    return _bounds_test(Facts.number, name, leaf.bounds)


def _day_test(leaf: t.FieldTest) -> Test:
    name = leaf.field.name
    if leaf.op == "within_days":
        days = leaf.days

        def recent(facts: Facts) -> bool:
            day = facts.day(name)
            return day is not None and 0 <= (facts.now.date() - day).days <= days

        return recent
    return _bounds_test(Facts.day, name, leaf.bounds)


def _bounds_test(read: Callable[[Facts, str], Any], name: str, bounds: t.Bounds) -> Test:
    """Whether what `read` gives for the field is known and within the bounds."""
    low, high = bounds.low, bounds.high

    def at_least(facts: Facts) -> bool:
        value = read(facts, name)
        met: bool = value is not None and value >= low
        return met

    def at_most(facts: Facts) -> bool:
        value = read(facts, name)
        met: bool = value is not None and value <= high
        return met

    def between(facts: Facts) -> bool:
        value = read(facts, name)
        met: bool = value is not None and low <= value <= high
        return met

    return at_least if high is None else at_most if low is None else between


def _engagement_test(leaf: t.EngagementTest) -> tuple[Test, Test, Callable[[Facts], Any]]:
    """Test, known and seen of a condition on what the lead did.

    A count of nothing is 0, which is known; the recency of nothing is missing.
    """
    measure = _MEASURES[leaf.measure](leaf)
    test = _bounds_test(lambda facts, _: measure(facts), leaf.path, leaf.bounds)
    if leaf.measure != "recency":
        return test, _always, measure

    def seen(facts: Facts) -> float | None:
        days = measure(facts)
        return None if days is None else shown_days(days)

    return test, (lambda facts: measure(facts) is not None), seen


def _count(leaf: t.EngagementTest) -> Callable[[Facts], int]:
    """How many engagements of the right kind and subject lie inside the window, both of its ends included."""
    window = _window(leaf)
    if len(leaf.kinds) == 1 and leaf.subject_match == "equals" and len(leaf.subjects) <= 1:
        kind = fold(leaf.kinds[0])
        subject = fold(leaf.subjects[0]) if leaf.subjects else None

        def count(facts: Facts) -> int:  # the usual question, at half the price
            ages = facts.ages(kind).get(subject)
            return bisect_right(ages, window) if ages else 0

        return count
    selected = _selected(leaf)
    return lambda facts: sum(bisect_right(ages, window) for _, ages in selected(facts))


def _distinct(leaf: t.EngagementTest) -> Callable[[Facts], int]:
    """How many different subjects there are among them; no subject is none."""
    window = _window(leaf)
    selected = _selected(leaf, each_subject=True)
    return lambda facts: len({subject for subject, ages in selected(facts) if subject and ages[0] <= window})


def _recency(leaf: t.EngagementTest) -> Callable[[Facts], float | None]:
    """Days since the latest of them; None when there is none."""
    window = _window(leaf)
    selected = _selected(leaf)

    def recency(facts: Facts) -> float | None:
        latest = min((ages[0] for _, ages in selected(facts)), default=None)
        return None if latest is None or latest > window else latest / _SECONDS_PER_DAY

    return recency


_MEASURES: Final[Mapping[t.Measure, Callable[[t.EngagementTest], Callable[[Facts], Any]]]] = MappingProxyType(
    {"count": _count, "distinct": _distinct, "recency": _recency}
)


def _window(leaf: t.EngagementTest) -> float:
    return float("inf") if leaf.window_seconds is None else leaf.window_seconds


def _selected(
    leaf: t.EngagementTest, *, each_subject: bool = False
) -> Callable[[Facts], list[tuple[str | None, Sequence[float]]]]:
    """The subjects asked for with their ages, kind by kind.

    Where any subject will do, that is the one entry None, or with `each_subject` one entry for each.
    """
    kinds = tuple(dict.fromkeys(fold(kind) for kind in leaf.kinds)) or (ANY_KIND,)
    folded = tuple(dict.fromkeys(fold(subject) for subject in leaf.subjects))
    fits = _subject_test(folded, leaf.subject_match)
    named: tuple[str | None, ...] = folded or (None,)
    search = (each_subject and not folded) or leaf.subject_match != "equals"

    def selected(facts: Facts) -> list[tuple[str | None, Sequence[float]]]:
        found: list[tuple[str | None, Sequence[float]]] = []
        for kind in kinds:
            by_subject = facts.ages(kind)
            if search:
                found += [(name, ages) for name, ages in by_subject.items() if name and fits(name)]
            else:
                found += [(name, by_subject[name]) for name in named if name in by_subject]
        return found

    return selected


def _subject_test(folded: tuple[str, ...], match: t.SubjectMatch) -> Callable[[str], bool]:
    if match == "starts_with":
        return lambda subject: subject.startswith(folded)
    if match == "contains":
        return lambda subject: any(each in subject for each in folded)
    return lambda subject: True  # only reached when each subject is asked for
