"""Public data that lie beside the project and are no part of it: in the folder that BENCH_DATA names, else in
`shared/data` next to the checkout. A test of them is left out where they are not, and says so."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"


def outside(*parts: str) -> Path:
    """Where a file of these data is, or would be."""
    return Path(os.environ.get("BENCH_DATA") or _BESIDE).joinpath(*parts)


def needs(path: Path) -> pytest.MarkDecorator:
    """Leave a test out, aloud, where this file is not."""
    return pytest.mark.skipif(
        not path.exists(), reason=f"NOTHING WAS COMPARED: there is no {path}; BENCH_DATA names another folder"
    )
