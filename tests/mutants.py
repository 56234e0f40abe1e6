"""Mutation testing: are the tests able to fail? See docs/benchmarks/mutants.md.

    bin/test -p tests.mutants --mutate sla/ladder.py tests/sla/test_timers.py

Small faults (mutants) are put into the given modules, one at a time, and the selected tests are run against
each. A mutant that no test notices survived: a test is missing, or the fault changes nothing that shows.

Everything is imported once and the test database is made once. Then each mutant gets a fork of this process:
it takes the mutant's code into the modules as they stand, imports the test modules anew, and runs those tests
that call the changed function until one fails. Tests of real transactions are left out, since the forks share
one test database.
"""

from __future__ import annotations

import ast
import copy
import gc
import importlib
import json
import os
import random
import resource
import signal
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any, Final

import pytest
from _pytest.runner import runtestprotocol
from django.db import connections
from hypothesis import Phase
from hypothesis import settings as hypothesis_settings

ROOT: Final = Path(__file__).resolve().parent.parent

# --- What is changed ----------------------------------------------------------------------------------------

_COMPARISONS: Final[dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_OPERATORS: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
_TWINS: Final = {"min": "max", "max": "min", "any": "all", "all": "any"}
_TEXTS: Final = (ast.JoinedStr, ast.FormattedValue)
_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True, slots=True)
class Place:
    """A node that can be changed: `getattr(parent, name)`, or that list's element `index`.

    function: qualified name of the outermost function around it. statement: index of the module's statement.
    """

    parent: ast.AST
    name: str
    index: int | None
    node: ast.AST
    function: str | None
    statement: int


def places(tree: ast.Module) -> Iterator[Place]:
    """Every node that mutants are made of, in order: code of functions, and plain constants of the module.

    Annotations, decorators, texts, assertions for the type checker and bodies of classes are left alone.
    """
    for number, statement in enumerate(tree.body):
        if isinstance(statement, _FUNCTIONS):
            yield from _in_function(statement, statement.name, number)
        elif isinstance(statement, ast.ClassDef):
            for each in statement.body:
                if isinstance(each, _FUNCTIONS) and each.name != "__repr__":
                    yield from _in_function(each, f"{statement.name}.{each.name}", number)
        elif isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None:
            yield from _walk(statement, "value", None, statement.value, None, number)


def _in_function(function: ast.FunctionDef | ast.AsyncFunctionDef, name: str, number: int) -> Iterator[Place]:
    for index, default in enumerate(function.args.defaults):
        yield from _walk(function.args, "defaults", index, default, name, number)
    for index, keyword_default in enumerate(function.args.kw_defaults):
        if keyword_default is not None:
            yield from _walk(function.args, "kw_defaults", index, keyword_default, name, number)
    for index, each in enumerate(function.body):
        yield from _walk(function, "body", index, each, name, number)


def _walk(
    parent: ast.AST, name: str, index: int | None, node: ast.AST, function: str | None, statement: int
) -> Iterator[Place]:
    if isinstance(node, (*_TEXTS, ast.Assert)):
        return
    yield Place(parent, name, index, node, function, statement)
    for field_name, value in ast.iter_fields(node):
        if field_name in ("annotation", "returns", "decorator_list"):
            continue
        for number, child in enumerate(value if isinstance(value, list) else [value]):
            if isinstance(child, ast.AST):
                place = number if isinstance(value, list) else None
                yield from _walk(node, field_name, place, child, function, statement)


