"""The names of database and roles, and where to connect."""

from __future__ import annotations

import dataclasses
from urllib.parse import quote, urlsplit, urlunsplit

DATABASE = "slaportal"
ADMIN = "postgres"
OWNER = "slaportal_owner"
APP = "slaportal_app"
RESOLVER = "slaportal_resolver"
BACKUP = "slaportal_backup"


@dataclasses.dataclass(frozen=True)
class EmbeddedUrls:
    """Where to connect, once per role, as URLs that libpq and django-environ both read."""

    admin: str
    owner: str
    app: str
    backup: str | None = None

    def as_env(self) -> dict[str, str]:
        """The environment variables that settings read."""
        env = {"DATABASE_URL": self.app, "DATABASE_OWNER_URL": self.owner}
        if self.backup:
            env["DATABASE_BACKUP_URL"] = self.backup
        return env


def with_role(url: str, role: str, password: str | None, database: str) -> str:
    """The same server as `url`, as another role and with another database."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    user = quote(role, safe="")
    if password is not None:
        user += ":" + quote(password, safe="")
    return urlunsplit(("postgres", f"{user}@{host}", f"/{quote(database, safe='')}", parts.query, ""))
