"""One JSON object a line, with the request and the tenant it belongs to. No lead data, no secrets."""

from __future__ import annotations

import json
import logging
from contextvars import ContextVar
from datetime import UTC, datetime

from tenants.context import tenant_id_or_none

request_id: ContextVar[str] = ContextVar("slaportal_request_id", default="")


class JsonFormatter(logging.Formatter):
    """Newlines inside a value are escaped by JSON itself, so a lead cannot forge a log line."""

    def format(self, record: logging.LogRecord) -> str:
        tenant = tenant_id_or_none()
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request_id.get():
            line["request"] = request_id.get()
        if tenant:
            line["tenant"] = str(tenant)
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)