def variants(place: Place) -> Iterator[ast.AST]:
    """The faults that can stand in this place."""
    node = place.node
    match node:
        case ast.Compare():
            for number, operator in enumerate(node.ops):
                for other in _COMPARISONS[type(operator)]:
                    yield _with(node, ops=[*node.ops[:number], other(), *node.ops[number + 1 :]])
        case ast.BoolOp(op=ast.And()):
            yield _with(node, op=ast.Or())
        case ast.BoolOp(op=ast.Or()):
            yield _with(node, op=ast.And())
        case ast.UnaryOp(op=ast.Not()):
            yield node.operand
        case ast.UnaryOp(op=ast.USub()):
            yield node.operand
        case ast.BinOp() | ast.AugAssign() if type(node.op) in _OPERATORS and not _of_types_or_texts(place):
            yield _with(node, op=_OPERATORS[type(node.op)]())
        case ast.Constant(value=bool()):
            yield ast.Constant(not node.value)
        case ast.Constant(value=int() | float()):
            yield ast.Constant(node.value + 1)
            yield ast.Constant(node.value - 1)
        case ast.Name(id=str(name)) if name in _TWINS and isinstance(place.parent, ast.Call):
            yield ast.Name(_TWINS[name], ast.Load())
        case ast.Return(value=ast.AST() as value) if not _is_none(value):
            yield ast.Return(ast.Constant(None))
        case ast.Continue():
            yield ast.Break()
        case ast.Break():
            yield ast.Continue()
        case ast.Raise() | ast.Expr(value=ast.Call()):
            yield ast.Pass()
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript(), *_]):
            yield ast.Pass()
        case ast.Assign(targets=[ast.Tuple(elts=[ast.Attribute(), *_])]):
            yield ast.Pass()
    if isinstance(node, ast.AugAssign):
        yield ast.Pass()
    if _is_plain_condition(place):
        yield ast.UnaryOp(ast.Not(), copy.deepcopy(node))


def _with(node: ast.AST, **changes: Any) -> ast.AST:
    changed = copy.copy(node)
    for name, value in changes.items():
        setattr(changed, name, value)
    return changed


def _is_none(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _of_types_or_texts(place: Place) -> bool:
    """Whether an operation joins types (`str | time`, outside functions) or texts."""
    operands = [getattr(place.node, name, None) for name in ("left", "right", "value")]
    texts = any(isinstance(each, _TEXTS) or isinstance(getattr(each, "value", 0), str) for each in operands)
    return texts or (place.function is None and isinstance(getattr(place.node, "op", None), ast.BitOr))


def _is_plain_condition(place: Place) -> bool:
    """Whether the node decides something by itself; comparisons and the like have faults of their own."""
    if isinstance(place.node, ast.Compare | ast.BoolOp | ast.UnaryOp | ast.Constant):
        return False
    decides = isinstance(place.parent, ast.If | ast.IfExp | ast.While) and place.name == "test"
    return decides or (isinstance(place.parent, ast.comprehension) and place.name == "ifs")


@dataclass(slots=True)
class Mutant:
    """One fault: variant `variant` of place `place` of a file. text: what it says before and after."""

    path: Path
    place: int
    variant: int
    line: int
    function: str | None
    text: str
    outcome: str = ""  # "killed", "too long", "crashed" (no test could run), "survived", "untested"

    def __str__(self) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.line} {self.function or 'constant'}: {self.text}"


def mutants_of(path: Path, line: int | None = None) -> list[Mutant]:
    """Every mutant of a file, or of one line of it."""
    found = []
    for number, place in enumerate(places(ast.parse(path.read_text()))):
        for which, fault in enumerate(variants(place)):
            at = getattr(place.node, "lineno", getattr(place.parent, "lineno", 0))
            if line is None or at == line:
                text = f"{_shown(place.node)}  ->  {_shown(fault)}"
                found.append(Mutant(path, number, which, at, place.function, text))
    return found


def _shown(node: ast.AST) -> str:
    return " ".join(ast.unparse(node).split())[:90]


# --- How a change gets into running modules -----------------------------------------------------------------


def install(mutant: Mutant) -> None:
    """Make the product in this process the mutant. Objects keep their identity: functions get new code."""
    tree = ast.parse(mutant.path.read_text())
    place = list(places(tree))[mutant.place]
    fault = list(variants(place))[mutant.variant]
    if place.index is None:
        setattr(place.parent, place.name, fault)
    else:
        getattr(place.parent, place.name)[place.index] = fault
    ast.fix_missing_locations(tree)
    module = module_of(mutant.path)
    if mutant.function is None:
        _set_constants(module, tree, place.statement)
        return
    codes = {
        code.co_qualname: code for code in _codes(compile(tree, str(mutant.path), "exec", dont_inherit=True))
    }
    function = _live_function(module, mutant.function)
    function.__code__ = codes[mutant.function]
    if isinstance(place.parent, ast.arguments):
        values = [_value(each, module) for each in place.parent.defaults]
        function.__defaults__ = tuple(values) or None
        names = [each.arg for each in place.parent.kwonlyargs]
        pairs = zip(names, place.parent.kw_defaults, strict=True)
        function.__kwdefaults__ = {name: _value(each, module) for name, each in pairs if each is not None}


