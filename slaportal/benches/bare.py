"""The floor of the ingest bench: a bare view of the API framework that inserts one row, served like the
product.

No key, no tenant, no middleware; one table without row security.
"""

from __future__ import annotations

import json
import os
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "slaportal.settings")

from django.conf import settings

CREATE = """
create table bench_bare (id uuid primary key, email text not null, body jsonb not null,
                         at timestamptz not null default clock_timestamp())
"""


def _application() -> Any:
    import django

    settings.MIDDLEWARE = []
    settings.ROOT_URLCONF = __name__
    django.setup()
    from django.core.handlers.wsgi import WSGIHandler

    return WSGIHandler()


def _patterns() -> list[Any]:
    from django.db import connection
    from django.urls import path
    from rest_framework.parsers import JSONParser
    from rest_framework.request import Request
    from rest_framework.response import Response
    from rest_framework.views import APIView
    from uuid_utils.compat import uuid7

    class BareView(APIView):
        authentication_classes = ()
        permission_classes = ()
        throttle_classes = ()
        parser_classes = (JSONParser,)

        def post(self, request: Request) -> Response:
            row_id = str(uuid7())
            body: dict[str, object] = request.data  # type: ignore[assignment]  # the floor checks nothing
            with connection.cursor() as cursor:
                cursor.execute(
                    "insert into bench_bare (id, email, body) values (%s, %s, %s)",
                    [row_id, str(body["email"]), json.dumps(body)],
                )
            return Response({"id": row_id}, status=201)

    return [path("bare", BareView.as_view())]


def __getattr__(name: str) -> Any:
    """Made when a server asks for them, so that listing the benches changes no settings."""
    if name == "application":
        return _application()
    if name == "urlpatterns":
        return _patterns()
    raise AttributeError(name)
