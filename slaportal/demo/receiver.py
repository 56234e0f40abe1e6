"""The webhook receiver of the demo: takes signed messages on a loopback port and notes whether they hold."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID

from core.signing import InvalidSignature, verify_webhook
from notifications.models import WebhookEndpoint
from notifications.secrets import webhook_secret
from slaportal.demo import state
from tenants.clock import database_clock
from tenants.context import tenant_scope

MOST_BYTES = 100_000


def subscribe(tenant_id: UUID, port: int) -> None:
    """Point the organisation's demo endpoint at the receiver of this run. Makes it the first time."""
    url = f"http://127.0.0.1:{port}/{tenant_id}"
    with tenant_scope(tenant_id):
        # The portal's own one, which drills send to, has an address that looks the same.
        found = WebhookEndpoint.objects.filter(is_own=False, url__startswith="http://127.0.0.1:").first()
        if found is None:
            WebhookEndpoint.objects.create(url=url, created_at=database_clock())
        else:
            found.url, found.is_active, found.disabled_reason = url, True, ""
            found.save(update_fields=["url", "is_active", "disabled_reason"])


def secrets_by_path(tenant_ids: list[UUID]) -> dict[str, str]:
    """The signing secret of each demo endpoint, by the path of its address."""
    found = {}
    for tenant_id in tenant_ids:
        with tenant_scope(tenant_id):
            for endpoint in WebhookEndpoint.objects.filter(is_own=False, url__endswith=f"/{tenant_id}"):
                found[f"/{tenant_id}"] = webhook_secret(endpoint.id, endpoint.secret_number)
    return found


def serve(data_dir: Path, port: int, secrets: dict[str, str]) -> None:
    """Take messages until the process ends; a line a message goes to `webhooks.jsonl`."""
    log = (data_dir / state.WEBHOOKS).open("a", buffering=1)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), MOST_BYTES))
            verified, message_id = False, ""
            if self.path in secrets:
                try:
                    headers = dict(self.headers.items())
                    message_id = verify_webhook(secrets[self.path], headers, body, now=datetime.now(UTC))
                    verified = True
                except InvalidSignature:
                    verified = False
            log.write(json.dumps(_line(self.path, message_id, verified, body)) + "\n")
            self.send_response(204 if verified else 401)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: the file has it."""

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        server.daemon_threads = True
        server.serve_forever()


def _line(path: str, message_id: str, verified: bool, body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body)
    except ValueError:
        content = {}
    return {
        "at": datetime.now(UTC).isoformat(),
        "tenant": path.strip("/"),
        "id": message_id,
        "verified": verified,
        "type": content.get("type", ""),
        "data": content.get("data", {}),
    }
