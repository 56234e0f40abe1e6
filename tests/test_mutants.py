"""The faults that mutation testing makes: those that count, and none in texts or types."""

from __future__ import annotations

import ast
import sys
import types
from pathlib import Path

import pytest

from tests import mutants
from tests.mutants import Mutant, install, places, variants


def faults(source: str) -> set[str]:
    return {ast.unparse(fault) for place in places(ast.parse(source)) for fault in variants(place)}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("x = a < b", {"a <= b", "a >= b"}),
        ("x = a and b", {"a or b"}),
        ("x = not a", {"a"}),
        ("x = min(a, b)", {"max"}),
        ("x += 1", {"x -= 1", "pass", "2", "0"}),
        ("a.b = c", {"pass"}),
        ("return a", {"return None"}),
        ("if a: pass", {"not a"}),
        ("raise E", {"pass"}),
        ("x = f'{a + 1} left'", set()),
        ("assert a is not None", set()),
        ("x: int | None = a", set()),
    ],
)
def test_a_line_has_the_faults_that_can_stand_in_it(line: str, expected: set[str]) -> None:
    assert faults(f"def f(a, b, c, x):\n    {line}") == expected


def test_types_texts_and_bodies_of_classes_have_none() -> None:
    assert faults("'Text.'\nA = int | str\nB = 'b' + C") == set()
    assert faults("@cache(maxsize=9)\ndef f(a: 'int | str'):\n    'Text.'") == set()
    assert faults("class C:\n    size: int = 3\n    def __repr__(self): return 3") == set()


SOUND = """
from functools import cache
LIMIT = 1
MOST = LIMIT + 1
@cache
def fits(number, *, spare=7):
    return number < MOST + spare - 7
"""


def test_a_fault_is_in_what_others_have_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sound, user = types.ModuleType("sound"), types.ModuleType("user")
    exec(compile(SOUND, "sound.py", "exec"), vars(sound))
    fits = user.fits = sound.fits  # type: ignore[attr-defined]
    user.MOST = sound.MOST  # type: ignore[attr-defined]
    path = tmp_path / "sound.py"
    path.write_text(SOUND)
    monkeypatch.setattr(mutants, "module_of", lambda _: sound)
    monkeypatch.setitem(sys.modules, "user", user)
    faults = {(each.line, each.text): each for each in mutants.mutants_of(path)}

    assert not fits(2)
    install(faults[7, "number < MOST + spare - 7  ->  number <= MOST + spare - 7"])
    assert fits(2)
    install(faults[6, "7  ->  8"])  # a default: one more fits
    assert (fits(2), fits(3)) == (True, False)
    install(faults[3, "1  ->  2"])  # a constant, and what follows from it
    assert user.MOST == 3


def test_a_mutant_says_where_it_is() -> None:
    path = mutants.ROOT / "sla" / "status.py"
    told = Mutant(path, 0, 0, 7, "status_of", "a < b  ->  a <= b")
    assert str(told) == "sla/status.py:7 status_of: a < b  ->  a <= b"
