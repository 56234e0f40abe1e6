"""Is this process alive, and does it reach its database? For load balancers and containers."""

from __future__ import annotations

import logging

from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

logger = logging.getLogger("slaportal.health")


def database_answers() -> bool:
    """Whether a trivial statement comes back."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("select 1")
            return bool(cursor.fetchone() == (1,))
    except DatabaseError:
        logger.warning("the database does not answer", exc_info=True)
        return False


@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """GET /healthz: 200 when the process and its database answer, else 503."""
    well = database_answers()
    return JsonResponse({"status": "ok" if well else "down", "database": well}, status=200 if well else 503)