def module_of(path: Path) -> ModuleType:
    """The module of a file of the project, imported if it has not been."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return importlib.import_module(".".join(parts[:-1] if parts[-1] == "__init__" else parts))


def _codes(code: CodeType) -> Iterator[CodeType]:
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield each
            yield from _codes(each)


def _value(node: ast.expr, module: ModuleType) -> Any:
    return eval(compile(ast.Expression(node), module.__name__, "eval"), vars(module))  # noqa: S307


def _live_function(module: ModuleType, qualified: str) -> FunctionType:
    """The plain function behind a name, however it is wrapped; what it remembers is forgotten."""
    owner, _, name = qualified.rpartition(".")
    found: Any = vars(getattr(module, owner) if owner else module)[name]
    while not isinstance(found, FunctionType) or hasattr(found, "__wrapped__"):
        if hasattr(found, "cache_clear"):
            found.cache_clear()
        inner = (getattr(found, each, None) for each in ("__wrapped__", "__func__", "fget", "func"))
        found = next(each for each in inner if each is not None)
    return found


def _set_constants(module: ModuleType, tree: ast.Module, first: int) -> None:
    """Run a module's assignment again, and its others that follow from it, wherever they were imported to."""
    changed: set[str] = set()
    for number, statement in enumerate(tree.body):
        if not isinstance(statement, ast.Assign | ast.AnnAssign) or number < first:
            continue
        used = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
        if number != first and not used & changed:
            continue
        names = {
            node.id
            for node in ast.walk(statement)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        }
        before = {name: vars(module)[name] for name in names}
        exec(compile(ast.Module([statement], []), module.__name__, "exec"), vars(module))
        changed |= names
        for name in names:
            for other in list(sys.modules.values()):
                if vars(other).get(name) is before[name]:
                    setattr(other, name, vars(module)[name])


# --- The run ------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Baseline:
    """The tests without a fault. seconds: by test. callers: tests by (file, function) that they call."""

    failed: list[str]
    seconds: dict[str, float]
    callers: dict[tuple[str, str], list[str]]


@dataclass(slots=True)
class Child:
    """A fork at work on a mutant. answer: where it writes the test that failed."""

    mutant: Mutant
    pid: int
    answer: int


