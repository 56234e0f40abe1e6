"""Signatures on webhooks (Standard Webhooks) and the making and checking of API keys.

A webhook is signed over "id.timestamp.body" with HMAC-SHA256.  While a secret is being rotated a message
carries one signature per secret, so that a receiver may know either.  Verifying takes `now`, like everything
in the domain.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from secrets import choice
from typing import Final

from core.errors import Unauthenticated

ID_HEADER: Final = "webhook-id"
TIMESTAMP_HEADER: Final = "webhook-timestamp"
SIGNATURE_HEADER: Final = "webhook-signature"
TOLERANCE: Final = timedelta(minutes=5)
MAX_SIGNATURES: Final = 20  # looked at in one message; a rotation needs two

SECRET_PREFIX: Final = "whsec_"  # noqa: S105  (a form, not a secret)
_SECRET_BYTES = range(24, 65)  # what the standard allows
_NEW_SECRET_BYTES = 32

KEY_PREFIX_LENGTH: Final = 8
KEY_SECRET_LENGTH: Final = 40  # of 62 letters: 238 bits
_PREFIX_LETTERS = string.ascii_lowercase + string.digits
_SECRET_LETTERS = string.ascii_letters + string.digits
_API_KEY = re.compile(
    rf"slp_([a-z0-9]{{{KEY_PREFIX_LENGTH}}})_([A-Za-z0-9]{{{KEY_SECRET_LENGTH}}})", re.ASCII
)
# Printable, without spaces, and without the dot that separates the signed parts: with a dot, two different
# messages could have the same signed text.
_MESSAGE_ID = re.compile(r"[!-\-/-~]{1,256}", re.ASCII)
_TIMESTAMP = re.compile(r"[0-9]{1,12}", re.ASCII)


class InvalidSignature(Unauthenticated):
    """The message is not from somebody who knows the secret, was altered, or is too old or too new."""

    code = "invalid_signature"
    title = "The signature is not valid"


# Webhooks


def sign_webhook(
    secrets: str | Iterable[str], *, message_id: str, timestamp: datetime, body: bytes | str
) -> dict[str, str]:
    """The three headers of a signed message, with one signature per secret, in the order given.

    timestamp: aware; when this attempt is made.  A retry has the same `message_id` and a new timestamp.
    body:      exactly the bytes that are sent.
    Raises ValueError for an unusable secret or id, a naive timestamp, or no secret at all.
    """
    if timestamp.utcoffset() is None:
        raise ValueError("A signature needs an aware timestamp.")
    if not _MESSAGE_ID.fullmatch(message_id):
        raise ValueError("A message id is 1 to 256 printable ASCII characters without spaces and dots.")
    keys = _keys(secrets)
    seconds = str(int(timestamp.timestamp()))
    signed = _signed(message_id, seconds, body)
    return {
        ID_HEADER: message_id,
        TIMESTAMP_HEADER: seconds,
        SIGNATURE_HEADER: " ".join(f"v1,{base64.b64encode(_digest(key, signed)).decode()}" for key in keys),
    }


def verify_webhook(
    secrets: str | Iterable[str],
    headers: Mapping[str, str],
    body: bytes | str,
    *,
    now: datetime,
    tolerance: timedelta = TOLERANCE,
) -> str:
    """The id of a message that one of `secrets` has signed within `tolerance` of `now`.

    The id is what a receiver remembers to recognise a repeated delivery.  Header names may have any case.
    Signatures of other versions are skipped.  Raises InvalidSignature; ValueError for an
    unusable secret or a naive `now`.
    """
    if now.utcoffset() is None:
        raise ValueError("Verifying needs an aware `now`.")
    keys = _keys(secrets)
    given = {name.lower(): value for name, value in headers.items()}
    message_id, seconds = given.get(ID_HEADER, ""), given.get(TIMESTAMP_HEADER, "")
    if not _MESSAGE_ID.fullmatch(message_id) or not _TIMESTAMP.fullmatch(seconds):
        raise InvalidSignature("The webhook headers are missing or malformed.")
    if abs(now.timestamp() - int(seconds)) > tolerance.total_seconds():
        raise InvalidSignature("The message is too old, or its clock is wrong.")
    signed = _signed(message_id, seconds, body)
    expected = [_digest(key, signed) for key in keys]
    candidates = _v1_signatures(given.get(SIGNATURE_HEADER, ""))
    # Every pair is compared, so that the time taken does not tell which secret or signature was right.
    matches = [hmac.compare_digest(one, other) for one in expected for other in candidates]
    if not any(matches):
        raise InvalidSignature("No signature matches.")
    return message_id


def _keys(secrets: str | Iterable[str]) -> list[bytes]:
    keys = [_key(secret) for secret in ([secrets] if isinstance(secrets, str) else secrets)]
    if not keys:
        raise ValueError("At least one webhook secret is needed.")
    return keys


def _key(secret: str) -> bytes:
    """The bytes of a "whsec_" secret.  The message of the error never contains the secret."""
    if not secret.startswith(SECRET_PREFIX):
        raise ValueError(f"A webhook secret begins with {SECRET_PREFIX}.")
    encoded = secret.removeprefix(SECRET_PREFIX).rstrip("=")
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("The webhook secret is not base64.") from None
    if len(key) not in _SECRET_BYTES:
        raise ValueError("A webhook secret has 24 to 64 bytes.")
    return key


def _signed(message_id: str, seconds: str, body: bytes | str) -> bytes:
    content = body.encode() if isinstance(body, str) else body
    return b".".join((message_id.encode(), seconds.encode(), content))


def _digest(key: bytes, signed: bytes) -> bytes:
    return hmac.digest(key, signed, "sha256")


def _v1_signatures(header: str) -> list[bytes]:
    """The decoded "v1" signatures of a header; what cannot be read is left out."""
    found: list[bytes] = []
    for part in header.split(" ", MAX_SIGNATURES)[:MAX_SIGNATURES]:
        version, _, encoded = part.partition(",")
        if version == "v1":
            try:
                found.append(base64.b64decode(encoded, validate=True))
            except (binascii.Error, ValueError):
                continue
    return found


# API keys


@dataclass(frozen=True, slots=True)
class ApiKey:
    """The parts of a key: the prefix finds its row, the secret proves possession and is never stored."""

    prefix: str
    secret: str = field(repr=False)


def generate_api_key() -> tuple[str, str]:
    """A new key: its prefix, to be stored, and the whole "slp_<prefix>_<secret>", to be shown once."""
    prefix = "".join(choice(_PREFIX_LETTERS) for _ in range(KEY_PREFIX_LENGTH))
    secret = "".join(choice(_SECRET_LETTERS) for _ in range(KEY_SECRET_LENGTH))
    return prefix, f"slp_{prefix}_{secret}"


def parse_api_key(text: str) -> ApiKey | None:
    """The parts of a full key; None when the text does not have its form."""
    match = _API_KEY.fullmatch(text)
    return ApiKey(match[1], match[2]) if match else None


def hash_secret(secret: str) -> str:
    """What is stored of a secret: SHA-512/256 as 64 hex digits.

    A slow password hash would protect nothing here, since nobody can try 238 random bits, and would cost
    every request.
    """
    return hashlib.new("sha512_256", secret.encode()).hexdigest()


def verify_secret(secret: str, stored_hash: str) -> bool:
    """Whether `stored_hash` is of this secret, in constant time."""
    return hmac.compare_digest(hash_secret(secret).encode(), stored_hash.encode())
