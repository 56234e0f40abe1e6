"""Signed webhooks by the Standard Webhooks rules: one message a request, only 2xx is success, no redirects.

Names are resolved once and the connection goes to the address that was checked. Private addresses are refused
unless the operator allows the host.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import requests
from django.core.serializers.json import DjangoJSONEncoder
from requests.adapters import HTTPAdapter
from requests_hardened.config import Config
from requests_hardened.ip_filter import InvalidIPAddress
from requests_hardened.manager import Manager

from core.signing import sign_webhook
from notifications.addresses import RefusedAddress, check_url, is_allowed_by_operator
from notifications.channels.base import Channel, Dead, Outcome, Parcel, Rendered, Retry, Sent

MAX_BODY: Final = 20_000  # bytes
CONNECT_SECONDS: Final = 5
TOTAL_SECONDS: Final = 15
LONGEST_WISH: Final = 86_400  # a Retry-After beyond a day is taken as a day
_AGENT: Final = "slaportal-webhooks/1"


class WebhookChannel(Channel):
    name = "webhook"
    spacing_seconds = 0
    bundle = 1  # every event is a message of its own

    total_seconds: float = TOTAL_SECONDS

    def send(self, parcel: Parcel, messages: Sequence[Rendered], now: datetime) -> Outcome:
        body = body_of(messages[0])
        headers = sign_webhook(parcel.secrets, message_id=str(parcel.id), timestamp=now, body=body)
        headers["Content-Type"] = "application/json"
        try:
            parts = check_url(parcel.address)
            with (
                _session(plain=is_allowed_by_operator(parts)) as session,
                _deadline(session, self.total_seconds) as late,
            ):
                # The answer's body is never read: only its status counts, and it may be endless.
                answer = session.post(
                    parcel.address,
                    data=body,
                    headers=headers,
                    stream=True,
                    allow_redirects=False,
                    timeout=(CONNECT_SECONDS, self.total_seconds),
                )
                answer.close()
                if late.is_set():  # cut off in the middle of its headers: not an answer
                    return Retry("No answer in time")
        except (RefusedAddress, InvalidIPAddress, requests.exceptions.InvalidURL):
            return Dead("The address is private or not one that webhooks may go to")
        except requests.exceptions.SSLError:
            return Retry("The certificate could not be verified")
        except requests.exceptions.Timeout:
            return Retry("No answer in time")
        except (requests.exceptions.RequestException, OSError, ValueError):
            return Retry("The connection failed")
        return outcome_of(answer.status_code, answer.headers, now)


def body_of(message: Rendered) -> bytes:
    """{"type", "timestamp", "data"}: ids always, what is known of the lead where it fits."""
    data: dict[str, Any] = {
        "id": message.id,
        "event_id": message.event_id,
        "subject": message.subject,
        **message.data,
    }
    whole = {"type": message.kind, "timestamp": message.at, "data": {**message.facts, **data}}
    body = _json(whole)
    if len(body) >= MAX_BODY:
        body = _json({**whole, "data": {**data, "shortened": True}})
    return body


def _json(value: Any) -> bytes:
    return json.dumps(value, cls=DjangoJSONEncoder, separators=(",", ":"), sort_keys=True).encode()


def outcome_of(status: int, headers: Mapping[str, str], now: datetime) -> Outcome:
    """What a status means: 2xx arrived, 410 no more ever, everything else (redirects too) later again."""
    if 200 <= status < 300:
        return Sent()
    if status == 410:
        return Dead("Answered 410: the endpoint is gone", gone=True)
    wish = _wish(headers.get("Retry-After", ""), now) if status in (429, 503) else None
    return Retry(f"Answered {status}", after_seconds=wish)


def _wish(text: str, now: datetime) -> int | None:
    """Seconds of a Retry-After header, given as seconds or as a date; None when it says nothing usable."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return min(int(text[:9]), LONGEST_WISH)
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0, min(int((moment - now).total_seconds()), LONGEST_WISH))


_hardened = Manager(
    Config(
        ip_filter_enable=True,
        ip_filter_allow_loopback_ips=False,
        never_redirect=True,
        default_timeout=(CONNECT_SECONDS, TOTAL_SECONDS),
        user_agent_override=_AGENT,
    )
)


def _session(*, plain: bool) -> requests.Session:
    """A session that refuses private addresses; a plain one only for hosts that the operator named."""
    session: requests.Session = requests.Session() if plain else _hardened.get_session()
    session.headers["User-Agent"] = _AGENT
    session.trust_env = False  # no proxy and no .netrc of the machine: they would undo the checks
    return session


@contextmanager
def _deadline(session: requests.Session, seconds: float) -> Iterator[threading.Event]:
    """Cut the session's connections after `seconds`: a read timeout alone lets a dripping answer last for
    hours.
    """
    sockets: list[Any] = []
    for adapter in session.adapters.values():
        assert isinstance(adapter, HTTPAdapter)
        _remember_sockets(adapter, sockets)
    late = threading.Event()
    cut = threading.Timer(seconds, _cut, [sockets, late])
    cut.daemon = True
    cut.start()
    try:
        yield late
    finally:
        cut.cancel()


def _remember_sockets(adapter: HTTPAdapter, sockets: list[Any]) -> None:
    original = adapter.get_connection_with_tls_context

    def remembering(*args: Any, **kwargs: Any) -> Any:
        pool: Any = original(*args, **kwargs)
        base: Any = pool.ConnectionCls

        class Remembered(base):  # type: ignore[misc]
            def connect(self) -> None:
                super().connect()
                sockets.append(self.sock)

        pool.ConnectionCls = Remembered
        return pool

    adapter.get_connection_with_tls_context = remembering  # type: ignore[method-assign]


def _cut(sockets: list[Any], late: threading.Event) -> None:
    late.set()
    for sock in sockets:
        with suppress(OSError):  # it ended by itself
            sock.shutdown(socket.SHUT_RDWR)
