"""The leads of a drill, sent as any program would send them: over HTTP, with a key, once."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

import requests
from django.conf import settings

from integrations.models import Drill
from leads.incoming import LeadIn
from leads.triggers import CRITERIA, FORM, OUTSIDE, SCORE, Triggers, triggers_in_force

#: What says that a lead is one of a drill: its outside id is "<drill>:<place>".
SYSTEM: Final = "slaportal-drill"
_PATH: Final = "/api/v1/leads/bulk"
_CONNECT_SECONDS, _ANSWER_SECONDS = 5, 20


@dataclass(frozen=True, slots=True)
class Answer:
    """What the portal's own API said. rows: as `POST leads/bulk` answers; error: why there is none."""

    status: int = 0
    rows: Sequence[Mapping[str, Any]] = ()
    ms: int = 0
    error: str = ""


#: (documents, key, idempotency key) -> what the API said.
Post = Callable[[Sequence[Mapping[str, Any]], str, str], Answer]


def post(documents: Sequence[Mapping[str, Any]], key: str, once: str) -> Answer:
    """Send them to the portal's own address, through whatever stands before it."""
    address = f"{settings.SITE_URL.rstrip('/')}{_PATH}"
    began = time.monotonic()
    try:
        with requests.Session() as session:
            session.trust_env = False  # no proxy and no .netrc of the machine
            answer = session.post(
                address,
                json={"leads": list(documents)},
                headers={"Authorization": f"Bearer {key}", "Idempotency-Key": once},
                allow_redirects=False,
                timeout=(_CONNECT_SECONDS, _ANSWER_SECONDS),
            )
            took = round((time.monotonic() - began) * 1000)
            said = answer.json()
    except requests.exceptions.SSLError:
        return Answer(error=f"The certificate of {settings.SITE_URL} could not be verified.")
    except requests.exceptions.Timeout:
        return Answer(error=f"The portal did not answer at {settings.SITE_URL} in time.")
    except ValueError:
        return Answer(error=f"What answers at {settings.SITE_URL} is not the portal's API.")
    except (requests.exceptions.RequestException, OSError):
        return Answer(error=f"The portal cannot be reached at {settings.SITE_URL}.")
    if not isinstance(said, dict):
        return Answer(error=f"What answers at {settings.SITE_URL} is not the portal's API.")
    rows = said.get("results")
    if not isinstance(rows, list):
        detail = str(said.get("detail", ""))[:200]
        return Answer(answer.status_code, ms=took, error=f"The API answered {answer.status_code}. {detail}")
    return Answer(answer.status_code, rows, took)


def documents_of(drill: Drill) -> list[dict[str, Any]]:
    """The leads of a drill as they are posted, with what hands leads over here where that is not our
    criteria: a stage of another system, a score, a form.
    """
    triggers = triggers_in_force()
    found = []
    for place, lead in enumerate(drill.leads):
        company = {"name": f"Drill {place + 1}", "country": lead["country"], "employees": lead["employees"]}
        kind = lead["kind"]
        if CRITERIA not in triggers.kinds and FORM in triggers.kinds and triggers.forms:
            kind = kind if kind in triggers.forms else min(triggers.forms)
        found.append(
            {
                "email": address_of(drill.id, place),
                "external_system": SYSTEM,
                "external_id": f"{drill.id}:{place}",
                "first_name": "Drill",
                "last_name": lead["name"],
                "title": lead["title"],
                "source": lead["source"],
                "test": True,
                "company": {name: value for name, value in company.items() if value not in (None, "")},
                "engagements": [{"kind": kind}],
                **_said_by_others(triggers),
            }
        )
    return found


def _said_by_others(triggers: Triggers) -> dict[str, Any]:
    """What another system would say of a lead that is to be handed over."""
    if CRITERIA in triggers.kinds:
        return {}
    said: dict[str, Any] = {}
    stage = next((name for name in triggers.named if ":" not in name), "")
    if OUTSIDE in triggers.kinds and stage:
        said["stage"] = stage
    if SCORE in triggers.kinds and triggers.score_from is not None:
        said["score"] = triggers.score_from
    return said


def left_unsaid(triggers: Triggers) -> str:
    """Why a drill can say nothing that hands a lead over here, in words; "" where it can. It speaks for
    itself alone: a stage that one named system may say would be that system's."""
    if CRITERIA in triggers.kinds or _said_by_others(triggers):
        return ""
    if FORM in triggers.kinds and triggers.forms:
        return ""
    systems = sorted({stage.partition(":")[0].strip() for stage in triggers.named})
    if OUTSIDE not in triggers.kinds or not systems:
        return ""
    return (
        f"Leads are handed over here when {' or '.join(systems)} says so, and a drill does not speak for "
        "another system. What comes after was not drilled: set its stage on a test lead there instead."
    )


def address_of(drill_id: UUID, place: int) -> str:
    """The e-mail address of a lead of a drill, at a domain that nobody can have (RFC 2606)."""
    return f"drill-{drill_id.hex[-12:]}-{place + 1}@drill-{place + 1}.example"


def as_drilled(items: Sequence[LeadIn]) -> list[LeadIn]:
    """The arrivals; those of a running drill know how long its promises run. A query where one says that it
    is of a drill: a sender who only says so gets a test lead like any other.
    """
    said = {_drill_id(item) for item in items} - {None}
    if not said:
        return list(items)
    running = Drill.objects.filter(id__in=said, state=Drill.State.ASKED).values_list("id", "seconds")
    seconds: dict[UUID | None, int] = dict(running)
    return [_with_seconds(item, seconds.get(_drill_id(item))) for item in items]


def _with_seconds(item: LeadIn, seconds: int | None) -> LeadIn:
    return replace(item, drill_seconds=seconds) if seconds is not None else item


def _drill_id(item: LeadIn) -> UUID | None:
    if not item.test or item.external_system != SYSTEM:
        return None
    try:
        return UUID(item.external_id.partition(":")[0])
    except ValueError:
        return None
