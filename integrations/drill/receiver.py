"""Where the webhooks of drills arrive: the portal's own receiver. It checks the signature as any receiver
should, and tells nobody anything.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Final
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from core.signing import InvalidSignature, verify_webhook
from integrations.models import Drill, DrillReceipt
from leads.models import Handoff
from notifications.channels.webhook import MAX_BODY
from notifications.models import WebhookEndpoint
from notifications.secrets import signing_secrets
from tenants.bulk import fresh, insert_rows
from tenants.clock import database_clock
from tenants.context import tenant_scope

_KIND_LENGTH: Final = 40


@csrf_exempt
@require_POST
def receive(request: HttpRequest, tenant_id: UUID) -> HttpResponse:
    """POST /drill/receiver/<organisation>: a signed webhook. 204 where the signature holds, else 401, which
    does not say whether there is such an organisation."""
    length = request.META.get("CONTENT_LENGTH") or ""
    if not length.isdigit() or int(length) > 2 * MAX_BODY:
        return HttpResponse(status=413)
    body = request.body
    with tenant_scope(tenant_id):
        endpoint = WebhookEndpoint.objects.filter(is_own=True).first()
        if endpoint is None:
            return HttpResponse(status=401)
        now = database_clock()
        try:
            message_id = verify_webhook(signing_secrets(endpoint, now), request.headers, body, now=now)
        except InvalidSignature:
            return HttpResponse(status=401)
        _keep(message_id, body, now)
    return HttpResponse(status=204)


def _keep(message_id: str, body: bytes, now: datetime) -> None:
    """Note a message about a lead of the drill that is under way; others are no business of a drill."""
    try:
        said = json.loads(body)
        kind, handoff_id = str(said["type"])[:_KIND_LENGTH], UUID(str(said["data"]["handoff"]))
    except (ValueError, KeyError, TypeError):
        return
    running = (Drill.State.ASKED, Drill.State.RUNNING)
    drill = Drill.objects.filter(state__in=running).first()
    is_drilled = Handoff.objects.filter(id=handoff_id, drill_seconds__isnull=False).exists()
    if drill is None or not is_drilled:
        return
    receipt = fresh(
        DrillReceipt, drill_id=drill.id, message_id=message_id[:80], kind=kind, handoff_id=handoff_id, at=now
    )
    insert_rows([receipt], conflict="on conflict do nothing")
