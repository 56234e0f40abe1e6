"""How often a sign-in may fail: counted per account and address, so that nobody locks somebody else out."""

from __future__ import annotations

import hashlib
import time
from typing import Final

from django.conf import settings
from django.http import HttpRequest

from core.errors import DomainError
from tenants.rates import Window, forget, take, window_at

WINDOW_SECONDS: Final = 15 * 60
TRIES_PER_ACCOUNT: Final = 10  # from one address
TRIES_PER_ADDRESS: Final = 100  # over all accounts: trying one password on many


class TooManyTries(DomainError):
    """Too many sign-ins failed from this address; `retry_after` says for how many seconds to wait."""

    code = "too_many_tries"
    status = 429
    title = "Too many tries"


def address_of(request: HttpRequest) -> str:
    """Where the request comes from. Behind a proxy: what the proxy itself added, which nobody else can
    forge."""
    if settings.BEHIND_PROXY:
        forwarded = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
        if forwarded:
            return forwarded
    return str(request.META.get("REMOTE_ADDR", ""))


def _bucket(*parts: str) -> str:
    # Hashed: an address book of e-mails is not kept in a table of counters.
    return f"login:{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()}"


def count_try(request: HttpRequest, account: str, *, now: float | None = None) -> Window:
    """Count one try before the password is looked at. Raises TooManyTries. `now` is Unix time."""
    at = time.time() if now is None else now
    window, address = window_at(at, WINDOW_SECONDS), address_of(request)
    tries = take(_bucket("account", account.strip().lower(), address), window)
    if tries > TRIES_PER_ACCOUNT or take(_bucket("address", address), window) > TRIES_PER_ADDRESS:
        wait = window.ends_in(at)
        raise TooManyTries(
            f"Too many tries. Wait {max(1, round(wait / 60))} minutes, then try again.", retry_after=wait
        )
    return window


def forgive(request: HttpRequest, account: str, window: Window) -> None:
    """The sign-in succeeded: the account's failures from here are forgotten."""
    forget(_bucket("account", account.strip().lower(), address_of(request)), window)
