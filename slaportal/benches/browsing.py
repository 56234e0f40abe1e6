"""Opening pages in this process and taking the time: shared by the benches of pages."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median, quantiles
from time import perf_counter

from django.db import connection, connections
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from slaportal.benches.crowd import Company
from tenants.context import tenant_scope
from tenants.models import Member

WARM_UP = 3


def bare(request: HttpRequest) -> HttpResponse:
    """The floor: what a page costs that shows nothing."""
    with connection.cursor() as cursor:
        cursor.execute("select 1")
        return HttpResponse(str(cursor.fetchone()[0]))


def analyze() -> None:
    """What autovacuum would have done by itself before anybody opens a page."""
    owner = connections["owner"]
    with owner.cursor() as cursor:
        cursor.execute("vacuum analyze")


def client_of(company: Company, name: str) -> Client:
    client = Client()
    with tenant_scope(company.tenant_id):
        member = Member.objects.select_related("user").get(name=name)
    client.force_login(member.user)
    return client


def get(client: Client, address: str) -> None:
    answer = client.get(address)
    if answer.status_code != 200:
        raise RuntimeError(f"{address} answered {answer.status_code}")


def times_of(action: Callable[[], object], count: int) -> list[float]:
    """Milliseconds of each of `count` runs, after a few that warm caches."""
    for _ in range(WARM_UP):
        action()
    taken = []
    for _ in range(count):
        began = perf_counter()
        action()
        taken.append((perf_counter() - began) * 1_000)
    return taken


def percentiles(values: list[float]) -> tuple[float, float]:
    return median(values), quantiles(values, n=20)[-1]


def queries_of(client: Client, address: str) -> int:
    get(client, address)
    with CaptureQueriesContext(connection) as captured:
        get(client, address)
    return len(captured)