@dataclass(slots=True)
class Run:
    """Mutants against the tests of a session."""

    session: pytest.Session
    examples: int
    jobs: int
    kills: Counter[str] = field(default_factory=Counter)

    def baseline(self, files: Sequence[Path]) -> Baseline:
        """Run every test as it is, noting which function each calls."""
        pid, answer = _fork(lambda: json.dumps(self._observe({str(file) for file in files})))
        with os.fdopen(answer) as pipe:
            told = pipe.read()
        os.waitpid(pid, 0)
        if not told:
            raise pytest.UsageError("The tests could not be run without a mutant.")
        failed, seconds, calls = json.loads(told)
        callers: dict[tuple[str, str], list[str]] = defaultdict(list)
        for test, file, function in calls:
            callers[file, function].append(test)
        return Baseline(failed, seconds, callers)

    def _observe(self, files: set[str]) -> tuple[list[str], dict[str, float], list[tuple[str, str, str]]]:
        items = self._collected()
        called: set[tuple[str, str]] = set()

        def note(frame: Any, _event: str, _argument: object) -> None:
            code = frame.f_code
            if code.co_filename in files:
                called.add((code.co_filename, code.co_qualname.partition(".<locals>")[0]))

        failed, seconds, calls = [], {}, []
        for item, following in zip(items, [*items[1:], self.session], strict=True):
            called.clear()
            began = time.perf_counter()
            sys.settrace(note)
            threading.settrace(note)
            passed = _passes(item, following)
            sys.settrace(None)
            threading.settrace(None)  # type: ignore[arg-type]
            seconds[item.nodeid] = time.perf_counter() - began
            if not passed:
                failed.append(item.nodeid)
            calls += [(item.nodeid, file, function) for file, function in called]
        return failed, seconds, calls

    def judge(self, mutants: Sequence[Mutant], baseline: Baseline, told: Callable[[Mutant], None]) -> None:
        """Run the tests against each mutant and note its outcome."""
        waiting = list(reversed(mutants))
        working: list[Child] = []
        while waiting or working:
            while waiting and len(working) < self.jobs:
                mutant = waiting.pop()
                tests = self._tests(mutant, baseline)
                if tests:
                    working.append(self._start(mutant, tests, baseline))
                else:
                    mutant.outcome = "untested"
                    told(mutant)
            for child in list(working):
                if self._ended(child):
                    working.remove(child)
                    told(child.mutant)
            time.sleep(0.005)

    def _tests(self, mutant: Mutant, baseline: Baseline) -> list[str]:
        """The tests that can notice a mutant: the best killers first, then the quick ones."""
        callers = (
            list(baseline.seconds)
            if mutant.function is None
            else baseline.callers.get((str(mutant.path), mutant.function), [])
        )
        return sorted(callers, key=lambda test: (-self.kills[test], baseline.seconds[test]))

    def _start(self, mutant: Mutant, tests: Sequence[str], baseline: Baseline) -> Child:
        patience = {test: 10 + 10 * baseline.seconds[test] for test in tests}
        return Child(mutant, *_fork(lambda: self._challenge(mutant, patience)))

    def _challenge(self, mutant: Mutant, patience: Mapping[str, float]) -> str:
        """In a fork: the test that notices the mutant, or an empty text.

        patience: the tests, in order, and the seconds after which each is taken for one without end.
        """
        # A loop without end that hoards must not take the machine with it.
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 + 4 * 2**30
        resource.setrlimit(resource.RLIMIT_AS, (most, resource.RLIM_INFINITY))
        self.session.config.option.tbstyle = "native"  # nobody reads it, and the others take long to make
        install(mutant)
        by_id = {item.nodeid: item for item in self._collected()}
        items = [by_id[test] for test in patience]
        for item, following in zip(items, [*items[1:], self.session], strict=True):
            signal.setitimer(signal.ITIMER_REAL, patience[item.nodeid])  # nobody catches it: the fork ends
            if not _passes(item, following):
                return item.nodeid
        return ""

    def _ended(self, child: Child) -> bool:
        pid, status = os.waitpid(child.pid, os.WNOHANG)
        if pid == 0:
            return False
        with os.fdopen(child.answer) as pipe:
            killer = pipe.read()
        self.kills.update(filter(None, [killer]))
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGALRM:
            child.mutant.outcome = "too long"
        elif status:
            child.mutant.outcome = "crashed"
        else:
            child.mutant.outcome = "killed" if killer else "survived"
        return True

    def _collected(self) -> list[pytest.Item]:
        """The tests from modules imported anew: the parent's may hold answers of the sound product."""
        chosen = {item.nodeid for item in self.session.items if not _is_transactional(item)}
        nodes = dict.fromkeys(item.getparent(pytest.Module) for item in self.session.items)
        items = []
        for node in filter(None, nodes):
            del sys.modules[node.obj.__name__]
            fresh = pytest.Module.from_parent(node.parent, path=node.path)
            items += [item for item in self.session.genitems(fresh) if item.nodeid in chosen]
        self.session.config.hook.pytest_collection_modifyitems(
            session=self.session, config=self.session.config, items=items
        )
        for item in items:
            function = getattr(item, "obj", None)
            usual = getattr(function, "_hypothesis_internal_use_settings", None)
            if usual is not None:
                function._hypothesis_internal_use_settings = hypothesis_settings(  # type: ignore[union-attr]
                    usual,
                    max_examples=min(usual.max_examples, self.examples),
                    phases=(Phase.explicit, Phase.generate),
                    database=None,
                    deadline=None,
                    derandomize=True,
                )
        return items


