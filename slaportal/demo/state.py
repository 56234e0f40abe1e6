"""What the demo's processes tell each other through files in its data directory."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Final

SEEDED: Final = "demo.json"  # logins, password and keys; there once the seeding is complete
SEEDING: Final = "seeding"  # there while it is under way
WEBHOOKS: Final = "webhooks.jsonl"  # what the receiver got, a line a message


def read(data_dir: Path) -> dict[str, Any] | None:
    """What the seeding wrote down, or None before it is complete."""
    try:
        found: dict[str, Any] = json.loads((data_dir / SEEDED).read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    return found


def write(data_dir: Path, content: dict[str, Any]) -> None:
    """Write it down, whole or not at all, for this user only: it holds keys."""
    data_dir.mkdir(parents=True, exist_ok=True)
    draft = data_dir / f"{SEEDED}.new"
    draft.unlink(missing_ok=True)
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
        json.dump(content, handle, indent=2)
    draft.replace(data_dir / SEEDED)


def webhooks(data_dir: Path) -> list[dict[str, Any]]:
    """What the receiver has got so far; a line that is still being written is left out."""
    try:
        lines = (data_dir / WEBHOOKS).read_text().splitlines()
    except FileNotFoundError:
        return []
    found = []
    for line in lines:
        try:
            found.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return found
