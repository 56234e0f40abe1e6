"""The demo's logins, offered by one click on its sign-in page. Nothing here works unless DEMO is on."""

from __future__ import annotations

import json
from dataclasses import dataclass

from django.conf import settings


@dataclass(frozen=True, slots=True)
class DemoLogin:
    """One button. role and organisation are words to show; email is whom it signs in."""

    email: str
    name: str
    role: str
    organisation: str


def demo_logins() -> list[DemoLogin]:
    """The logins that `bin/demo` wrote down, in its order; none outside the demo, or before it was seeded."""
    if not settings.DEMO or not settings.DEMO_LOGINS.is_file():
        return []
    try:
        rows = json.loads(settings.DEMO_LOGINS.read_text())["logins"]
    except (json.JSONDecodeError, KeyError, OSError):  # half written: the seeding is still at work
        return []
    return [
        DemoLogin(row["email"].lower(), row["name"], row.get("role", ""), row.get("organisation", ""))
        for row in rows
    ]


def is_demo_login(email: str) -> bool:
    """Whether this e-mail may sign in without a password: it is one of the demo's, and this is the demo."""
    return email.strip().lower() in {login.email for login in demo_logins()}
