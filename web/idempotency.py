"""`Idempotency-Key`: a POST that may arrive twice is carried out once.

The answer of a successful call is stored in the transaction of its work, so either both are there or neither
is. A call with the same key and the same body gets that answer again; with another body 422; while the first
is still at work 409 at once, by an advisory lock that ends with its transaction.

Refusals (4xx) and failures (5xx) are not stored. They have left nothing behind, since their transaction was
rolled back, so to carry the call out again is safe, and a caller may mend the body and keep the key.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

from django.db import connection
from django.http import HttpRequest, HttpResponse

from core.errors import Conflict, DomainError, ValidationFailed
from tenants.context import current_tenant_id
from web.models import IdempotencyRecord

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
MAX_KEY = 255
STORED_HEADERS = ("Content-Type", "Location")


class KeyReused(DomainError):
    """The key was used before, for another call."""

    code = "idempotency_key_reused"
    status = 422
    title = "Idempotency key used for another body"


class InFlight(Conflict):
    """The first call with this key is still at work."""

    code = "idempotency_in_flight"
    title = "Still at work"


def key_of(request: HttpRequest) -> str:
    """The request's idempotency key, "" for none. Raises ValidationFailed for one that is no key."""
    key = request.headers.get(HEADER)
    if key is None:
        return ""
    if not 1 <= len(key) <= MAX_KEY or not (key.isascii() and key.isprintable()):
        raise ValidationFailed(f"{HEADER} has 1 to {MAX_KEY} printable ASCII characters.", header=HEADER)
    return key


def hash_of(request: HttpRequest) -> str:
    """What the key stands for: method, address and body."""
    digest = hashlib.sha256(f"{request.method} {request.get_full_path()}\n".encode())
    digest.update(request.body)
    return digest.hexdigest()


def begin(key: str, request_hash: str) -> HttpResponse | None:
    """Take the key for this transaction: the stored answer if there is one, else None, and the work may
    begin.

    Raises InFlight and KeyReused. Call it inside the tenant's scope, before anything is written.
    """
    lock = hashlib.sha256(f"{current_tenant_id()}\n{key}".encode()).digest()[:8]
    with connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_xact_lock(%s)", [int.from_bytes(lock, "big", signed=True)])
        if not cursor.fetchone()[0]:
            raise InFlight("The first call with this idempotency key is still at work.", retry_after=1)
    record = IdempotencyRecord.objects.filter(key=key).first()
    if record is None:
        return None
    if record.request_hash != request_hash:
        raise KeyReused("This idempotency key was used before for another address or body.")
    response = HttpResponse(record.body, status=record.status)
    for name, value in record.headers.items():
        response[name] = value
    response[REPLAYED] = "true"
    return response


def store(key: str, request_hash: str, response: Any, *, now: datetime) -> None:
    """Keep a rendered answer, in the transaction of the work that it tells of."""
    IdempotencyRecord.objects.create(
        key=key,
        request_hash=request_hash,
        status=response.status_code,
        body=response.content.decode(),
        headers={name: response[name] for name in STORED_HEADERS if response.has_header(name)},
        created_at=now,
    )
