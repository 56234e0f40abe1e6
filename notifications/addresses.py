"""Where webhooks may go: https to the public Internet, and the hosts that the operator allows by name.

This check is of the address as written. The address that a name resolves to is checked, and pinned, when it
is sent.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from typing import Final
from urllib.parse import SplitResult, urlsplit
from uuid import UUID

from django.conf import settings

from core.errors import ValidationFailed

MAX_LENGTH: Final = 500
#: Path of the portal's own receiver of webhooks, before the organisation's id.
OWN_RECEIVER: Final = "/drill/receiver/"
_OWN_REST: Final = re.compile(r"[0-9a-f-]{36}")
_NAME: Final = re.compile(r"(?=.{4,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]")
# Names that never lead outside, whatever a resolver says.
_INNER: Final = (
    ".localhost",
    ".local",
    ".internal",
    ".intranet",
    ".lan",
    ".home",
    ".corp",
    ".onion",
    ".arpa",
)


class RefusedAddress(ValidationFailed):
    """A webhook may not go there."""

    code = "webhook_address_refused"


def is_allowed_by_operator(parts: SplitResult) -> bool:
    """Whether it may be private and plain http: settings.WEBHOOK_ALLOW names this host:port, or it is the
    portal's own receiver, which answers nothing but that a signature holds.
    """
    return f"{parts.hostname}:{_port(parts)}" in settings.WEBHOOK_ALLOW or _is_own_receiver(parts)


def own_receiver(tenant_id: UUID) -> str:
    """Where the webhooks of an organisation's drills go: to the portal itself, by its outside address."""
    return f"{settings.SITE_URL.rstrip('/')}{OWN_RECEIVER}{tenant_id}"


def _is_own_receiver(parts: SplitResult) -> bool:
    own = urlsplit(settings.SITE_URL)
    base = own.path.rstrip("/") + OWN_RECEIVER
    rest = parts.path.removeprefix(base)
    same = (parts.scheme, parts.hostname, _port(parts)) == (own.scheme, own.hostname, _port(own))
    return same and rest != parts.path and not parts.query and _OWN_REST.fullmatch(rest) is not None


def check_url(url: str) -> SplitResult:
    """The parts of a URL that a webhook may be sent to. Raises RefusedAddress with the reason."""
    if len(url) > MAX_LENGTH:
        raise RefusedAddress(f"An address has at most {MAX_LENGTH} characters.")
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise RefusedAddress("The address has characters that do not belong in one.")
    try:
        parts = urlsplit(url)
        port = _port(parts)
    except ValueError:
        raise RefusedAddress("This is not an address.") from None
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise RefusedAddress("Give a full address that begins with https://.")
    if "@" in parts.netloc or parts.fragment or not port:
        raise RefusedAddress("Leave out user names, passwords and fragments.")
    if is_allowed_by_operator(parts):
        return parts
    if parts.scheme != "https":
        raise RefusedAddress("The address must begin with https://.")
    _check_host(parts.hostname.rstrip("."))
    return parts


def _port(parts: SplitResult) -> int:
    return parts.port if parts.port is not None else (443 if parts.scheme == "https" else 80)


def _check_host(host: str) -> None:
    address = _literal(host)
    if address is not None:
        if not address.is_global or address.is_multicast:
            raise RefusedAddress("Private addresses are refused.")
        return
    if not _NAME.fullmatch(host) or host == "localhost" or host.endswith(_INNER):
        raise RefusedAddress("The address must name a host of the public Internet.")


def _literal(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The IP address written out, in any form that a C library takes ("127.1", "0x7f000001")."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        try:
            return ipaddress.IPv4Address(socket.inet_aton(host))
        except (OSError, ValueError):
            return None
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        if inner is not None:
            return inner
        if address in ipaddress.ip_network("::/96") or address in ipaddress.ip_network("64:ff9b::/96"):
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address