def _fork(work: Callable[[], str]) -> tuple[int, int]:
    """Do work in a fork: its process, and where to read what came of it. A fork that fails exits with 1."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writer)
        return pid, reader
    code = 1
    try:
        os.close(reader)
        with os.fdopen(writer, "w") as answer:
            answer.write(work())
        code = 0
    finally:
        os._exit(code)  # past everything that the parent still has to clean up


def _passes(item: pytest.Item, following: pytest.Item | pytest.Session) -> bool:
    reports = runtestprotocol(item, log=False, nextitem=following)  # type: ignore[arg-type]
    return not any(report.failed for report in reports)


def _is_transactional(item: pytest.Item) -> bool:
    """Whether a test commits, and empties the tables afterwards: the next fork would find them empty."""
    marks = item.iter_markers("django_db")
    fixtures = getattr(item, "fixturenames", ())
    return any(mark.kwargs.get("transaction") for mark in marks) or "transactional_db" in fixtures


def _make_database(session: pytest.Session) -> None:
    """Make the test database, if a test asks for one, and let go of its connections: forks open their own."""
    asking = next(
        (item for item in session.items if "django_db_setup" in getattr(item, "fixturenames", ())), None
    )
    if asking is None:
        return

    def database(django_db_setup: None) -> None:
        pass

    first = pytest.Function.from_parent(asking.parent, name="database", callobj=database)
    session._setupstate.setup(first)
    session._setupstate.teardown_exact(session)  # type: ignore[arg-type]
    for alias in connections:
        connections[alias].close()


# --- The plugin ---------------------------------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("mutants", "mutation testing")
    group.addoption(
        "--mutate", action="append", default=[], metavar="PATH[:LINE]", help="what to put faults into"
    )
    group.addoption("--mutate-sample", type=int, help="so many mutants, drawn at random")
    group.addoption("--mutate-seed", type=int, default=1, help="of the sample")
    group.addoption("--mutate-jobs", type=int, default=1, help="at once; 1 where tests use the database")
    group.addoption("--mutate-examples", type=int, default=6, help="of each property test")


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Instead of running the tests once, run them against every mutant."""
    options = session.config.option
    if not options.mutate or options.collectonly:
        return None
    if session.testsfailed:
        raise pytest.UsageError("Not all tests could be collected.")
    terminal = session.config.pluginmanager.get_plugin("terminalreporter")
    mutants = [mutant for target in options.mutate for mutant in _mutants_at(target)]
    in_all = len(mutants)
    if options.mutate_sample and options.mutate_sample < in_all:
        chosen = sorted(random.Random(options.mutate_seed).sample(range(in_all), options.mutate_sample))
        mutants = [mutants[number] for number in chosen]
    files = sorted({mutant.path for mutant in mutants})
    for file in files:
        module_of(file)
    _make_database(session)
    gc.collect()
    gc.freeze()  # else each fork's collector would write to, and so copy, all memory
    run = Run(session, options.mutate_examples, options.mutate_jobs)
    baseline = run.baseline(files)
    if baseline.failed:
        raise pytest.UsageError(f"Without a mutant these tests fail: {', '.join(baseline.failed)}")
    seconds = sum(baseline.seconds.values())
    terminal.write_line(
        f"{len(mutants)} of {in_all} mutants, {len(baseline.seconds)} tests of {seconds:.0f} s"
    )

    def told(mutant: Mutant) -> None:
        judged = sum(bool(each.outcome) for each in mutants)
        if judged % 20 == 0:
            terminal.write_line(f"{judged} judged")
        if mutant.outcome not in ("killed", "too long"):
            terminal.write_line(f"{mutant.outcome}: {mutant}")

    run.judge(mutants, baseline, told)
    for file in files:
        outcomes = [mutant.outcome for mutant in mutants if mutant.path == file]
        terminal.write_line(_line(str(file.relative_to(ROOT)), outcomes))
    terminal.write_line(_line("all", [mutant.outcome for mutant in mutants]))
    return True


def _mutants_at(target: str) -> list[Mutant]:
    name, _, line = target.partition(":")
    path = ROOT / name
    if not path.exists():
        raise pytest.UsageError(f"--mutate: there is no {name}.")
    files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
    return [mutant for file in files for mutant in mutants_of(file, int(line) if line else None)]


def _line(name: str, outcomes: Sequence[str]) -> str:
    count = Counter(outcomes)
    killed = count["killed"] + count["too long"] + count["crashed"]
    notes = [f"{count[each]} {each}" for each in ("too long", "crashed", "untested") if count[each]]
    share = f"{killed}/{len(outcomes)} killed, {100 * killed / len(outcomes):.0f}%"
    return f"{name}: {share}" + (f" ({', '.join(notes)})" if notes else "")
