"""How often a key may call: `API_RATE_PER_MINUTE` in each minute, by all processes together.

Asking the shared counter at every call would cost a write a call. A process therefore takes calls in blocks
of a sixtieth of the limit and serves from its block: one write in a hundred calls at the default. The shared
counter never grants more than the limit in total; what a process took and did not use is lost when the minute
ends, so a key may be refused early by at most one block for each other process.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from tenants.auth import KeyIdentity
from tenants.rates import Window, take, window_at

WINDOW_SECONDS = 60
BLOCKS = 60
_KEPT = 10_000  # keys whose blocks a process remembers


@dataclass(slots=True)
class _Block:
    """Calls granted to this process and not yet used; `others` is what was left for all when it was
    granted."""

    window: Window
    left: int = 0
    shared_left: int = 0


class KeyRateThrottle(BaseThrottle):
    """Counts the calls of one key; says what is left in RateLimit-* headers, and when to come back in
    Retry-After."""

    clock: ClassVar[Callable[[], float]] = staticmethod(time.time)
    _blocks: ClassVar[dict[str, _Block]] = {}
    _lock: ClassVar[threading.Lock] = threading.Lock()
    _wait = 0

    def allow_request(self, request: Request, view: Any) -> bool:
        if not isinstance(request.user, KeyIdentity):
            return True
        now, limit = type(self).clock(), settings.API_RATE_PER_MINUTE
        window = window_at(now, WINDOW_SECONDS)
        allowed, remaining = self._use(f"key:{request.user.id}", window, limit)
        reset = window.ends_in(now)
        request.rate_headers = {  # type: ignore[attr-defined]
            "RateLimit-Limit": str(limit),
            "RateLimit-Remaining": str(remaining),
            "RateLimit-Reset": str(reset),
        }
        self._wait = reset
        return allowed

    def wait(self) -> float:
        return self._wait

    @classmethod
    def _use(cls, bucket: str, window: Window, limit: int) -> tuple[bool, int]:
        """(may it go on, calls left as far as this process knows)."""
        with cls._lock:
            block = cls._blocks.get(bucket)
            if block is None or block.window.started < window.started:
                if len(cls._blocks) > _KEPT:
                    cls._blocks.clear()
                block = cls._blocks[bucket] = _Block(window, 0, limit)
            if block.left == 0 and block.shared_left > 0:
                size = max(1, limit // BLOCKS)
                before = take(bucket, window, size) - size
                block.left = max(0, min(size, limit - before))
                block.shared_left = max(0, limit - before - size)
            if block.left == 0:
                return False, 0
            block.left -= 1
            return True, block.left + block.shared_left

    @classmethod
    def reset(cls) -> None:
        """Forget this process's blocks."""
        cls._blocks.clear()
