"""How the processes that serve and sweep have Python collect its garbage."""

from __future__ import annotations

import gc


def look_less() -> None:
    """Call it once everything is loaded, before any fork.

    What is loaded stays: the collector need not look at it again and again. A call, and more so a turn of the
    sweep, makes tens of thousands of objects that die by themselves, so it looks less often, too.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
