"""What goes wrong with the embedded server."""

from __future__ import annotations


class EmbeddedError(RuntimeError):
    """The server cannot be had here; the message is one sentence that says what to do."""
