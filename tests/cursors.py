"""Cursors as a list writes them, for times that there are not once their offset is taken away."""

from __future__ import annotations

import base64
import json


def cursor_of(*values: str) -> str:
    """The cursor behind a row with these values."""
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


_ID = "01980000-0000-7000-8000-000000000000"
BEFORE_ALL_YEARS = cursor_of("0001-01-01T00:00:00+23:59", _ID)
AFTER_ALL_YEARS = cursor_of("9999-12-31T23:59:59-23:59", _ID)
