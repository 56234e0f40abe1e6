"""Texts: a whitelist of placeholders, inert against everything else, escaped in HTML."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.core.mail import EmailMultiAlternatives

from notifications.channels.base import Parcel, Rendered
from notifications.channels.email import compose
from notifications.outbox import KINDS
from notifications.texts import _template, one_line, render

TEXTS = Path(settings.BASE_DIR) / "templates" / "notifications"
HOSTILE = [
    "{x.__class__}",
    "{lead_name.__class__.__mro__}",
    "{0}",
    "{lead_name!r}",
    "{lead_name:>9999999}",
    "{{ settings.SECRET_KEY }}",
    "{% include '/etc/passwd' %}",
    "${7*7}",
    "%(lead_name)s",
    "{due}",
]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_text_that_leaves_no_braces(kind: str) -> None:
    title, lines = _template(kind)
    names = set(re.findall(r"\{([a-z_]+)\}", "\n".join([title, *lines])))
    text = render(kind, {name: f"<{name}>" for name in names})
    assert "{" not in text.title + text.body
    assert text.title


def test_no_text_without_a_kind() -> None:
    assert {path.stem for path in TEXTS.glob("*.txt")} == set(KINDS)


@pytest.mark.parametrize("payload", HOSTILE)
def test_what_is_filled_in_is_never_read_as_a_text(payload: str) -> None:
    text = render(
        "lead.accepted", {"lead_and_company": payload, "owner": "Maya", "due": "SECRET", "company": payload}
    )
    assert text.title == f"{payload} was accepted by Maya"
    assert text.body == payload


@pytest.mark.parametrize("payload", HOSTILE[:9])
def test_a_text_with_other_braces_stays_as_it_is(payload: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("notifications.texts._template", lambda kind: (payload, [payload]))
    text = render("lead.accepted", {"lead_and_company": "Ruth", "x": "X"})
    assert (text.title, text.body) == (payload.replace("{lead_name}", "Ruth"), payload)


def test_lines_without_anything_to_say_are_left_out() -> None:
    text = render(
        "timer.warned", {"left": "3 min", "task": "reach Ruth", "due": "14:15", "tier_line": "Demo"}
    )
    assert text.title == "3 min left to reach Ruth. Due 14:15."
    assert text.body == "Demo"


@pytest.mark.parametrize("kind", ["../../etc/passwd", "lead", "lead.assigned/..", "LEAD.x", "lead.nothing"])
def test_unknown_kinds_have_no_text(kind: str) -> None:
    with pytest.raises(LookupError):
        render(kind, {})


@pytest.mark.parametrize("text", ["a\r\nBcc: x@y.example", "a\u2028b", "a\x00b", "a\tb"])
def test_a_title_is_one_line(text: str) -> None:
    line = one_line(text)
    assert line.isprintable()
    assert line.startswith("a ")


def mail_of(*messages: Rendered) -> EmailMultiAlternatives:
    parcel = Parcel(uuid4(), uuid4(), "email", 1, "Maya", "maya@acme.example", member_id=uuid4())
    return compose(parcel, messages)


def message(title: str, body: str = "", **extra: Any) -> Rendered:
    at = datetime(2026, 11, 17, 9, 0, tzinfo=UTC)
    return Rendered(
        uuid4(),
        uuid4(),
        extra.pop("kind", "lead.assigned"),
        "s",
        {},
        at,
        title,
        body,
        extra.pop("link", "https://sla.example/leads/1"),
    )


def test_html_is_escaped() -> None:
    evil = '<script>alert("x")</script><img src=x onerror=1>'
    for sent in (mail_of(message(evil, evil)), mail_of(message(evil), message(evil))):
        html = str(sent.alternatives[0][0])
        assert "<script" not in html
        assert "<img" not in html
        assert "&lt;script&gt;" in html
        assert "\n" not in sent.subject


def test_a_mails_header_cannot_be_split() -> None:
    sent = mail_of(message("Hello\r\nBcc: everybody@acme.example"))
    assert "Bcc" not in sent.message()
    assert sent.subject == "Hello Bcc: everybody@acme.example"
    assert sent.recipients() == ["maya@acme.example"]


def test_a_mail_has_text_html_and_a_stable_id() -> None:
    parcel = Parcel(uuid4(), uuid4(), "email", 1, "Maya", "maya@acme.example", member_id=uuid4())
    first, second = (compose(parcel, [message("Ruth is yours", "- why")]).message() for _ in range(2))
    assert first["Message-ID"] == second["Message-ID"] == f"<{parcel.id}@127.0.0.1>"
    assert {part.get_content_type() for part in first.walk()} >= {"text/plain", "text/html"}
    assert "https://sla.example/leads/1" in str(first.get_payload(0))
